"""Latest value wins: while a slider is dragged, values that a newer one has overtaken are never computed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Latest:
    """Calls ``do`` once for all that was asked for in a pause of ``pause_s``; at once where no event loop runs.

    With ``patient`` the pause begins anew with every `ask`: for work that takes long.
    """

    def __init__(self, do: Callable[[], None], *, pause_s: float = 0.02, patient: bool = False) -> None:
        self._do = do
        self._pause_s = pause_s
        self._patient = patient
        self._due: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Let ``do`` be called, with whatever holds by then."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._do()
            return
        if self._due and self._patient:
            self.forget()
        if not self._due:
            self._due = loop.call_later(self._pause_s, self._now)

    def forget(self) -> None:
        """Let what was asked for be."""
        if self._due:
            self._due.cancel()
        self._due = None

    def _now(self) -> None:
        self._due = None
        self._do()
