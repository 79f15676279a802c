"""What people really have: each case ends in a clear sentence, or goes on with what is good and says what is not."""

import json
import os
import shutil
import sys

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from projects import make_project, run_project
from voidlab import cli, export, run, segment, simulate, tables
from voidlab.images.readers import pictures
from voidlab.images.series import open_series
from voidlab.project.parameters.yaml_file import ParameterErrors


@pytest.fixture(scope="module")
def images():
    """Six 8-bit images of a tilt series."""
    series = simulate.tilt_series(seed=1, views=6, shape=(150, 210), voids=25).images
    return [np.round(image * 255).astype(np.uint8) for image in series]


@pytest.fixture
def project(tmp_path, images, monkeypatch):
    """A project with six images, f01.tif to f06.tif, in data/x, and no more parameters than their glob."""
    folder = tmp_path / "data" / "x"
    folder.mkdir(parents=True)
    (tmp_path / "parameters").mkdir()
    for i, image in enumerate(images, 1):
        tifffile.imwrite(folder / f"f{i:02d}.tif", image)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project, text="", images="../data/x/*.tif"):
    yaml = project / "parameters" / "x.yaml"
    yaml.write_text(f"images: '{images}'\n{text}", encoding="utf-8")
    return yaml


def said_by_check(project, text="", images="../data/x/*.tif"):
    with pytest.raises(ParameterErrors) as errors:
        run.check(write(project, text, images))
    return str(errors.value)


def unreadable(folder):
    (folder / "f02.tif").write_bytes(b"")
    content = (folder / "f03.tif").read_bytes()
    (folder / "f03.tif").write_bytes(content[: len(content) // 2])
    (folder / "f04.tif").write_bytes(b"<html>404 not found</html>")


@pytest.mark.slow
def test_unreadable_images_are_left_out_named_and_nothing_else_changes(project, images):
    unreadable(project / "data" / "x")
    plan = run.check(write(project, "track: {memory: 3}\nexport: {min_frames: 1}\n"))
    lines = []
    assert run.run_dataset(plan, log=lines.append, progress=lambda text: None)
    assert "images left out 3 unreadable of 6" in lines[0]
    frames = tables.load(plan.paths, "frames")
    assert frames["status"].tolist() == ["ok", "unreadable", "unreadable", "unreadable", "ok", "ok"]
    assert frames["void_count"].isna().tolist() == [False, True, True, True, False, False]
    drift = tables.load(plan.paths, "drift")
    assert drift["flag"].tolist()[1:4] == ["interpolated"] * 3
    assert set(tables.load(plan.paths, "voids")["frame"]) == {1, 5, 6}
    assert not set(tables.load(plan.paths, "links")["frame"]) & {2, 3, 4}
    page = plan.paths.html("segment").read_text(encoding="utf-8")
    for name in ("f02.tif: the file is empty (0 bytes)", "f03.tif", "f04.tif"):
        assert name in page
    lines = (plan.paths.exports / export.FRAME_DATA).read_text().splitlines()
    counts = [json.loads(line)["void_count"] for line in lines]
    assert [type(count) for count in counts[:2]] == [int, type(None)]
    shown = plan.paths.index.read_text(encoding="utf-8")
    assert "3 unreadable of 6" in shown


def test_all_unreadable(project):
    for file in (project / "data" / "x").iterdir():
        file.write_bytes(b"xx")
    assert "x.yaml:1: none of 6 images could be read, the first: cannot read" in said_by_check(project)


def test_of_another_size(project, images):
    tifffile.imwrite(project / "data" / "x" / "f04.tif", images[0][:100, :90])
    said = said_by_check(project)
    assert "f04.tif is 90 × 100 px, f01.tif is 210 × 150 px" in said


def test_of_another_size_among_many(project, images):
    folder = project / "data" / "x"
    for i in range(7, 41):
        tifffile.imwrite(folder / f"f{i:02d}.tif", images[0])
    tifffile.imwrite(folder / "f08.tif", images[0][:100, :90])
    said = said_by_check(project)
    assert "f08.tif is 90 × 100 px, but " in said
    assert "f01.tif and others are 210 × 150 px" in said


def test_an_image_too_large_for_the_memory_is_not_unreadable(project, monkeypatch):
    def decode(path, index):
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr(pictures, "decode_whole", decode)
    iio.imwrite(project / "a1.png", np.zeros((4, 5), np.uint8))
    series = open_series(project / "a1.png")
    with pytest.raises(MemoryError):
        segment.segment_series(series, segment.load_segmenter("classical"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["blank, saturated and constant", "without voids", "nan"])
def test_images_without_content(project, images, kind):
    folder = project / "data" / "x"
    rng = np.random.default_rng(0)
    for i, file in enumerate(sorted(folder.iterdir())):
        if kind == "without voids":
            tifffile.imwrite(file, rng.normal(100, 10, images[0].shape).astype(np.uint8))
        elif kind == "nan":
            image = images[i].astype(np.float32)
            image[10:40, 20:60] = np.nan
            image[50, 50] = np.inf
            tifffile.imwrite(file, np.full_like(image, np.nan) if i == 2 else image)
        elif i in (1, 2, 3):
            tifffile.imwrite(file, np.full_like(images[0], (0, 255, 77)[i - 1]))
    # The network takes noise for a void about twice per megapixel, near borders more often.
    text = "segment: {segmenter: classical}\n" if kind == "without voids" else ""
    plan = run.check(write(project, text))
    lines = []
    assert run.run_dataset(plan, log=lines.append, progress=lambda text: None), lines
    frames, voids = (tables.load(plan.paths, name) for name in ("frames", "voids"))
    expected = {
        "blank, saturated and constant": ["ok", "blank", "blank", "blank", "ok", "ok"],
        "without voids": ["ok"] * 6,
        "nan": ["ok", "ok", "blank", "ok", "ok", "ok"],
    }[kind]
    assert frames["status"].tolist() == expected
    assert frames["void_count"].isna().tolist() == [status != "ok" for status in expected]
    assert len(voids) == frames["void_count"].sum()
    if kind == "without voids":
        assert len(voids) == 0
        assert len(tables.load(plan.paths, "tracks")) == 0
    else:
        assert voids["frame"].nunique() == expected.count("ok")
        assert np.isfinite(voids[["x_px", "y_px", "radius_px"]]).all(axis=None)


@pytest.mark.slow
def test_one_image(project, images):
    plan = run.check(write(project, images="../data/x/f01.tif"))
    assert run.run_dataset(plan, log=lambda text: None, progress=lambda text: None)
    assert len(tables.load(plan.paths, "voids"))
    for name in ("drift", "tracks"):
        with pytest.raises(FileNotFoundError):
            tables.load(plan.paths, name)


@pytest.mark.slow
def test_names_full_of_surprises(project, tmp_path):
    paths, _ = make_project(tmp_path / 'a b\'s "q" ü', "naïve set")
    images = paths.root / "data" / "naïve set"
    for file in sorted(images.glob("tilt*.tif")):
        file.rename(images / f"<script>alert('x')</script> & \"q\" {file.stem[4:]}.tif".replace("/", "_"))
    sorted(images.glob("*02.tif"))[0].write_bytes(b"")  # so that its name is shown
    paths.parameters.write_text("images: '../data/naïve set/*.tif'\n", encoding="utf-8")
    done, lines = run_project(paths)
    assert done, lines
    for page in paths.reports.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "Content-Security-Policy" in text
    assert "&lt;script&gt;alert" in paths.html("segment").read_text(encoding="utf-8")
    exported = {file.name for file in paths.exports.iterdir()}
    assert "frame-data.json" in exported
    outside = [
        p for p in paths.root.iterdir() if p.name not in ("data", "parameters", "notebooks", "reports")
    ]
    assert outside == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: shutil.copy(d / "f01.tif", d / "f1.tif"), "both get frame number 1"),
        (lambda d: shutil.copy(d / "f01.tif", d / "overview.tif"), "'overview.tif' has no frame number"),
    ],
)
def test_frame_numbers(project, change, words):
    change(project / "data" / "x")
    assert words in said_by_check(project)


def test_missing_frame_numbers_stay_gaps(project):
    (project / "data" / "x" / "f03.tif").unlink()
    assert run.check(write(project)).notes == ("Frame 3 is missing.",)


def test_a_glob_that_matches_a_mixed_folder(project, images):
    iio.imwrite(project / "data" / "x" / "f01.png", images[0])
    (project / "data" / "x" / "notes.txt").write_text("x")
    said = said_by_check(project, images="../data/x/*")
    assert "holds files of several kinds: 6 .tif, 1 .png, 1 .txt" in said
    assert "*.tif" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("images: b\n", 'x.yaml:2: is not valid YAML: found duplicate key "images"'),
        ("segment:\n\tthreshold: 1\n", "x.yaml:3: a tab stands where YAML allows only spaces"),
        ("a: &a [x, x]\nb: [*a, *a]\n", "anchors and aliases"),
        ("segment: {contrast: no}\n", "segment.contrast = 'no': must be one of"),
        (
            "segment: {min_radius_px: 300, max_radius_px: 400}\n",
            "= 300: a void of that size is larger",
        ),
        (
            "segment: {min_diameter_nm: 5}\n",
            "x.yaml:2: segment.min_diameter_nm = 5: the width of a pixel is not",
        ),
        (
            "pixel_size_nm: 0.5\nsegment: {min_diameter_nm: 200}\n",
            "x.yaml:3: segment.min_diameter_nm = 200: a void of that size is larger",
        ),
        ("segment: {min_radius_px: 30, max_radius_px: 4}\n", "max_radius_px = 4.0: must be > min_radius_px"),
        ("drift: {reference_frame: 99}\n", "x.yaml:2: drift.reference_frame = 99: no such frame is in use"),
        ("excluded_frames: [2]\ndrift: {reference_frame: 2}\n", "drift.reference_frame = 2: no such frame"),
        ("pixel_size_nm: 500\n", "pixel_size_nm"),
        ("x: " + "[" * 3000 + "]" * 3000 + "\n", "nested far deeper"),
        ("x: !!python/object/apply:os.system ['touch hacked']\n", "x.yaml:2"),
    ],
)
def test_parameter_files(project, text, words):
    assert words in said_by_check(project, text)
    assert not (project / "hacked").exists()


def test_mistakes_of_all_kinds_at_once(project):
    text = """segmnt: {}
segment: {treshold: 0.3, min_radius_px: 90, max_radius_px: 80}
tilt_angles_deg: nope.rawtlt
drift: {reference_frame: 99}
"""
    said = said_by_check(project, text)
    for words in (
        "x.yaml:2: segmnt: unknown key; did you mean 'segment'?",
        "x.yaml:3: segment.treshold: unknown key; did you mean 'threshold'?",
        "x.yaml:3: segment.max_radius_px = 80.0: must be > min_radius_px = 90.0",
        "x.yaml:4: tilt_angles_deg: the tilt angles in ",
        "x.yaml:5: drift.reference_frame = 99: no such frame is in use",
    ):
        assert words in said
    said = said_by_check(project, text, images="../nowhere/*.tif")
    assert "x.yaml:1: no file matches 'nowhere/*.tif'" in said
    assert "x.yaml:4: tilt_angles_deg" in said
    assert "x.yaml:2: segmnt" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tilt_angles_deg: [1, 2]\n", "x.yaml:2: tilt_angles_deg has 2 values for 6 frames"),
        ("frame_pattern: 'xy'\n", "x.yaml:2: frame_pattern 'xy' has no group"),
        ("segment: {segmenter: unet}\n", "x.yaml:2: segment.segmenter = 'unet': there is no segmenter"),
    ],
)
def test_what_does_not_fit_is_told_on_its_own_line(project, text, words):
    assert words in said_by_check(project, text)


def test_numbers_as_people_write_them(project):
    typed = run.check(write(project, "pixel_size_nm: 5e-1\nsegment: {threshold: 6e-1}\n")).parameters
    assert (typed.pixel_size_nm, typed.segment.threshold) == (0.5, 0.6)


@pytest.mark.parametrize(
    ("name", "words"),
    [("parameters", "is a folder"), ("parameters/y.yaml", "no such file; did you mean x.yaml")],
)
def test_what_is_no_parameter_file(project, capsys, name, words):
    write(project)
    assert cli.main(["run", name]) == 2
    assert words in capsys.readouterr().err


def test_bytes_that_are_no_text(project, capsys):
    write(project).write_bytes(b"\xff\xfe\x00images")
    assert cli.main(["check", "parameters/x.yaml"]) == 2
    assert "cannot be read as text" in capsys.readouterr().err


def test_some_images_that_cannot_be_read_are_told_at_check(project):
    unreadable(project / "data" / "x")
    (said,) = [note for note in run.check(write(project)).notes if "cannot be read" in note]
    assert said.startswith("3 of 6 images cannot be read and are left out, the first: cannot read")


@pytest.mark.parametrize("name", ["fifo.rawtlt", "zero.rawtlt", "deep.rawtlt"])
def test_files_of_angles_that_never_end(project, name):
    place = project / "data" / name
    if name == "fifo.rawtlt":
        os.mkfifo(place)
    elif name == "zero.rawtlt":
        place.symlink_to("/dev/zero")
    else:
        with place.open("wb") as stream:
            stream.truncate(10**9)
    said = said_by_check(project, f"tilt_angles_deg: ../data/{name}\n")
    assert "x.yaml:2: tilt_angles_deg: the tilt angles in " in said
    assert "pipe or a device" in said or "holds 1,000,000,000 bytes; expected at most" in said


def test_a_link_to_itself_is_an_image_that_is_lost(project):
    link = project / "data" / "x" / "f99.tif"
    link.symlink_to(link)
    plan = run.check(write(project, "", "../data/x/*.tif"))
    assert "it is a link to " in " ".join(plan.notes)


def test_a_pipe_in_place_of_the_parameter_file(project, capsys):
    os.mkfifo(project / "parameters" / "y.yaml")
    assert cli.main(["check", "parameters/y.yaml"]) == 2
    assert "cannot be read as text: " in capsys.readouterr().err


@pytest.mark.parametrize("times", ["[6, 5, 4, 3, 2, 1]", "[0, 1, 2, 2, 3, 4]"])
def test_times_that_do_not_go_up(project, times):
    said = said_by_check(project, f"times_s: {times}\n")
    assert "x.yaml:2: times_s goes from " in said
    assert "expected times in s that go up" in said


def test_tilts_that_seem_to_be_in_radians_are_told(project):
    notes = run.check(write(project, "tilt_angles_deg: [-0.39, -0.24, -0.08, 0.08, 0.24, 0.39]\n")).notes
    assert any("Are they in radians? If so, multiply them by 57.3." in note for note in notes)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep names as text")
def test_names_that_are_not_utf_8(project):
    folder = os.fsencode(project / "data" / "x")
    os.rename(folder + b"/f01.tif", folder + b"/\xb5m_01.tif")
    said = said_by_check(project)
    assert "\\xb5m_01.tif is not UTF-8, as names from older computers are; rename it" in said
