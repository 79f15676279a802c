"""Files of other programs, read back by those programs' own readers."""

import pytest

import situations

FRAMES = list(range(0, 16))  # the first has no voids in any situation
EACH = pytest.mark.parametrize("situation", situations.ALL, ids=lambda situation: situation.__name__)


def links_of(voids):
    """Pairs of (frame, label) that follow each other in a track."""
    pairs = set()
    for _, track in voids.sort_values("frame").groupby("particle"):
        keys = list(zip(track["frame"], track["label"], strict=True))
        pairs |= set(zip(keys[:-1], keys[1:], strict=True))
    return pairs
