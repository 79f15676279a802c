"""Lists and spans of numbers in sentences."""

from collections.abc import Sequence


def name_first(items: Sequence[object], most: int) -> str:
    """The first ``most`` items, and how many more there are: "3, 5 and 67 more"."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more


def number_of(number: int, noun: str) -> str:
    """How many of something: "1 void", "1,204 voids"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def are(number: int) -> str:
    """The verb for so many."""
    return "is" if number == 1 else "are"


def span(values: Sequence[float]) -> str:
    """The least and the largest of ``values``: "-60 to 60", or "30" where they are one."""
    low, high = (f"{end(values):g}" for end in (min, max))
    return low if low == high else f"{low} to {high}"
