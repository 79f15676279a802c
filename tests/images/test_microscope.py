"""What files say of voltage and mode; what is given outweighs it, and a contradiction is told."""

import zipfile
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import tifffile

from projects import SHARED as REAL
from voidlab.images import open_series
from voidlab.images.errors import ImagesError
from voidlab.images.microscope import (
    Microscope,
    as_kv,
    doubts_of_microscope,
    mode_of_detector,
    with_microscope_of,
)
from voidlab.images.readers.em_metadata import stage_tilt
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import RunPaths
from voidlab.run.first_parameters import first_parameters
from voidlab.run.images import open_images
from voidlab.segment.load import load_segmenter, of_images

SAID = {
    "mrc/HAADFscan.mrc": (300, "HAADF", "Taken at 300 kV with HAADF (MRC header)."),
    "tia/new/128x128_TEM_acquire-sum1_1.ser": (200, None, "Taken at 200 kV (file header)."),
    "tia/old/64x64x5_TEM_preview_1.ser": (200, None, "Taken at 200 kV (file header)."),
    "emd/fei_example_tem_stack.emd": (300, "bright field", "Taken at 300 kV in bright field (file header)."),
    "digitalmicrograph/2D/multi_signal.dm3": (300, "HAADF", "Taken at 300 kV with HAADF (file header)."),
    "digitalmicrograph/2D/test_STEM_image.dm3": (200, None, "Taken at 200 kV (file header)."),
    "digitalmicrograph/test_stackbuilder_imagestack.dm3": (200, None, "Taken at 200 kV (file header)."),
    "tiff/test_loading_image_saved_with_DM.tif": (None, None, ""),
}


def dataset(**microscope):
    return DatasetParameters(dataset="x", images="x.tif", microscope=microscope)


@pytest.mark.parametrize("name", SAID)
def test_real_files_give_voltage_and_mode(name):
    path = REAL / "reader_files" / "rosettasciio" / name
    if not path.exists():
        pytest.skip("needs the real files of ../shared/data")
    if path.suffix != ".mrc":
        pytest.importorskip("rsciio")
    voltage, mode, note = SAID[name]
    series = open_series(path)
    assert (series.microscope.voltage_kv, series.microscope.mode) == (voltage, mode)
    assert (note in series.notes) == bool(note)
    assert sum(said.startswith("Taken") for said in series.notes) == bool(note)
    scanned = "STEM" in name or "stackbuilder" in name
    doubts = list(doubts_of_microscope(dataset().microscope, series.microscope))
    assert [said.startswith("The files say STEM, but not with which") for said in doubts] == [True] * scanned
    assert (
        not list(doubts_of_microscope(dataset(mode="HAADF").microscope, series.microscope))
        or mode == "bright field"
    )


def test_maps_of_velox_lie_beside_an_image_with_haadf(tmp_path):
    packed = REAL / "reader_files" / "rosettasciio" / "emd" / "velox_emd_version11.zip"
    if not packed.exists():
        pytest.skip("needs the real files of ../shared/data")
    pytest.importorskip("rsciio")
    zipfile.ZipFile(packed).extractall(tmp_path)
    series = open_series(sorted(tmp_path.glob("*kx.emd"))[-1])
    assert series.microscope == Microscope(300, "HAADF", scanned=True)


def fei_tiff(path, text):
    image = np.arange(120, dtype=np.uint16).reshape(10, 12)
    tifffile.imwrite(path, image, extratags=[(34682, 2, 0, text, True)])
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Beam]\r\nHV=200000\r\n[Detectors]\r\nName=HAADF\r\n", Microscope(200, "HAADF", scanned=True)),
        ("[Beam]\r\nHV=30000\r\n[Detectors]\r\nName=ETD\r\n", Microscope(30)),
        ("[Beam]\r\nHV=5000\r\n", Microscope()),
        ("[User]\r\nName=BF\r\n", Microscope()),
    ],
)
def test_tags_of_thermo_fisher_in_tiff(tmp_path, text, expected):
    assert open_series(fei_tiff(tmp_path / "a.tif", text)).microscope == expected


@pytest.mark.parametrize("beside", ["a.mrc.mdoc", "a.mdoc"])
def test_the_voltage_of_serialem_is_in_the_mdoc_beside_the_stack(tmp_path, beside):
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(np.zeros((2, 10, 12), np.int16))
    assert open_series(tmp_path / "a.mrc").microscope == Microscope()
    text = (
        "PixelSpacing = 4.7\nVoltage = 300\n\n[ZValue = 0]\nTiltAngle = 0.0\n[ZValue = 1]\nTiltAngle = 2.0\n"
    )
    (tmp_path / beside).write_text(text)
    assert open_series(tmp_path / "a.mrc").microscope == Microscope(300)
    (tmp_path / beside).write_text(text.replace("Voltage = 300", "Voltage = ?"))
    assert open_series(tmp_path / "a.mrc").microscope == Microscope()


def test_files_that_disagree_are_not_believed(tmp_path):
    for number, (kv, name) in enumerate([(200, "HAADF"), (300, "BF")]):
        fei_tiff(tmp_path / f"a_{number}.tif", f"[Beam]\r\nHV={kv}000\r\n[Detectors]\r\nName={name}\r\n")
    series = open_series(tmp_path)
    assert series.microscope == Microscope(scanned=True)
    assert "The files disagree on the voltage, 200 to 300 kV: theirs is not used." in series.notes
    assert any("disagree on the mode, HAADF and bright field" in note for note in series.notes)


def test_images_that_say_haadf_are_not_searched_for_fringes_and_init_says_what_they_are(tmp_path):
    file = fei_tiff(tmp_path / "a.tif", "[Beam]\r\nHV=200000\r\n[Detectors]\r\nName=HAADF\r\n")
    series = open_series(file)
    method = load_segmenter("classical")
    assert of_images(method, with_microscope_of(dataset(), series.microscope), 0.5).focus is None
    given = with_microscope_of(dataset(mode="bright field"), series.microscope)
    assert of_images(method, given, 0.5).focus == "auto"
    told = first_parameters("a", "a.tif", series)
    assert (
        "# the images were taken at 200 kV with HAADF; microscope: {voltage_kv: ..., mode: ...} outweighs that"
        in told
    )
    fei_tiff(file, "[Beam]\r\nHV=0\r\n")
    assert "\n# microscope: {voltage_kv: 300, mode: HAADF}   # else" in first_parameters(
        "a", "a.tif", open_series(file)
    )


def test_what_is_given_outweighs_the_files_and_is_told():
    found = Microscope(300, "HAADF", scanned=True)
    filled = with_microscope_of(dataset(), found).microscope
    assert (filled.voltage_kv, filled.mode) == (300, "HAADF")
    given = dataset(voltage_kv=200, mode="bright field")
    kept = with_microscope_of(given, found).microscope
    assert (kept.voltage_kv, kept.mode) == (200, "bright field")
    assert list(doubts_of_microscope(given.microscope, found)) == [
        "microscope.voltage_kv is 200, but the files say 300 kV: 200 is used.",
        "microscope.mode is bright field, but the files say HAADF: bright field is used.",
    ]
    unknown = with_microscope_of(dataset(), Microscope()).microscope
    assert (unknown.voltage_kv, unknown.mode) == (None, None)  # taken for bright field, but nobody says so


def test_a_contradiction_is_among_the_notes_of_a_dataset_and_haadf_is_no_focus_pair(tmp_path):
    paths = RunPaths(tmp_path, "x")
    paths.parameters.parent.mkdir()
    for name in ("a.tif", "b.tif"):
        fei_tiff(paths.parameters.parent / name, "[Beam]\r\nHV=200000\r\n[Detectors]\r\nName=HAADF\r\n")
    given = DatasetParameters(dataset="x", images="a.tif", microscope={"voltage_kv": 300.0})
    assert any("but the files say 200 kV: 300 is used" in note for note in open_images(paths, given).notes)
    pair = DatasetParameters(dataset="x", focus_pair={"under": "a.tif", "over": "b.tif"})
    with pytest.raises(ImagesError, match="the files say HAADF, where focus has no such sign"):
        open_images(paths, pair)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("HAADF", "HAADF"),
        *((name, "bright field") for name in ("BF", "BF-S")),
        *((name, "dark field") for name in ("DF4", "DF-I", "ADF", "MAADF")),
        *((name, None) for name in ("ABF", "BM-UltraScan", "DPC", None)),
    ],
)
def test_detectors_say_the_mode(name, mode):
    assert mode_of_detector(name) == mode


@pytest.mark.parametrize(
    ("value", "kv"),
    [(200000.0, 200), ("300000", 300), ("200", 200), (0, None), (5000, None), ("?", None), (None, None)],
)
def test_voltages_come_in_v_or_kv(value, kv):
    assert as_kv(value) == kv


def in_dm(stage):
    return {"ImageList": {"TagGroup0": {"ImageTags": {"Microscope Info": {"Stage Position": stage}}}}}


@pytest.mark.parametrize(
    ("name", "tags", "angle"),
    [
        ("a.emd", {"Stage": {"AlphaTilt": "0.5"}}, 28.6479),  # of Velox, in radians
        ("a.emd", {"Stage": {}}, None),
        ("a.dm4", in_dm({"Stage Alpha": -3.5}), -3.5),
        ("a.dm4", in_dm({"Stage Alpha": "?"}), None),
        ("a.dm4", {"ImageList": "?"}, None),
        ("a.emd", {"Stage": {"AlphaTilt": "nan"}}, None),
    ],
)  # fmt: skip
def test_the_stage_says_its_angle(name, tags, angle):
    assert stage_tilt(Path(name), tags) == (None if angle is None else pytest.approx(angle, abs=1e-3))
