"""The classical segmenter on named situations, series with bad frames, and real images when they are at hand."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from beside_voids import DOTS, LOOPS, SeesMore
from drawn_images import SHAPE, Series, image_with
from voidlab import scores, segment, simulate, swelling, tables
from voidlab.images.series import open_series
from voidlab.project.parameters.models import DatasetParameters, SegmentParameters
from voidlab.project.parameters.sizes import in_px
from voidlab.segment import model_file, network


def find(image, **options):
    return segment.load_segmenter("classical", **({"contrast": "bright"} | options)).find(image)


def test_none():
    result = segment.load_segmenter("classical").run(image_with())
    assert len(result.voids) == 0
    assert list(result.voids.columns) == tables.TABLES["voids"].names
    assert not result.labels.any()


@pytest.mark.parametrize("radius", [3, 6.5, 14, 35])
def test_one_of_any_size(radius):
    (void,) = find(image_with((80.3, 60.7, radius))).to_dict("records")
    assert (void["x_px"], void["y_px"]) == (pytest.approx(80.3, abs=0.6), pytest.approx(60.7, abs=0.6))
    assert void["radius_px"] == pytest.approx(radius, rel=0.12)
    assert void["confidence"] > 0.5
    assert void["frame"] == 0
    assert not void["touches_edge"]


@pytest.mark.parametrize(("x", "y"), [(6, 60), (174, 60), (90, 6), (90, 114)])
def test_one_at_each_edge(x, y):
    (void,) = find(image_with((x, y, 8))).to_dict("records")
    assert void["touches_edge"]
    assert void["radius_px"] == pytest.approx(8, rel=0.2)


def test_two_that_touch_are_two():
    voids = find(image_with((70, 60, 9), (88, 60, 9))).sort_values("x_px")
    assert voids["x_px"].tolist() == pytest.approx([70, 88], abs=1.2)
    assert voids["radius_px"].tolist() == pytest.approx([9, 9], rel=0.15)


def test_two_that_overlap_keep_their_full_circles():
    voids = find(image_with((70, 60, 10), (84, 62, 8))).sort_values("x_px")
    assert len(voids) == 2
    assert voids["radius_px"].tolist() == pytest.approx([10, 8], rel=0.15)
    assert voids["area_px"].sum() < 0.97 * np.pi * (100 + 64)


def test_a_faint_one_is_found():
    voids = find(image_with((80, 60, 9), contrast=0.15, noise=0.05))
    assert len(voids) == 1


def test_dark_is_bright_upside_down():
    image = image_with((50, 40, 7), (100, 80, 12))
    bright, dark = find(image), find(1 - image, contrast="dark")
    pd.testing.assert_frame_equal(bright, dark, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("sign", [1, -1])
def test_auto_sees_which_it_is(sign):
    discs = [(25 + 30 * i, 30 + 40 * (i % 3), 6) for i in range(5)]
    image = image_with(*discs)
    voids = find(image if sign > 0 else 1 - image, contrast="auto")
    assert len(voids) == 5


def test_the_grey_scale_does_not_matter():
    image = image_with((50, 40, 7), (100, 80, 12))
    pd.testing.assert_frame_equal(find(image), find(200 * image + 1000), rtol=1e-2, atol=0.05)


@pytest.mark.parametrize(
    "image", [np.zeros(SHAPE), np.full(SHAPE, np.nan), np.ones((16, 40))], ids=["0", "nan", "1"]
)
def test_blank_images_hold_nothing(image):
    assert len(find(image, contrast="auto")) == 0


def test_pixels_that_are_not_finite_are_passed_over():
    image = image_with((80, 60, 9))
    image[:10, :20] = np.nan
    assert len(find(image)) == 1


def test_labels_and_rows_belong_together():
    discs = [(20 + 25 * i, 25 + 30 * (i % 3), 5 + i) for i in range(6)]
    result = segment.load_segmenter("classical", contrast="bright").run(image_with(*discs))
    assert result.probability.shape == result.labels.shape == SHAPE
    assert result.probability.dtype == np.float32
    assert result.labels.dtype == np.int32
    assert set(np.unique(result.labels)) - {0} == set(result.voids["label"])
    assert np.bincount(result.labels.ravel())[1:].tolist() == result.voids["area_px"].tolist()
    assert 0 <= result.probability.min() <= result.probability.max() <= 1
    middle = result.voids.iloc[0]
    assert result.labels[round(middle["y_px"]), round(middle["x_px"])] == middle["label"]


def test_run_find_and_label_agree():
    image = image_with((50, 40, 7), (100, 80, 12))
    segmenter = segment.load_segmenter("classical")
    result = segmenter.run(image)
    pd.testing.assert_frame_equal(result.voids, segmenter.find(image))
    np.testing.assert_array_equal(result.labels, segmenter.label(image))


def test_threshold_and_sizes_choose():
    image = image_with((50, 40, 4), (100, 80, 14), contrast=0.2)
    assert len(find(image)) == 2
    assert len(find(image, min_radius_px=8)) == 1
    assert len(find(image, max_radius_px=8)) == 1
    assert len(find(image, threshold=0.001)) >= 2


def test_a_flipped_image_has_flipped_voids():
    image = image_with((50, 40, 7), (100, 80, 12), (130, 30, 5))
    here, there = find(image), find(image[:, ::-1])
    assert sorted(here["x_px"]) == pytest.approx(sorted(SHAPE[1] - 1 - there["x_px"]), abs=0.3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name_or_path": "clasical"}, "there is no segmenter 'clasical'.*Did you mean 'classical'"),
        ({"name_or_path": "mine.safetensors"}, "there is no file mine.safetensors"),
        ({"name_or_path": "small_voids_031023.pth"}, "is a pickle: opening it runs whatever is in it"),
        ({"contrast": "light"}, "contrast: .*'auto', 'bright' or 'dark', found 'light'"),
        ({"threshold": 50}, "threshold: .*less than 1, found 50"),
        ({"threshold": 0}, "threshold: .*greater than 0, found 0"),
        ({"threshold": float("nan")}, "threshold: .*finite number, found nan"),
        ({"min_radius_px": 0.5}, "min_radius_px: .*greater than or equal to 1, found 0.5"),
        ({"min_radius_px": 9, "max_radius_px": 8}, "max_radius_px = 8: expected more than min_radius_px = 9"),
        ({"edge_buffer_px": -1}, "edge_buffer_px: .*greater than or equal to 0, found -1"),
    ],
)
def test_what_cannot_be_is_explained(options, said):
    with pytest.raises(segment.ModelError, match=said):  # which the command line says without a traceback
        segment.load_segmenter(**{"name_or_path": "classical"} | options)


def test_numbers_of_numpy_are_numbers():
    method = segment.load_segmenter("classical", threshold=np.float32(0.25), edge_buffer_px=np.int64(3))
    assert (method.threshold, method.edge_buffer_px) == (0.25, 3)


def test_a_colour_image_is_refused():
    with pytest.raises(ValueError, match=r"expected \(H, W\)"):
        find(np.zeros((20, 30, 3)))


@pytest.mark.parametrize("name", ["voids", "classical"])
@pytest.mark.parametrize("shape", [(0, 12), (9, 0)])
def test_an_image_without_pixels_is_refused(name, shape):
    with pytest.raises(
        ValueError, match=rf"has shape \({shape[0]}, {shape[1]}\), no pixels; expected \(H, W\)"
    ):
        segment.load_segmenter(name).run(np.zeros(shape))


def test_a_series_with_every_kind_of_frame():
    good = image_with((50, 40, 7), (100, 80, 12))
    series = Series(
        [good, OSError("b.tif is cut short"), np.zeros(SHAPE), good, good], ["ok"] * 4 + ["excluded"]
    )
    kept = []
    frames, voids = segment.segment_series(
        series, segment.load_segmenter("classical"), keep_labels=kept.append
    )
    assert frames["status"].tolist() == ["ok", "unreadable", "blank", "ok", "excluded"]
    assert frames["void_count"].fillna(-1).tolist() == [2, -1, -1, 2, -1]
    assert voids.groupby("frame").size().to_dict() == {5: 2, 8: 2}
    assert [labels.any() for labels in kept] == [True, False, False, True, False]
    assert frames["void_fraction"].iloc[0] == np.count_nonzero(kept[0]) / kept[0].size
    assert np.isnan(frames["void_fraction"].iloc[1])


def test_no_more_images_are_in_memory_than_the_segmenter_can_use(monkeypatch):
    class Two(segment.ClassicalSegmenter):
        at_once = 2

    class Counted(Series):
        def __getitem__(self, row):
            read.append(row)
            ahead.append(len(read) - len(kept))
            return super().__getitem__(row)

    read, kept, ahead = [], [], []
    monkeypatch.setattr("os.cpu_count", lambda: 32)
    segment.segment_series(
        Counted([image_with((50, 40, 7))] * 12), Two(contrast="bright", focus=None), keep_labels=kept.append
    )
    assert len(kept) == 12
    assert max(ahead) <= 3  # two worked on, and one that waits for its turn


def test_no_readable_frame_is_an_error():
    series = Series([OSError("a.tif is cut short")] * 2)
    with pytest.raises(
        ValueError, match=r"no image of the series can be read, the first: a.tif is cut short"
    ):
        segment.segment_series(series, segment.load_segmenter("classical"))


def test_contrast_is_decided_once_for_the_series():
    discs = [(25 + 30 * i, 30 + 40 * (i % 3), 6) for i in range(5)]
    # One frame alone would be taken for bright.
    odd = 1 - image_with(*discs, contrast=-0.3)
    series = Series([1 - image_with(*discs, seed=i) for i in range(4)] + [odd])
    _, voids = segment.segment_series(series, segment.load_segmenter("classical", contrast="auto"))
    assert voids.groupby("frame").size().to_dict() == {5: 5, 6: 5, 7: 5, 8: 5}


def test_progress_sees_every_frame():
    seen = []

    def progress(rows, total):
        for row in rows:
            seen.append((row, total))
            yield row

    segment.segment_series(Series([image_with()] * 3), segment.load_segmenter("classical"), progress=progress)
    assert seen == [(0, 3), (1, 3), (2, 3)]


def test_the_simulated_series_scores_well():
    series = simulate.tilt_series(seed=11, views=2, shape=(400, 560), voids=60, noise=0.04)
    truth = series.truth.voids
    visible = truth["radius_px"] >= 4
    for row in range(2):
        here = truth[truth["frame"] == row + 1].assign(ignored=~visible | truth["touches_edge"])
        # A void at the border may have its centre outside, where the truth has none.
        found = find(series.images[row]).query("not touches_edge")
        score = scores.score_voids(here.drop(columns="frame"), found.drop(columns="frame"))
        assert score["precision"] > 0.9
        assert score["recall"] > 0.8
        assert score["radius_error"] < 0.08
        assert abs(score["radius_bias"]) < 0.06


def test_a_real_frame_of_voids(shared):
    folder = shared / "argonne_voids"
    truth = pd.read_csv(folder / "void_frame_0705_labels.csv").rename(columns={"r_px": "radius_px"})
    truth["ignored"] = (truth["kind"] == "ambiguous") | (truth["touches_edge"] == 1)
    found = find(open_series(folder / "void_frame_0705.tif")[0], contrast="auto").drop(columns="frame")
    score = scores.score_voids(truth, found)
    assert score["f1"] > 0.92
    assert score["radius_error"] < 0.07


@pytest.mark.parametrize("frame", [1, 20, 39, 58, 77, 96])
def test_real_frames_of_dark_particles(shared, frame):
    series = open_series(shared / "gold_video" / "frames")
    found = find(series[frame - 1], contrast="auto")
    mask = iio.imread(shared / "gold_video" / "masks" / f"frame_{frame:03d}.png")[..., 0] > 0
    objects, count = ndimage.label(mask)
    height, width = mask.shape
    x, y = (found[c].round().astype(int).clip(0, n - 1) for c, n in (("x_px", width), ("y_px", height)))
    at = objects[y, x]
    assert (at > 0).mean() > 0.93  # precision: finds that lie on a particle
    assert len(np.unique(at[at > 0])) / count > 0.93  # recall: particles in which something was found


@pytest.mark.parametrize("shape", [(9, 12), (3, 3), (1, 40), (150, 210)])
@pytest.mark.parametrize("contrast", ["auto", "bright", "dark"])
def test_nothing_to_find_in_noise(shape, contrast):
    image = np.random.default_rng(0).normal(0.4, 0.04, shape).astype(np.float32)
    for smallest, largest in ((2.5, 80), (60, 80)):
        method = segment.load_segmenter(
            "classical", contrast=contrast, min_radius_px=smallest, max_radius_px=largest
        )
        found = method.with_contrast_from([image]).run(image)
        assert len(found.voids) == 0
        assert not found.labels.any()
        tables.check(found.voids, "voids")


def test_images_that_cannot_be_read_are_told_of():
    said = []
    series = Series([image_with(), OSError("b.tif is cut short"), image_with()])
    segment.segment_series(series, segment.load_segmenter("classical"), log=said.append)
    assert said == ["frame 6 is left out: b.tif is cut short"]


def test_an_image_of_another_size_stops_the_series():
    series = Series(
        [image_with()] * 2 + [ValueError("c.tif is 16 × 8 px, but a.tif and others are 20 × 12 px")]
    )
    with pytest.raises(ValueError, match=r"c\.tif is 16 × 8 px, but a\.tif"):
        segment.segment_series(series, segment.load_segmenter("classical"))


# --- kinds -------------------------------------------------------------------------------------------------------


def test_voidlabs_networks_are_asked_for_loops_and_dots():
    for name in ("voids", "mine.safetensors"):
        segment.check_asked(name, ["void", "loop", "dot"], use_series=True)


def test_other_segmenters_cannot_tell_loops():
    for name in ("classical", "mine.pt2"):
        with pytest.raises(
            segment.ModelError, match=f"'{name}' cannot tell loops: only voidlab's own networks"
        ):
            segment.check_asked(name, ["loop"])
    with pytest.raises(segment.ModelError, match="'classical' cannot tell loops or dots"):
        segment.load_segmenter("classical", kinds=["void", "loop", "dot"])
    with pytest.raises(segment.ModelError, match="kinds"):
        segment.load_segmenter("classical", kinds=["voids"])
    with pytest.raises(
        segment.ModelError, match="use_series: what the segmenter 'classical' calls confidence"
    ):
        segment.load_segmenter("classical", use_series=True)


def test_a_network_is_loaded_with_the_kinds_asked_for(tmp_path):
    card = model_file.read_card(model_file.SHIPPED)
    features = (8, 8, 8, 8, 8, 8)
    file = tmp_path / "new.safetensors"
    model_file.save_network(network.build_network(features), file, card | {"features": list(features)})
    method = segment.load_segmenter(file, contrast="bright", kinds=["dot", "void", "dot"])
    assert method.kinds == ("void", "dot")
    assert set(method.find(image_with((60, 60, 8)))["kind"]) <= {"void", "dot"}


def test_each_kind_of_a_series_is_counted_by_itself():
    series = Series([image_with((50, 40, 7), (100, 80, 12))] * 2 + [np.zeros(SHAPE)])
    alone, of_alone = segment.segment_series(series, segment.ClassicalSegmenter())
    kept = []
    frames, voids = segment.segment_series(
        series, SeesMore(kinds=("void", "loop", "dot")), keep_labels=kept.append
    )
    assert list(frames.columns) == tables.TABLES["frames"].names
    assert frames["loop_count"].fillna(-1).tolist() == [LOOPS, LOOPS, -1]
    assert frames["dot_count"].fillna(-1).tolist() == [DOTS, DOTS, -1]
    same = ["void_count", "void_fraction", "valid_px"]
    pd.testing.assert_frame_equal(frames[same], alone[same])
    pd.testing.assert_frame_equal(tables.only_voids(voids).reset_index(drop=True), of_alone)
    assert alone[["loop_count", "dot_count"]].isna().all(axis=None)
    assert all(set(np.unique(labels)) <= {0, 1, 2} for labels in kept)


def test_voids_that_were_not_asked_for_are_not_said_to_be_none():
    frames, voids = segment.segment_series(Series([image_with((50, 40, 7))] * 2), SeesMore(kinds=("loop",)))
    assert frames["void_count"].isna().all()
    assert frames["void_fraction"].isna().all()
    assert frames["loop_count"].tolist() == [LOOPS, LOOPS]
    assert set(voids["kind"]) == {"loop"}
    outcome = swelling.measure_series(frames, tables.only_voids(voids), swelling.Sample(SHAPE))
    assert outcome.notes == ("No image was looked at for voids.",)
    assert outcome.over_time.empty


@pytest.mark.parametrize(("mode", "focus"), [("bright field", "auto"), ("dark field", None), ("HAADF", None)])
def test_only_bright_field_has_fringes(mode, focus, tmp_path):
    asked = SegmentParameters(segmenter="classical")
    dataset = DatasetParameters(dataset="a", images="a.tif", microscope={"mode": mode})
    method = segment.from_parameters(asked, tmp_path, dataset)
    assert (method.focus, method.dark_field) == (focus, focus is None)
    unknown = DatasetParameters(dataset="a", images="a.tif")
    assert segment.from_parameters(asked, tmp_path, unknown).dark_field is None
    assert segment.load_segmenter("classical", mode=mode).dark_field == (focus is None)


def test_a_mode_that_there_is_not_is_refused():
    with pytest.raises(
        segment.ModelError, match="mode = 'haadf': expected one of 'bright field', 'dark field', 'HA"
    ):
        segment.load_segmenter("classical", mode="haadf")


def test_loops_are_told_from_voids_in_bright_field_only():
    segment.check_mode("bright field", ["void", "loop"])
    segment.check_mode(None, ["dot"])
    segment.check_mode("HAADF", ["void"])
    with pytest.raises(
        segment.ModelError, match="loops and dots are told from voids in bright field only.*HAADF"
    ):
        segment.check_mode("HAADF", ["void", "loop", "dot"])
    with pytest.raises(segment.ModelError, match="bright field only"):
        segment.from_parameters(
            SegmentParameters(kinds=("void", "dot")),
            Path(),
            DatasetParameters(dataset="a", images="a.tif", microscope={"mode": "dark field"}),
        )


def test_sizes_in_nm_are_never_passed_over(tmp_path):
    settings = SegmentParameters(segmenter="classical", min_diameter_nm=9)
    with pytest.raises(model_file.ModelError, match="min_diameter_nm: a segmenter takes sizes in px"):
        segment.from_parameters(settings, tmp_path)
    method = segment.from_parameters(in_px(settings, 0.5), tmp_path)
    assert method.min_radius_px == 9.0


@pytest.mark.parametrize(
    ("given", "pixel_size_nm", "fringe_px"),
    [
        ({"defocus_nm": -1000.0}, 0.5, 3.167),  # sqrt(2.508 pm × 1 µm) = 1.584 nm
        ({"defocus_nm": 1000.0, "voltage_kv": 300.0}, 0.5, 2.806),
        ({"defocus_nm": -1000.0}, None, None),
        ({"defocus_nm": 0.0}, 0.5, None),
        ({}, 0.5, None),
    ],
)
def test_a_defocus_and_the_pixel_size_fix_the_fringe(given, pixel_size_nm, fringe_px, tmp_path):
    asked = SegmentParameters(segmenter="classical")
    dataset = DatasetParameters(dataset="a", images="a.tif", microscope=given)
    method = segment.from_parameters(asked, tmp_path, dataset, pixel_size_nm)
    assert method.fringe_px == (fringe_px and pytest.approx(fringe_px, rel=1e-3))
