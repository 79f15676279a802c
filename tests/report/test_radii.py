from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from voidlab.project.parameters.models import MicroscopeParameters
from voidlab.report.radii import of_radii

UNDER = {"under": True, "fringe_px": 3.166, "fringe_sigma_px": 0.1}  # 1 µm at 200 kV with pixels of 0.5 nm
NM, PX = SimpleNamespace(pixel_size_nm=0.5), SimpleNamespace(pixel_size_nm=None)


def voids(*basis):
    edge = {"fringe": 9.0, "network": 10.0, "not a size": 9.0}
    return pd.DataFrame(
        {
            "size_basis": basis,
            "radius_px": 10.0,
            "radius_shared_sigma_px": 0.6,
            "edge_radius_px": [edge[each] for each in basis],
        }
    )


def figures_of(focus=UNDER, table=None, calibration=NM, **microscope):
    decided = {"focus": focus} if focus else {}
    table = voids("fringe") if table is None else table
    return {
        each["label"]: each
        for each in of_radii(decided, table, calibration, MicroscopeParameters(**microscope))
    }


def test_the_focus_is_given_in_micrometres_with_the_voltage_that_was_assumed():
    meaning = figures_of()["Radii"]["meaning"]
    assert "about 1 µm under focus (fringe 1.6 ± 0.05 nm wide, 200 kV assumed); ± 6% that all" in meaning
    assert "an edge drawn by hand lies at 90% of the radius" in meaning
    assert (
        "1.3 µm under focus (fringe 1.6 ± 0.05 nm wide, 300 kV)"
        in figures_of(voltage_kv=300.0)["Radii"]["meaning"]
    )


def test_without_a_pixel_size_no_defocus_is_said():
    meaning = figures_of(UNDER | {"under": False}, calibration=PX)["Radii"]["meaning"]
    assert "over focus, fringe 3.2 ± 0.1 px wide" in meaning
    assert "µm" not in meaning


@pytest.mark.parametrize(
    ("mode", "why"), [("bright field", "no Fresnel fringe was found"), ("HAADF", "HAADF has no")]
)
def test_without_a_fringe_radii_are_as_detected(mode, why):
    figure = figures_of(focus=None, mode=mode)["Radii"]
    assert figure["value"] == "as detected"
    assert why in figure["meaning"]
    assert "± 9%" in figure["meaning"]


@pytest.mark.parametrize(
    ("given", "doubt"), [(-1000.0, False), (-500.0, False), (-300.0, True), (1000.0, True)]
)
def test_a_defocus_that_contradicts_the_images_is_told_though_it_is_used(given, doubt):
    focus = UNDER | {"fringe_px": 2 * np.sqrt(0.0025079 * abs(given)), "seen_px": 3.166}
    figure = figures_of(focus, defocus_nm=given)["Radii"]
    assert f"as given, {abs(given) / 1000:.2g} µm under focus" in figure["meaning"]
    warning = figure.get("warning", "")
    assert ("but the fringes speak for -999 nm" in warning) == doubt
    assert ("those of the defocus that was given, under focus as the images show it" in warning) == doubt
    assert bool(warning) == doubt


@pytest.mark.parametrize(("grain_px", "doubt"), [(3.3, False), (3.9, False), (4.2, True), (9.0, True)])
def test_grain_that_speaks_for_a_wider_fringe_is_told(grain_px, doubt):
    figure = figures_of(UNDER | {"fringe_px": 3.166, "grain_px": grain_px})["Fringe by the grain"]
    assert figure["value"] == f"{0.5 * grain_px:.2g} nm"
    assert ("the radii may be too large" in figure.get("warning", "")) == doubt


def test_grain_that_says_nothing_or_is_not_asked_is_not_shown():
    assert "Fringe by the grain" not in figures_of(UNDER | {"grain_px": None})
    assert "Fringe by the grain" not in figures_of(
        UNDER | {"grain_px": 9.0, "seen_px": 3.1}, defocus_nm=-1000.0
    )


def test_a_defocus_of_0_fixes_nothing_and_fringes_contradict_it():
    assert "those of the defocus of the fringes" in figures_of(defocus_nm=0.0)["Radii"]["warning"]


def test_a_defocus_whose_fringes_are_not_there_is_told():
    warning = figures_of(focus=None, defocus_nm=-1000.0)["Radii"]["warning"]
    assert "makes fringes 1.6 nm wide, but none were found" in warning
    assert not figures_of(focus=None, mode="HAADF", defocus_nm=-1000.0)["Radii"].get("warning")


@pytest.mark.parametrize("focus", [None, UNDER])
def test_a_defocus_without_a_pixel_size_is_not_used_and_that_is_said(focus):
    warning = figures_of(focus, calibration=PX, defocus_nm=-1000.0)["Radii"]["warning"]
    assert warning.startswith("microscope.defocus_nm is not used")


def test_voids_without_a_size_are_counted_and_a_few_of_them_are_no_warning():
    few = figures_of(table=voids(*["fringe"] * 99, "not a size"))["Not a size"]
    assert few["value"] == "1"
    assert not few.get("warning")
    many = figures_of(table=voids("fringe", "not a size"))["Not a size"]
    assert many["warning"].startswith("1 of 2 voids is smaller than the fringe around it")
    assert "Not a size" not in figures_of()
