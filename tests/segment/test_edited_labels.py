"""There and back with napari: tracks lie on the labels, and edited labels come out of the corrections exactly."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from voidlab import cli, tables
from voidlab.images.label_stack import LabelWriter, open_labels
from voidlab.images.series import ImagesError
from voidlab.measure import measure_voids
from voidlab.project import corrections
from voidlab.project.edits import AddVoid, DeleteVoid, RedrawVoid
from voidlab.segment import corrections as mend
from voidlab.segment import edited_labels

SHAPE = (50, 80)


def disc(x, y, r):
    ys, xs = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.hypot(xs - x, ys - y) <= r


@pytest.fixture
def before():
    labels = np.zeros(SHAPE, np.int32)
    for number, (x, y) in enumerate([(15, 15), (40, 20), (60, 35)], 1):
        labels[disc(x, y, 6)] = number
    return labels


def same_parts(a, b):
    """Whether two label images part the pixels alike, whatever the numbers."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1).T
    return len(pairs) == len(np.unique(a)) == len(np.unique(b)) and ((pairs == 0).sum(axis=1) != 1).all()


def there_and_back(before, after):
    voids = measure_voids(before, frame=4)
    edits = edited_labels.edits_of_frame(voids, before, after, frame=4)
    mended, labels, reasons = mend.correct_frame(voids, before, edits)
    assert reasons == [""] * len(edits)
    assert same_parts(labels, after)
    assert len(tables.kept(mended)) == len(np.unique(after)) - 1
    return edits


def test_nothing_changed_gives_no_edit(before):
    assert there_and_back(before, before) == []


def test_a_void_removed_one_added_one_changed(before):
    after = before.copy()
    after[after == 1] = 0
    after[disc(70, 10, 5)] = 9
    after[disc(42, 20, 7)] = 2
    kinds = [type(edit) for edit in there_and_back(before, after)]
    assert kinds == [DeleteVoid, RedrawVoid, AddVoid]


def test_pixels_that_change_hands_between_neighbours(before):
    after = np.where(before == 2, 1, np.where(before == 1, 2, before))
    assert len(there_and_back(before, after)) == 2


def test_a_void_erased_and_its_number_used_elsewhere(before):
    after = np.where(before == 3, 0, before)
    after[disc(10, 42, 4)] = 3
    there_and_back(before, after)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_scribble_comes_back_exactly(seed):
    rng = np.random.default_rng(seed)
    before = np.zeros(SHAPE, np.int32)
    for number in range(1, 6):
        before[disc(rng.uniform(0, 80), rng.uniform(0, 50), rng.uniform(2, 8))] = number
    after = before.copy()
    for _ in range(rng.integers(0, 5)):
        after[disc(rng.uniform(0, 80), rng.uniform(0, 50), rng.uniform(1, 9))] = rng.integers(0, 8)
    there_and_back(before, after)


def test_another_number_or_size_of_images_is_refused(before):
    frames = pd.DataFrame({"frame": [4]})
    voids = measure_voids(before, frame=4)
    with pytest.raises(ImagesError, match="have 2 images, labels.tif has 1"):
        edited_labels.edits_of_series(frames, voids, [before], [before, before])
    with pytest.raises(ImagesError, match=r"are 50 × 80 px in frame 4, labels.tif is 80 × 50 px \(width"):
        edited_labels.edits_of_series(frames, voids, [before], [before.T])


def test_tracks_lie_on_the_labels(finished):
    paths, _, _ = finished
    trails = pd.read_csv(paths.exports / "napari-tracks.csv")
    assert list(trails.columns) == ["ID", "T", "Y", "X"]
    labels = open_labels(paths.labels)
    on = [labels[t][round(y), round(x)] > 0 for t, y, x in trails[["T", "Y", "X"]].itertuples(index=False)]
    assert np.mean(on) > 0.98
    assert trails[["ID", "T"]].equals(trails[["ID", "T"]].sort_values(["ID", "T"]))


def test_the_command_takes_edited_labels(copied, monkeypatch, capsys):
    monkeypatch.chdir(copied.root)
    stack = [page.copy() for page in open_labels(copied.labels)]
    stack[1][stack[1] == stack[1].max()] = 0
    with LabelWriter(copied.root / "edited.tif") as writer:
        for page in stack:
            writer.append(page)
    assert cli.main(["correct", "small", "edited.tif"]) == 0
    assert "deleted the void at" in capsys.readouterr().out
    assert len(corrections.read_log(copied.corrections).kept("segment")) == 1
    # taken twice, it would count twice: the results have to be made anew first
    assert cli.main(["correct", "small", "edited.tif"]) == 2
    assert "before the last corrections" in capsys.readouterr().err


def test_a_label_that_is_the_number_of_a_loop_is_a_new_void(before):
    """Loops have numbers above those of the voids, and no pixels."""
    voids = measure_voids(before, frame=4)
    loop = voids.iloc[:1].assign(label=4, kind="loop", x_px=70.0, y_px=10.0)
    after = before.copy()
    after[disc(30, 40, 5)] = 4
    edits = edited_labels.edits_of_frame(pd.concat([voids, loop]), before, after, frame=4)
    assert [type(edit) for edit in edits] == [AddVoid]


@pytest.mark.parametrize(("make", "found"), [
    (lambda labels: np.zeros_like(labels), "no label in any image"),
    (lambda labels: np.where(labels > 0, 255, 0), "a single value, 255, as a mask does"),
])  # fmt: skip
def test_a_mask_or_an_empty_image_does_not_delete_every_void(before, make, found):
    series = [before, np.where(before > 0, before + 3, 0)]
    frames = pd.DataFrame({"frame": [4, 5]})
    voids = pd.concat(
        [measure_voids(labels, frame=frame) for frame, labels in zip((4, 5), series, strict=True)]
    )
    with pytest.raises(ImagesError, match=f"hold {found}; .* Nearly all 6 voids would be deleted"):
        edited_labels.edits_of_series(frames, voids, series, [make(labels) for labels in series])
    one_left = [np.where(labels == 1, 1, 0) for labels in series]
    with pytest.raises(ImagesError, match="a single value, 1, as a mask does"):
        edited_labels.edits_of_series(frames, voids, series, one_left)
    assert len(edited_labels.edits_of_series(frames, voids, series, [series[0], np.zeros_like(before)])) == 3


def test_labels_below_0_are_none(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", -np.ones(SHAPE, np.int16))
    with pytest.raises(
        ImagesError, match="values that are no labels: expected whole numbers, 0 to 2,147,483,647"
    ):
        open_labels(tmp_path / "a.tif")[0]
