"""Lists in sentences that say what they leave out."""

from collections.abc import Sequence


def name_first(items: Sequence[object], most: int) -> str:
    """The first ``most`` items, and how many more there are: "3, 5 and 67 more"."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more
