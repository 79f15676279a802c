"""A dataset of two images of one field, under focus and over it: what it may be given with, and its whole run."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from bs4 import BeautifulSoup

from projects import REPOSITORY, run_project
from voidlab import segment, tables
from voidlab.drift import estimate_drift
from voidlab.images.errors import ImagesError
from voidlab.images.series import open_series
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.paths import RunPaths
from voidlab.project.record import read_stages
from voidlab.run.images import open_images
from voidlab.run.validate import check
from voidlab.segment.load import UNDER_OF_PAIR
from voidlab.segment.series import segment_series
from voidlab.simulate.microscope import Optics, intensity
from voidlab.tables.focus import OF_PAIR
from voidlab.track.focus_pair import drift_of_pair, pair_of_series

SHAPE, SHIFT, RADIUS, FRINGE = (256, 330), (14, -9), 9.0, 4.0


def exposures(seed=0):
    """One field of spheres under focus and over it, 8 bit, the second moved by `SHIFT`; and their radii."""
    random = np.random.default_rng(seed)
    v, u = np.mgrid[: SHAPE[0] + 60, : SHAPE[1] + 60].astype(float)
    places = [(x, y) for x in range(40, SHAPE[1] + 40, 52) for y in range(40, SHAPE[0] + 40, 52)]
    radii = RADIUS * random.uniform(0.85, 1.15, len(places))
    shift = np.zeros(u.shape)
    for (x, y), r in zip(places, radii, strict=True):
        dx, dy = random.uniform(-6, 6, 2)
        shift += np.sqrt(np.clip(r**2 - (u - x - dx) ** 2 - (v - y - dy) ** 2, 0, None)) / RADIUS
    both = []
    for under, (right, down) in ((True, (30, 30)), (False, (30 - SHIFT[0], 30 - SHIFT[1]))):
        image = intensity(np.exp(0.03 * shift), -shift, Optics(FRINGE, under, 0.15))
        image = image[down : down + SHAPE[0], right : right + SHAPE[1]]
        image = image + random.normal(0, 0.03, SHAPE)
        both.append(np.clip(110 * image, 0, 255).astype(np.uint8))
    return both, radii


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a focus pair, which was not run."""
    root = tmp_path_factory.mktemp("project")
    for name in ("parameters", "data"):
        (root / name).mkdir()
    shutil.copytree(REPOSITORY / "notebooks", root / "notebooks")
    (under, over), _ = exposures()
    # Names that would put them in another order.
    tifffile.imwrite(root / "data" / "b 17.tif", under)
    tifffile.imwrite(root / "data" / "a 23.tif", over)
    _write(root)
    return RunPaths(root, "pair")


def _write(root, text="focus_pair: {under: ../data/b 17.tif, over: ../data/a 23.tif}\n", more=""):
    (root / "parameters" / "pair.yaml").write_text(f"dataset: pair\n{text}{more}", encoding="utf-8")


@pytest.fixture
def asked(project, tmp_path):
    """Checks the pair with other parameters."""

    def ask(**lines):
        for name in ("parameters", "data", "notebooks"):
            shutil.copytree(project.root / name, tmp_path / name, dirs_exist_ok=True)
        _write(tmp_path, **lines)
        return check(tmp_path / "parameters" / "pair.yaml")

    return ask


def test_a_run_matches_the_voids_and_gives_radii_from_both(project):
    finished, lines = run_project(project)
    assert finished, lines
    assert list(read_stages(project)) == ["segment", "drift", "pair", "export"]
    frames = tables.load(project, "frames")
    assert [Path(path).name for path in frames["path"]] == ["a 23.tif", "b 17.tif"]
    found = tables.load(project, "focus_pair")
    both = found[found["seen_in"] == "both"]
    assert len(both) >= 18
    assert (both["radius_over_px"] / both["radius_under_px"]).median() == pytest.approx(1, abs=0.03)
    assert both["radius_px"].median() == pytest.approx(RADIUS, rel=0.04)
    figures = {each["label"]: each["value"] for each in read_stages(project)["pair"]["key_figures"]}
    drift = pd.read_csv(project.exports / "drift.csv").set_index("frame")
    moved = drift[["drift_x_px", "drift_y_px"]]
    shift = moved.loc[1] - moved.loc[2]
    assert (shift["drift_x_px"], shift["drift_y_px"]) == pytest.approx(SHIFT, abs=0.5)
    judged = {each["label"]: each["value"] for each in read_stages(project)["drift"]["key_figures"]}
    assert judged["Drift verdict"] != "do not use"  # it is that of the shift in use, by the voids
    assert figures["Shift"].startswith(f"{shift['drift_x_px']:.1f}, {shift['drift_y_px']:.1f} ± ")
    of_segment = {each["label"] for each in read_stages(project)["segment"]["key_figures"]}
    assert {"Radii, under focus", "Radii, over focus"} <= of_segment
    assert len(pd.read_parquet(project.table("swelling"))) > 0
    assert "seen in both" in project.html("pair").read_text(encoding="utf-8")
    assert run_project(project)[1][-1].startswith("export")  # and nothing is done twice
    assert frames["focus"].tolist() == ["over", "under"]
    _speaks_of_a_pair(project)


def _speaks_of_a_pair(project):
    """No page of it speaks as of a series, and no file is of tracks."""
    figures = [each for stage in read_stages(project).values() for each in stage["key_figures"]]
    shown = {each["label"]: each for each in figures}
    assert not {"Voids in the last image", "Voids per image"} & set(shown)
    counts = tables.load(project, "frames")["void_count"].tolist()
    under = shown["Voids under focus"]
    assert (under["value"], under["meaning"]) == (str(counts[1]), f"{counts[0]} over focus")
    assert shown["Void diameter"]["meaning"].startswith("under focus: ")
    said = " ".join(" ".join(each.values()) for each in figures)
    assert not re.search(r"frame|track|growth|last image", said), said
    for page in ("index", "segment", "drift", "pair", "export"):
        shown = project.html(page).read_text(encoding="utf-8").partition("How it was made")[0]
        text = BeautifulSoup(
            re.sub(r"(?s)<style.*?</style>|<details.*?</details>", "", shown), "html.parser"
        ).get_text()
        assert not re.search(r"frame \d|frames \d|the series|tracks\b|growth", text), (page, text)
        assert not re.search(r'alt="[^"]*(frame|series)', shown), page
    methods = project.index.read_text(encoding="utf-8")
    assert "diameters of the image under focus count" in methods
    assert "the voids of both matched one to one" in methods
    written = pd.read_csv(project.exports / "contents.csv").set_index("file")["what"]
    assert not {"tracks.geff", "ctc/01_RES", "napari-tracks.csv"} & set(written.index)
    assert not any("over-series" in name for name in written.index)
    empty = {name for name, what in written.items() if what.startswith("holds nothing")}
    assert {"tracks.csv", "events.csv", "track-data.json"} <= empty
    assert not {"drift.csv", "pairs.csv", "focus_pair.csv"} & empty
    assert len(pd.read_csv(project.exports / "per-void.csv")) == len(tables.load(project, "voids"))


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("images: ../data/b*.tif\nfocus_pair: {under: a, over: b}\n", "", "give images or focus_pair, not both"),
        ("focus_pair: {under: ../data/b 17.tif, over: ../data/b 17.tif}\n", "", "under and over are the same file"),
        ("focus_pair: {under: ../data/b 17.tif}\n", "", "must be {under: FILE, over: FILE}"),
        ("focus_pair: {under: ../data/b 17.tif, over: ../data/none.tif}\n", "", "1 of 2 files are missing"),
        (None, "frame_interval_s: 2.0\n", "frame_interval_s is not for a focus_pair"),
        (None, "microscope: {mode: HAADF}\n", "only in bright field has focus such a sign"),
        (None, "microscope: {defocus_nm: -500}\n", "one defocus does not hold for both images"),
        (None, "segment: {contrast: dark}\n", "voids are bright in one image and dark in the other"),
        ("{}\n", "", "images: is required"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_before_anything_is_done(asked, text, more, said):
    lines = {} if text is None else {"text": text if text != "{}\n" else ""}
    with pytest.raises(ParameterErrors) as errors:
        asked(more=more, **lines)
    assert said in str(errors.value)


def test_two_images_of_other_sizes_or_pixels_are_no_pair(asked, tmp_path):
    asked()
    (under, over), _ = exposures()
    other = tmp_path / "data" / "other.tif"
    tifffile.imwrite(other, over[:200])
    lines = {"text": "focus_pair: {under: ../data/b 17.tif, over: ../data/other.tif}\n"}
    with pytest.raises(ParameterErrors, match="the images are of several sizes"):
        asked(**lines)
    for name, image, nm in (("b 17", under, 0.5), ("other", over, 0.47)):
        _with_pixel_size(tmp_path / "data" / f"{name}.tif", image, nm)
    _write(tmp_path, **lines)
    with pytest.raises(
        ParameterErrors, match=r"0.5 nm wide under focus and 0.47 nm over focus, 6.4% apart; expected"
    ):
        check(tmp_path / "parameters" / "pair.yaml")


def _with_pixel_size(file, image, nm):
    tifffile.imwrite(file, image, imagej=True, resolution=(1 / nm, 1 / nm), metadata={"unit": "nm"})


@pytest.mark.parametrize(("over_nm", "said"), [(0.498, False), (0.48, True), (0.52, True), (None, False)])
def test_lengths_of_a_pair_are_those_under_focus_where_magnifications_differ(asked, tmp_path, over_nm, said):
    asked()
    under, over = exposures()[0]
    _with_pixel_size(tmp_path / "data" / "b 17.tif", under, 0.5)
    if over_nm:
        _with_pixel_size(tmp_path / "data" / "a 23.tif", over, over_nm)
    plan = check(tmp_path / "parameters" / "pair.yaml")
    series = open_images(plan.paths, plan.parameters)
    assert series.calibration.pixel_size_nm == pytest.approx(0.5)
    told = [note for note in plan.notes if "All lengths in nm rest on 0.5 nm" in note]
    assert len(told) == said
    assert not any("disagree" in note for note in plan.notes)


def test_images_of_one_sign_are_told(project, tmp_path):
    (under, _), _ = exposures()
    (second, _), _ = exposures(seed=1)
    for name, image in (("1", second), ("2", under)):
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    series = open_series([tmp_path / "1.tif", tmp_path / "2.tif"], focus=OF_PAIR)
    with pytest.raises(
        ImagesError, match="frame 1, which is said to be over focus, are bright, as under focus"
    ):
        segment_series(series, _method())


def test_loops_are_looked_for_in_both_and_change_no_void(tmp_path):
    """Dark dots among the voids, which are bright in one image and dark in the other."""
    both, _ = exposures()
    v, u = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for name, image, (right, down) in zip("12", both[::-1], (SHIFT, (0, 0)), strict=True):
        dark = sum(
            np.exp(-((u - x - right) ** 2 + (v - y - down) ** 2) / (2 * 2.5**2))
            for x in range(36, 290, 52)
            for y in range(36, 210, 52)
        )
        tifffile.imwrite(tmp_path / f"{name}.tif", (image * (1 - 0.35 * dark)).astype(np.uint8))
    series = open_series([tmp_path / "1.tif", tmp_path / "2.tif"], focus=OF_PAIR)
    _, alone = segment_series(series, _method())
    _, all_kinds = segment_series(series, _method(kinds=("void", "loop", "dot")))
    voids = tables.only_voids(all_kinds).reset_index(drop=True)
    pd.testing.assert_frame_equal(voids.drop(columns="kind"), alone.drop(columns="kind"))
    assert len(voids) > 70
    assert (all_kinds["kind"] != "void").sum() >= 5  # most are missed, as the page says


def _method(**settings):
    from dataclasses import replace

    return replace(segment.load_segmenter("voids", **settings), under=UNDER_OF_PAIR)


@pytest.fixture(scope="module")
def ratios(shared):
    """Radius over focus over that under focus, of one magnification, of real micrographs; ``-s`` prints them."""
    folder, ratios, rows = shared / "focus_pairs", [], []
    method = _method()
    for pair in pd.read_csv(folder / "pairs.csv").head(10).itertuples():
        files = [folder / pair.over_focus, folder / pair.under_focus]
        series = open_series(files, focus=OF_PAIR)
        labels = []
        frames, voids = segment_series(series, method, keep_labels=lambda image: labels.append(image > 0))  # noqa: B023
        drift = estimate_drift(labels, reference=1).table(frames["frame"])
        drift, _ = drift_of_pair(drift, voids, series.frames, series.shape)
        found = pair_of_series(voids, drift, series.shape)
        assert found.shift_px == pytest.approx((pair.dx_px, pair.dy_px), abs=4)
        both = found.table[found.table["seen_in"] == "both"]
        ratios += (both["radius_over_px"] / both["radius_under_px"] / found.move.magnification).tolist()
        rows.append((pair.under_focus, len(both), round(found.move.magnification, 3), round(found.ratio, 3)))
    sys.stdout.write("\n" + "\n".join(map(str, rows)) + f"\n{len(ratios)} voids: {np.median(ratios):.3f}\n")
    return ratios


@pytest.mark.slow
def test_radii_of_real_pairs_agree(ratios):
    assert len(ratios) >= 180
    assert np.median(ratios) == pytest.approx(1, abs=0.02)
