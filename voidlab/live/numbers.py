"""Numbers of frames from the names of files that arrive one by one: those that a run would give them all together.

To ask for all names each time would take longer with every image. It is done when their number has doubled; between,
the number that counted so far goes on counting.
"""

from collections.abc import Sequence
from pathlib import Path

from voidlab.images.errors import ImagesError
from voidlab.images.frame_numbers import digit_runs
from voidlab.images.in_names import read_names
from voidlab.images.name_tilts import plain_dashes

_DIGIT = "0123456789"


class FrameNumbers:
    """The frame number of each file by its name; ``pattern`` and ``step`` are those of the parameters."""

    def __init__(self, pattern: str | None = None, step: int = 1) -> None:
        self._pattern, self._step = pattern, step
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._counts: tuple[str, int] | None = None  # form of the names, and which number in them counts
        self._ask_at = 1

    def __getitem__(self, name: str) -> int:
        return self._numbers[name]

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, name: str) -> dict[str, int]:
        """Take in the file ``name``; give what has a number now, or another one than before.

        Raises
        ------
        ImagesError
            If the order of the files is not clear with it, as where a number stands twice; it is then not taken in.
        """
        return self.add_all([name])

    def add_all(self, names: Sequence[str]) -> dict[str, int]:
        """Take in several files; else as `add`."""
        new = [name for name in names if name not in self._numbers]
        quick = {name: self._quick(name) for name in new}
        numbers = {name: number for name, number in quick.items() if number is not None}
        if len(self) + len(new) >= self._ask_at or len({*numbers.values()}) < len(new):
            found = read_names([Path(name) for name in [*self._numbers, *new]], self._pattern, self._step)
            numbers = {path.name: number for path, number in zip(found.files, found.numbers, strict=True)}
            self._learn(numbers)
        changed = {name: number for name, number in numbers.items() if self._numbers.get(name) != number}
        self._numbers.update(changed)
        if len(changed) > len(new):  # also of files that had other numbers before
            self._names = {number: name for name, number in self._numbers.items()}
        self._names.update({number: name for name, number in changed.items()})
        return changed

    def rename(self, before: str, name: str) -> dict[str, int]:
        """The file ``before`` is called ``name`` now; else as `add`."""
        number = self._numbers.get(before)
        self.drop(before)
        try:
            return self.add(name)
        except ImagesError:
            if number is not None:
                self._numbers[before], self._names[number] = number, before
            raise

    def drop(self, name: str) -> None:
        """Forget the file ``name``."""
        number = self._numbers.pop(name, None)
        if number is not None:
            self._names.pop(number, None)

    def _quick(self, name: str) -> int | None:
        """The number of a name of the usual form, if nothing else has it; else None."""
        form, runs = _form(name), digit_runs(plain_dashes(Path(name).stem))
        if self._counts is None or form != self._counts[0] or len(runs) < self._counts[1]:
            return None
        number, rest = divmod(runs[-self._counts[1]], self._step)
        return None if rest or number in self._names else number

    def _learn(self, numbers: dict[str, int]) -> None:
        """Which of the numbers in the names it is, where one of them is it in all."""
        self._counts, self._ask_at = None, 2 * len(numbers)
        forms = {_form(name) for name in numbers}
        runs = {name: digit_runs(plain_dashes(Path(name).stem)) for name in numbers}
        if self._pattern is not None or len(forms) > 1 or len(numbers) < 3:
            self._ask_at = 1
            return
        for place in range(1, min(map(len, runs.values()), default=0) + 1):
            if all(runs[name][-place] == number * self._step for name, number in numbers.items()):
                self._counts = forms.pop(), place
                return
        self._ask_at = 1


def _form(name: str) -> str:
    """``name`` without its digits."""
    return name.translate(str.maketrans("", "", _DIGIT))
