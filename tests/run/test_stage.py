"""Stages: what they read belongs together, paths in tables can be sent on, images that fail are blank."""

import numpy as np
import pytest
import tifffile

from voidlab import tables
from voidlab.project import record
from voidlab.report import detections
from voidlab.run import stage
from voidlab.run.stage import StageError


@pytest.fixture
def opened(copied, monkeypatch):
    monkeypatch.chdir(copied.root)
    return lambda name, given=None: stage.open_stage(name, "small", given)


def test_none_stands_for_the_yaml_or_the_default(opened):
    run = opened("track", {"memory": None, "search_range_px": 7.0})
    assert run.parameters.memory == 2
    assert run.parameters.search_range_px == 7.0
    assert run.given == ("search_range_px",)


def test_the_export_notebook_takes_the_facts_of_the_sample(opened):
    run = opened("export", {"foil_thickness_nm": 90.0, "foil_sigma_nm": 9.0, "min_frames": 2})
    assert run.dataset.sample.foil_thickness_nm == 90
    assert run.parameters.min_frames == 2
    assert run.dataset.deciding("export")["foil_sigma_nm"] == 9


def test_a_notebook_gives_its_parameters_by_their_names(opened):
    names = {"dataset": "small", "memory": 1, "search_range_px": None, "frames": "of no concern"}
    run = stage.open_notebook("track", names)
    assert run.parameters == opened("track", {"memory": 1}).parameters
    assert run.given == ("memory",)


def test_a_table_of_a_stage_that_never_ran_is_refused(opened, copied):
    copied.record.unlink()
    with pytest.raises(
        StageError, match="stage 'segment' has not finished. Run stage 'segment' of dataset 'small'"
    ):
        opened("drift").load("voids")


def test_a_table_made_from_older_results_is_refused(opened, copied):
    run = opened("segment")
    frames, voids = tables.load(copied, "frames"), tables.load(copied, "voids")
    run.save({"frames": frames, "voids": voids.iloc[:-1]}, files=[copied.labels])
    with pytest.raises(StageError, match="stage 'drift' was run on an older result of stage 'segment'"):
        opened("track").load("drift")


def test_masks_are_read_one_at_a_time_and_non_square(opened):
    masks = opened("drift").images("masks")
    assert len(masks) == 4
    assert masks[0].shape == (150, 210)
    assert masks[0].dtype == bool
    assert masks[0].any()


def test_an_image_that_cannot_be_read_is_blank_for_the_drift(opened, copied):
    run = opened("drift")
    (copied.root / "data" / "small" / "tilt02.tif").write_bytes(b"")
    images = run.images("images")
    assert not images[1].any()
    assert images[0].any()


def test_paths_in_the_tables_are_relative_to_the_project(finished):
    paths, _, _ = finished
    assert tables.load(paths, "frames")["path"].tolist() == [
        f"data/small/tilt{i:02d}.tif" for i in range(1, 5)
    ]


def test_a_record_that_cannot_be_read_counts_as_none(copied):
    copied.record.write_text("{")
    assert record.read_record(copied) == {}


def test_progress_passes_the_items_on(opened, capsys):
    assert list(opened("drift").progress(iter(range(3)), 3)) == [0, 1, 2]
    assert np.array_equal(capsys.readouterr().out, "")


def test_what_may_be_no_specimen_is_told_unless_somebody_has_looked(copied, monkeypatch):
    for file in (copied.root / "data" / "small").glob("tilt*.tif"):
        image = tifffile.imread(file)
        image[130:], image[134:142, 20:90] = image.min(), image.max()
        tifffile.imwrite(file, image)
    monkeypatch.chdir(copied.root)
    run = stage.open_stage("segment", "small", None)
    assert "Burnt-in text, bars or vacuum seem to be in the images" in run.doubts[0].said
    decided = {"cut_frames": 0, "odd_frames": {}, "smaller": 3, "larger": 1}
    decided |= {"verdict": "good", "verdict_reasons": ["all is well"], "expected": {}}
    figures = detections.of_segmentation(decided, run.parameters, run.doubts)
    assert [figure["warning"] for figure in figures if "warning" in figure] == [
        "1 detection is larger than max_radius_px = auto, a quarter of the image's shorter side.",
        run.doubts[0].said,
    ]
    assert (figures[-1]["label"], figures[-1]["value"]) == ("Text, bars or vacuum", "check")
    assert figures[-1]["meaning"].startswith(
        "in the images, as it seems, and counted as specimen: look, and leave"
    )
    yaml = copied.parameters
    yaml.write_text(yaml.read_text(encoding="utf-8") + "ignore_boxes_px: []\n", encoding="utf-8")
    assert stage.open_stage("segment", "small", None).doubts == []
