"""What users, notebooks and the README import: each address gives what it gave, and importing stays fast."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import voidlab
from voidlab import cli, report

# The address of each verb or class, and the arguments that others rely on.
VERBS = {
    "images.open_series": ("source", "pixel_size_nm", "tilt_angles_deg"),
    "images.ImageSeries": (),
    "segment.load_segmenter": ("name_or_path", "contrast"),
    "measure.measure_voids": ("labels", "frame", "edge_buffer_px", "probability"),
    "drift.estimate_drift": ("images", "reference", "pairs"),
    "drift.Drift": ("drift_px", "sigma_px"),
    "track.link_voids": ("voids", "search_range_px", "memory"),
    "track.link_by_assignment": ("voids", "search_range_px", "memory"),
    "track.link_series": ("voids",),
    "track.summarize_tracks": ("voids_with_particle",),
    "track.diffusion": ("linked",),
    "track.find_merges": ("linked",),
    "track.clear_events": ("events",),
    "track.compare_laws": ("events",),
    "track.describe_fates": (),
    "tilt.reconstruct": ("voids", "tilt_angles_deg", "shape", "axis_deg"),
    "tilt.TiltModel": ("voids", "points", "tilt_axis_deg", "drift_px", "thickness_px", "verdict", "reasons"),
    "scores.match_voids": ("truth", "found", "share"),
    "scores.score_voids": ("truth", "found"),
    "scores.score_tracks": ("truth", "found"),
    "scores.score_tracks_in_full": ("truth", "found"),
    "simulate.tilt_series": ("seed",),
    "simulate.video": ("seed",),
    "simulate.Simulation": ("images", "truth"),
    "swelling.Foil": (),
    "swelling.Sample": ("shape", "scale", "foil"),
    "swelling.Scale": (),
    "swelling.measure_swelling": ("voids", "sample"),
    "swelling.measure_series": ("voids",),
    "swelling.swelling_in_3d": ("points", "views", "reconstruction"),
    "tables.load": ("paths", "name"),
    "tables.to_nm": ("table", "calibration"),
    "segment.torch_export": (),  # says what a network of one's own must come with
}
COMMANDS = [
    "demo",
    "init",
    "check",
    "parameters",
    "run",
    "watch",
    "score",
    "train",
    "correct",
    "clean",
    "movie",
    "zip",
    "compare",
    "positions",
    "lab",
]
PACKAGES = [
    importlib.import_module(each.name)
    for each in pkgutil.walk_packages(voidlab.__path__, "voidlab.")
    if each.ispkg
]


@pytest.mark.parametrize("address", VERBS)
def test_what_is_public_is_where_it_is_said_to_be(address):
    module, name = address.rsplit(".", 1)
    found = getattr(importlib.import_module(f"voidlab.{module}"), name)
    if not inspect.ismodule(found):
        assert set(VERBS[address]) <= set(inspect.signature(found).parameters)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_no_module_bears_the_name_of_what_its_package_gives(package):
    modules = {each.name for each in pkgutil.iter_modules(package.__path__)}
    given = getattr(package, "__all__", ())
    assert [name for name in given if name in modules and not inspect.ismodule(getattr(package, name))] == []
    assert [name for name in given if not hasattr(package, name)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_how_it_is_used(command, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])
    assert left.value.code == 0
    assert f"usage: voidlab {command}" in capsys.readouterr().out


def test_importing_the_package_loads_next_to_nothing():
    code = "import sys; before = set(sys.modules); import voidlab; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["voidlab"]


def test_a_command_that_only_looks_loads_no_figures_and_no_linker():
    large = "{'matplotlib', 'trackpy', 'scipy.stats'}"
    code = f"import sys, voidlab.run, voidlab.cli.commands; print(*{large} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_the_reports_give_is_there_by_name():
    assert {"show_frames", "key_figures", "readable"} <= {*dir(report)}
    assert all(getattr(report, name) is not None for name in dir(report))
    with pytest.raises(AttributeError, match="no attribute 'show_nothing'"):
        report.show_nothing  # noqa: B018


def test_torch_is_loaded_only_when_a_network_is_used():
    every = [package.__name__ for package in PACKAGES if package.__name__ != "voidlab.training"]
    code = f"import sys, {', '.join(every)}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
