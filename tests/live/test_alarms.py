"""When images turn useless: said soon, and not of a specimen that has few voids."""

from dataclasses import replace

import pytest

from voidlab.live import alarms
from voidlab.live.followed import Followed
from voidlab.live.index import BLANK, OK, Entry


def entries(counts):
    """Images with so many voids; None: blank."""
    return [
        Entry(f"a{frame}.tif", 1, 1, frame, BLANK if count is None else OK, count=count or 0)
        for frame, count in enumerate(counts)
    ]


@pytest.mark.parametrize(
    ("counts", "unread", "said"),
    [
        ([50] * 6, 0, ""),
        ([50] * 4 + [0, None], 0, ""),
        ([50] * 3 + [0, None, 0], 0, "1 blank, 2 without voids, where there were 50 voids"),
        ([50, None, 50, None, 50, None], 0, "3 blank"),
        ([50] * 5 + [None], 2, "1 blank, 2 not to be read"),
        ([50] * 6, 2, ""),
        ([0, 0, 0, 0, 0, 0], 0, "6 without voids, where there were 50 voids"),
    ],
)
def test_half_of_the_last_six_images_of_no_use_are_told(counts, unread, said):
    found = alarms.of_images(entries(counts), usual=50, unread=unread)
    assert found == (
        [f"of the last 6 images {said}: is the beam on, and the specimen in view?"] if said else []
    )


def test_three_blank_ones_on_end_are_told_once():
    assert alarms.of_images(entries([50, 50, 50, None, None, None]), 50) == [
        "the last 3 images are blank: is the beam on?"
    ]


@pytest.mark.parametrize(
    ("beyond", "said"),
    [
        ([0.0] * 6, []),
        ([0.0] * 4 + [0.9, 0.9], []),
        ([0.9] * 5 + [0.4], []),
        ([0.0] * 3 + [0.6, 0.7, 0.9], ["brighter", "(90% of", "was beam, gain or exposure changed?"]),
        ([0.0] * 3 + [-1.0] * 3, ["darker", "(100% of", "is the beam on,"]),
    ],
)
def test_images_outside_the_intensities_are_told_once_with_what_to_do(beyond, said):
    blank = [None if abs(share) == 1 else 50 for share in beyond]
    found = alarms.of_images(
        [replace(entry, beyond=share) for entry, share in zip(entries(blank), beyond, strict=True)], 50
    )
    assert len(found) == bool(said)
    for words in [*said, "Decide again"] if said else []:
        assert words in found[0]


def test_voids_that_are_all_gone_are_told_once_and_blank_ones_beside_another_count_too():
    (gone,) = alarms.of_images(entries([50] * 9 + [0, 0, 0]), 50)
    assert gone.startswith("the number of voids went from 50 to 0 (frame 11)")
    assert alarms.of_images(entries([8] * 9 + [0, 0, 0]), 8) == [
        "of the last 6 images 3 without voids, where there were 8 voids: is the beam on, and the specimen in view?"
    ]
    more, blank = alarms.of_images(entries([50] * 9 + [None, 90, None, 90, None, 90]), 50)
    assert more.startswith("the number of voids went from 50 to 90 (frame 14)")
    assert blank.startswith("of the last 6 images 3 blank: is the beam on")


def test_few_voids_or_none_are_no_alarm():
    assert alarms.of_images(entries([2, 0, 0, 0, 1, 0]), usual=2) == []
    assert alarms.usual_count(entries([40, 0, 60, None, 0])) == 50
    assert alarms.usual_count(entries([40] + [0] * 4)) == 0
    assert alarms.usual_count([]) == 0


def test_images_without_voids_are_no_place_to_register():
    placed = [Followed(frame, "", 0.0, 0.0, is_blank=frame > 4) for frame in range(8)]
    assert alarms.of_drift(placed, 100, seen={7}, usual=50) == [
        "registration lost at frame 7: it has no voids to tell where it lies by."
    ]
    assert alarms.of_drift(placed, 100, seen=(), usual=50) == []  # blank: that is told as such
    assert alarms.of_drift(placed, 100, seen={7}, usual=2) == []
    assert alarms.of_drift(placed[:7], 100, seen={6}, usual=50) == []  # two of them
