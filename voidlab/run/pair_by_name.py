"""Two images may be one field under focus and over it: how to ask for that, and which is which by their names."""

import re
from collections.abc import Sequence
from pathlib import Path

_FOCUS = r"(?<![a-z])(?:{})(?:[ _-]?foc[a-z]*)?(?![a-z])|(?<![a-z0-9]){}\d"
_UNDER = re.compile(_FOCUS.format("under|uf|minus", "[-−]"), re.IGNORECASE)
_OVER = re.compile(_FOCUS.format("over|of|plus", r"\+"), re.IGNORECASE)


def under_and_over(files: Sequence[Path]) -> tuple[Path, Path, bool]:
    """Of two ``files`` the one under focus, the one over it, and whether their names say so: else it is a guess."""
    first, second = files
    for under, over in ((first, second), (second, first)):
        if _says(_UNDER, under, over) and _says(_OVER, over, under):
            return under, over, True
    return first, second, False


def _says(word: re.Pattern[str], one: Path, other: Path) -> bool:
    """Whether ``one`` alone has the ``word`` in its name."""
    return bool(word.search(one.stem)) and not word.search(other.stem)


def how_to_ask(parameters: str, *, is_said: bool) -> str:
    """The sentence on two images that may be a pair; ``parameters`` is the file that has the line for it."""
    asked = "By their names these two are one field under focus and over it."
    asked = asked if is_said else "Are these two one field, under focus and over it?"
    which = "" if is_said else "; see which is which"
    return (
        f"{asked} To have them compared as a focus pair, remove the line images: in {parameters}, and the # before "
        f"focus_pair:{which}."
    )
