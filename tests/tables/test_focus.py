"""What images are called, and which of them are a series."""

import pandas as pd

from voidlab.tables.focus import OF_PAIR, is_pair, is_series, name_of

VIDEO = pd.DataFrame({"frame": [3, 4], "focus": ""})
PAIR = pd.DataFrame({"frame": [1, 2], "focus": list(OF_PAIR)})


def test_the_images_of_a_pair_are_called_by_their_focus_and_others_by_their_number():
    assert [name_of(frame, PAIR) for frame in (1, 2)] == ["over focus", "under focus"]
    assert name_of(4, VIDEO) == "frame 4"
    assert name_of(4, VIDEO[["frame"]]) == "frame 4"


def test_a_series_has_several_images_that_are_no_pair():
    assert [is_series(frames) for frames in (VIDEO, PAIR, VIDEO[:1], VIDEO[:0])] == [
        True,
        False,
        False,
        False,
    ]
    assert [is_pair(frames) for frames in (VIDEO, PAIR, PAIR[:0])] == [False, True, False]
