"""What a watch cannot do at present, by its kind: told on the page until it can."""

from collections.abc import Callable
from pathlib import Path


class Problems(dict[str, str]):
    """Sentences by the kind of problem; ``folder`` is where results are written."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def write(self, kind: str, do: Callable[[], object]) -> None:
        """Do what writes to the disk; where that takes no more, say so and go on."""
        try:
            do()
            self.pop(kind, None)
        except OSError as error:
            self[kind] = f"cannot write below {self._folder}: {error.strerror or error}."
