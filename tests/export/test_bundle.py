"""What a collaborator gets: files open in the readers of their programs, nothing is missing."""

import builtins
import zipfile

import numpy as np
import pandas as pd
import pytest
import pytrackmate
import roifile

import situations
from voidlab import export, tables, track
from voidlab.errors import install_extra
from voidlab.export import bundle, contents, other_programs
from voidlab.images.series import Calibration
from voidlab.project.parameters.models import ExportParameters
from voidlab.track import fates, mergers

NM = Calibration(0.5, "parameters")
FRAMES = list(range(16))


def run_of(voids):
    """Tables and label images of a run over the voids of a situation."""
    frames = pd.DataFrame(
        {"frame": FRAMES, "path": "a.tif", "tilt_deg": np.nan, "time_s": np.arange(16) * 2.0, "status": "ok",
         "void_count": 1, "void_fraction": 0.1, "valid_px": 100}
    )  # fmt: skip
    linked = voids.assign(x_corrected_px=voids["x_px"], y_corrected_px=voids["y_px"])
    events = mergers.find_merges(linked)
    made = {
        "frames": tables.check(frames, "frames"),
        "voids": tables.select(voids, "voids"),
        "links": tables.select(linked, "links"),
        "tracks": track.summarize_tracks(linked),
        "events": events,
        "fates": fates.describe_fates(linked, frames, events, situations.SHAPE, border_px=5, memory=1),
    }
    ys, xs = np.mgrid[: situations.SHAPE[0], : situations.SHAPE[1]]
    labels = np.zeros((len(FRAMES), *situations.SHAPE), np.uint16)
    for row in voids.itertuples():
        labels[row.frame][np.hypot(xs - row.x_px, ys - row.y_px) <= row.radius_px] = row.label
    return made, labels


def written(folder, situation=situations.two_that_merge, **options):
    made, labels = run_of(situation())
    found = other_programs.write_others(
        folder, made, labels, shape=situations.SHAPE, calibration=NM, **options
    )
    return made, found


def test_every_program_finds_the_voids(tmp_path):
    made, found = written(tmp_path)
    count = len(made["voids"])
    assert found.notes == ()
    assert len(roifile.roiread(tmp_path / "imagej-rois.zip")) == count
    spots = pytrackmate.trackmate_peak_import(tmp_path / "trackmate.xml", get_tracks=False)
    assert len(spots) == count
    assert (tmp_path / "ctc/01_RES/res_track.txt").read_text().count("\n") >= 2
    assert len(list((tmp_path / "ctc/01_RES").glob("mask*.tif"))) == len(FRAMES)
    per_void = export.read_csv(tmp_path / "per-void.csv")
    assert (
        (tmp_path / "per-void.csv").read_bytes().startswith(b"\xef\xbb\xbfparticle,")
    )  # Excel's mark of UTF-8
    assert next(iter(per_void)) == "particle"
    assert len(per_void) == len(made["tracks"])
    assert {"mean_radius_px", "mean_radius_nm", "diffusion_nm2_per_frame", "fate"} <= set(per_void)
    diffusion = made["fates"].set_index("particle")["diffusion_px2_per_frame"].loc[per_void["particle"]]
    np.testing.assert_allclose(per_void["diffusion_nm2_per_frame"], diffusion * 0.25, rtol=0.005)
    np.testing.assert_allclose(
        per_void["mean_radius_nm"], made["tracks"]["mean_radius_px"] * NM.pixel_size_nm, atol=0.005
    )
    assert (found.files["bytes"] > 0).all()
    compile((tmp_path / other_programs.LOADER).read_text(), other_programs.LOADER, "exec")


def test_without_the_extra_a_sentence_says_so_and_the_rest_is_written(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name in ("geff", "roifile"):
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    _, found = written(tmp_path)
    assert len(found.notes) == 2
    assert all(install_extra("exchange") in note for note in found.notes)
    assert {"trackmate.xml", "per-void.csv"} <= set(found.files["file"])
    assert "tracks.geff" not in set(found.files["file"])


def test_not_asked_for_is_not_written(tmp_path):
    _, found = written(tmp_path, wanted=False)
    assert found.files.empty
    assert "other_programs" in found.notes[0]
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_voids_is_given_on_too(tmp_path):
    _, found = written(tmp_path, situation=situations.none)
    assert found.notes == ()
    assert len(export.read_csv(tmp_path / "per-void.csv")) == 0


def single(voids):
    """The tables of a run over the first image alone, and its labels: there are no tracks."""
    made, labels = run_of(voids)
    names = ("links", "tracks", "events", "fates", "pairs", "drift", "views")
    number = int(voids["frame"].min())
    first = {name: made[name][made[name]["frame"] == number] for name in ("frames", "voids")}
    return {**first, **{name: tables.empty(name) for name in names}}, labels[number : number + 1]


def test_of_a_single_image_the_row_per_void_is_that_of_its_voids(tmp_path):
    series, _ = run_of(situations.two_that_touch())
    made, labels = single(situations.two_that_touch())
    other_programs.write_others(tmp_path, made, labels, shape=situations.SHAPE, calibration=NM)
    found = export.read_csv(tmp_path / "per-void.csv")
    per_track = tables.to_nm(series["tracks"].merge(series["fates"], on="particle"), NM)
    assert [name for name in found if name in per_track] == list(per_track)
    assert len(found) == len(made["voids"]) == 2
    assert found["label"].tolist() == made["voids"]["label"].tolist()
    for radius in ("mean_radius_nm", "min_radius_nm", "max_radius_nm"):
        np.testing.assert_allclose(found[radius], made["voids"]["radius_px"] * 0.5, atol=0.005)
    assert found[["particle", "total_frames", "path_length_px", "fate"]].isna().all(axis=None)


def test_of_a_single_image_the_list_says_which_files_hold_nothing(tmp_path):
    made, labels = single(situations.two_that_touch())
    asked = ExportParameters()
    bundle.write_exports(tmp_path / "exports", made, labels, asked, shape=situations.SHAPE, calibration=NM)
    said = contents.meanings(tmp_path / "exports")
    empty = [name for name, what in said.items() if what.startswith("holds nothing")]
    assert {"tracks.csv", "drift.csv", "track-data.json", "void-2d-coordinates.csv", "fates.csv"} <= {*empty}
    assert not {"voids.csv", "per-void.csv", "frame-data.json", "frames.csv", "trackmate.xml"} & {*empty}
    assert not [name for name in said if name.startswith(("ctc", "tracks.geff"))]
    assert not (tmp_path / "exports" / "tracks.geff").exists()


def test_of_a_single_image_no_file_of_tracks_is_written_or_promised(tmp_path):
    made, labels = single(situations.two_that_touch())
    found = other_programs.write_others(tmp_path, made, labels, shape=situations.SHAPE, calibration=NM)
    named = {"per-void.csv", "imagej-rois.zip", "trackmate.xml", "open-in-napari.py"}
    assert set(found.files["file"]) == {file.name for file in tmp_path.iterdir()} == named
    assert not found.files["what"].str.contains(r"\btracks\b").any()


def test_the_zip_holds_it_all_and_says_what_it_is(tmp_path):
    (tmp_path / "labels.tif").write_bytes(b"labels")
    archives = []
    for name in ("one", "two"):
        _, found = written(tmp_path / name)
        every = bundle.write_contents(tmp_path / name, found.files)
        path = bundle.write_archive(tmp_path / name, "gold", beside=[tmp_path / "labels.tif"])
        archives.append(path.read_bytes())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(tmp_path / "one" / "gold-results.zip") as archive:
        names = set(archive.namelist())
        readme = archive.read("gold/README.txt").decode()
    on_disk = {
        f"gold/exports/{file.relative_to(tmp_path / 'one').as_posix()}"
        for file in (tmp_path / "one").rglob("*")
        if file.is_file() and file.name != "gold-results.zip"
    }
    assert names == {"gold/README.txt", "gold/labels.tif", *on_disk}
    assert all(file in readme for file in found.files["file"])
    assert contents.meanings(tmp_path / "one").keys() == set(every["file"])
    assert (every["bytes"] > 0).all()


def test_of_many_voids_files_for_others_are_written_only_if_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(other_programs, "SMALL", 2)
    made, found = written(tmp_path)
    assert found.files["file"].tolist() == ["per-void.csv"]
    assert [file.name for file in tmp_path.iterdir()] == ["per-void.csv"]
    assert f"were left out: for {len(made['voids'])} voids" in found.notes[0]
    assert "set other_programs: true below export: in the parameter file" in found.notes[0]
    _, asked = written(tmp_path, wanted=True)
    assert {"trackmate.xml", "napari-tracks.csv", "tracks.geff"} <= set(asked.files["file"])


def test_the_same_results_give_the_same_rois(tmp_path):
    for name in ("one", "two"):
        written(tmp_path / name)
    one, two = ((tmp_path / name / "imagej-rois.zip").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_folder_without_a_list_has_no_meanings(tmp_path):
    assert contents.meanings(tmp_path) == {}
    (tmp_path / contents.CONTENTS).write_text("nonsense\n")
    assert contents.meanings(tmp_path) == {}


@pytest.mark.parametrize("times", [[], [1.0], [5.0, 5.0]])
def test_unknown_times_give_no_interval(times):
    assert other_programs._interval(pd.DataFrame({"time_s": np.array(times)})) is None
