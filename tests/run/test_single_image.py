"""A single image: neither drift nor tracks; and a folder of unrelated micrographs: a dataset each."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from voidlab import cli
from voidlab.project.paths import stages_for
from voidlab.report import key_figures, kinds
from voidlab.run import stage
from voidlab.run.validate import check

IMAGE = np.random.default_rng(0).integers(90, 160, (40, 56)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with a folder of micrographs of all sorts."""
    (tmp_path / "parameters").mkdir()
    there = tmp_path / "data"
    there.mkdir()
    tifffile.imwrite(there / "Ni 600C (2).tif", IMAGE)
    tifffile.imwrite(there / "W_30dpa.tif", IMAGE[:30])
    tifffile.imwrite(there / "stack.tif", np.stack([IMAGE] * 3), photometric="minisblack")
    (there / "damaged.tif").write_bytes(b"II*")
    (there / "notes.txt").write_text("300 kV")
    monkeypatch.chdir(tmp_path)
    return there


def test_each_image_becomes_a_dataset(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "data", "--each"]) == 0
    said = capsys.readouterr().out
    made = sorted(path.stem for path in Path("parameters").glob("*.yaml"))
    assert made == ["Ni-600C-2", "W_30dpa", "stack"]
    assert "damaged.tif: left out: " in said
    assert "voidlab run parameters/Ni-600C-2.yaml parameters/W_30dpa.yaml parameters/stack.yaml" in said
    for name in made:
        assert check(Path(f"parameters/{name}.yaml")).paths.dataset == name
    assert cli.main(["init", "data", "--each"]) == 2  # they are there already
    assert capsys.readouterr().err.count("left out") == 4
    assert cli.main(["init", "data/W_30dpa.tif", "--each", "--name", "tungsten"]) == 0
    assert Path("parameters/tungsten-W_30dpa.yaml").exists()


def test_nothing_is_said_of_frame_numbers_of_a_single_image(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(folder / "W_-1.tif", IMAGE)
    assert cli.main(["init", "data/W_-1.tif", "--name", "w"]) == 0
    assert cli.main(["check", "parameters/w.yaml"]) == 0
    said = capsys.readouterr().out
    assert "1 image of 56 × 40 px (width × height), no pixel size in the files" in said
    assert "frame" not in said
    assert "hyphen" not in said + Path("parameters/w.yaml").read_text(encoding="utf-8")


def test_init_of_unrelated_micrographs_names_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for case, shapes in {"names": (40, 40, 40), "sizes": (40, 40, 30)}.items():
        (folder / case).mkdir()
        for name, height in zip(("Kirkendall", "overview", "loop area B"), shapes, strict=True):
            number = "" if case == "names" else f"_{len(name)}"
            tifffile.imwrite(folder / case / f"{name}{number}.tif", IMAGE[:height])
        assert cli.main(["init", f"data/{case}", "--name", case]) == 2
        said = capsys.readouterr().err
        command = f"voidlab init data/{case} --name {case} --each"
        assert f"If these are unrelated micrographs, make a dataset of each: {command}\n" in said
        assert "make a dataset of each" in Path(f"parameters/{case}.yaml").read_text(encoding="utf-8")
        assert cli.main(command.split()[1:]) == 0
        assert capsys.readouterr().out.count("1 image of") == 3
    assert cli.main(["init", "data/damaged.tif", "--name", "d"]) == 2
    assert "--each" not in capsys.readouterr().err


def _scaled(path: Path, image: np.ndarray, pixel_nm: float) -> None:
    tifffile.imwrite(
        path, image, imagej=True, resolution=(1 / pixel_nm, 1 / pixel_nm), metadata={"unit": "nm"}
    )


def test_micrographs_of_two_magnifications_are_two_specimens(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in folder.iterdir():
        file.unlink()
    for name, image, size in (
        ("a", IMAGE, 0.5),
        ("b", IMAGE, 0.5),
        ("c", IMAGE[:30], 0.5),
        ("d", IMAGE, 1.2),
    ):
        _scaled(folder / f"{name}.tif", image, size)
    assert cli.main(["init", "data", "--each", "--name", "x", "--sample", "Ni 12'5"]) == 0
    said = capsys.readouterr().out
    named = {n: check(Path(f"parameters/x-{n}.yaml")).parameters.sample.name for n in "abcd"}
    assert named == dict.fromkeys("abc", "Ni 12'5, 0.5 nm per px") | {"d": "Ni 12'5, 1.2 nm per px"}
    assert "images of 3 sizes:\n  2 of 56 × 40 px, 0.5 nm per px\n  1 of 56 × 30 px, 0.5 nm per px\n" in said
    assert "each is a specimen of its own" in said
    assert said.endswith("\n  voidlab run parameters/x-*.yaml\n  voidlab compare\n")


def test_micrographs_of_one_magnification_are_one_specimen(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", "data", "--each", "--sample", "A7"]) == 0
    said = capsys.readouterr().out
    assert "images of 2 sizes:\n  2 of 56 × 40 px, no pixel size\n  1 of 56 × 30 px" in said
    assert "3 images without a pixel size, put together in px: set pixel_size_nm in each" in said
    assert check(Path("parameters/stack.yaml")).parameters.sample.name == "A7"
    assert cli.main(["init", "data/W_30dpa.tif", "--name", "w", "--sample", "A7"]) == 2
    assert "--sample goes with --each" in capsys.readouterr().err


def test_other_datasets_are_not_run_or_compared_with_those_of_a_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("parameters/x-other.yaml").write_text("images: a.tif\n")
    assert cli.main(["init", "data/W_30dpa.tif", "--each", "--name", "x", "--sample", "A7"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("  voidlab run parameters/x-W_30dpa.yaml\n  voidlab compare x-W_30dpa\n")


def test_a_folder_of_folders_names_them_and_init_may_be_tried_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent / "all" / "masks").mkdir(parents=True)
    folder.rename(folder.parent / "all" / "frames")
    assert cli.main(["init", "all", "--name", "gold"]) == 2
    assert (
        "it holds no files; there are images in its folders frames (4): name one of them"
        in capsys.readouterr().err
    )
    assert cli.main(["init", "all/frames/W_30dpa.tif", "--name", "gold"]) == 0
    yaml = Path("parameters/gold.yaml")
    assert check(yaml).pixels == 30 * 56
    yaml.write_text(yaml.read_text() + "pixel_size_nm: 1.0\n")
    assert cli.main(["init", "all/frames/W_30dpa.tif", "--name", "gold"]) == 2
    assert "gold.yaml is there already" in capsys.readouterr().err


def test_without_a_name_it_is_said_what_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", "data/W_30dpa.tif"]) == 2
    assert "--name NAME, or make one of each image with --each" in capsys.readouterr().err


def test_a_single_image_has_neither_drift_nor_tracks(folder: Path) -> None:
    Path("parameters/one.yaml").write_text("images: ../data/W_30dpa.tif\n")
    assert check(Path("parameters/one.yaml")).stages == ("segment", "export") == stages_for([np.nan], "auto")
    run = stage.open_stage("export", "one")
    drift = run.load("drift")
    assert drift[["drift_x_px", "drift_y_px", "flag"]].to_numpy().tolist() == [[0, 0, "reference"]]
    assert run.load("tracks").empty
    assert run.load("links").empty


def test_the_count_of_a_single_image_is_a_count() -> None:
    frames = pd.DataFrame(
        {"frame": [7], "status": "ok", "void_count": [289], "void_fraction": [0.1], "kinds": "void"}
    )
    voids = pd.DataFrame({"touches_edge": [False], "radius_px": [4.0], "confidence": [0.9], "kind": ["void"]})
    figures = key_figures.of_voids(frames, voids, type("None", (), {"pixel_size_nm": None})())
    found = next(figure for figure in figures if figure["label"].startswith("Voids"))
    assert (found["label"], found["value"], found["meaning"]) == ("Voids", "289", "in the one image")
    assert next(f for f in figures if f["label"] == "Area fraction")["meaning"].endswith("in the image")
    assert kinds.detections_in_words(frames, voids) == "1 void in the image"


def test_the_parameter_file_of_a_single_image_has_nothing_of_a_series(folder: Path) -> None:
    cli.main(["init", "data/W_30dpa.tif", "--name", "one"])
    cli.main(["init", "data/stack.tif", "--name", "many"])
    of_series = (
        "tilt_angles_deg",
        "frame_interval_s",
        "excluded_frames",
        "# drift:",
        "# track:",
        "min_frames",
    )
    one, many = (Path(f"parameters/{name}.yaml").read_text() for name in ("one", "many"))
    assert [key for key in of_series if key in one] == []
    assert [key for key in of_series if key in many] == list(of_series)
    assert "# segment: {contrast: dark}" in one
