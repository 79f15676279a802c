"""Latest value wins: while a slider is dragged, values that a newer one has overtaken are never computed."""

import asyncio
from collections.abc import Callable
from threading import Lock


class Latest:
    """Calls ``do`` once for all that was asked for in a pause of ``pause_s``; at once where no event loop runs.

    With ``patient`` the pause begins anew with every `ask`: for work that takes long. It may be asked from several
    threads: JupyterLab lets widgets answer in one of their own.
    """

    def __init__(self, do: Callable[[], None], *, pause_s: float = 0.02, patient: bool = False) -> None:
        self._do = do
        self._pause_s = pause_s
        self._patient = patient
        self._lock = Lock()
        self._asked = self._done = 0

    def ask(self) -> None:
        """Let ``do`` be called, with whatever holds by then."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._do()
            return
        with self._lock:
            self._asked += 1
            asked = self._asked
        loop.call_later(self._pause_s, self._now, asked)

    def forget(self) -> None:
        """Let what was asked for be."""
        with self._lock:
            self._done = self._asked

    def _now(self, asked: int) -> None:
        with self._lock:
            overtaken = asked <= self._done or (self._patient and asked < self._asked)
            if not overtaken:
                self._done = self._asked
        if not overtaken:
            self._do()
