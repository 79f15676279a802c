"""PLY and IMOD files of a tilt series, read back by programs other than this one."""

import imodmodel
import numpy as np
import pandas as pd
import pytest
from plyfile import PlyData

from voidlab import simulate, tables
from voidlab.export import tilt as tilt_exports
from voidlab.export.formats import imod, ply
from voidlab.images.series import Calibration
from voidlab.project.parameters.models import TrackParameters
from voidlab.tables.written import filling
from voidlab.tilt import project
from voidlab.track import series as linking

PX, NM = Calibration(None, "unknown"), Calibration(0.5, "parameters")
SHAPE = (300, 420)


@pytest.fixture(scope="module")
def made():
    """Tables of a small series, linked in 3D from its true voids."""
    series = simulate.tilt_series(3, views=7, shape=SHAPE, voids=70, axis_deg=-30.0, most_tilt_deg=25.0)
    voids = series.truth.voids.drop(columns="particle")
    frames = pd.DataFrame({"frame": np.arange(1, 8), "path": "a.tif", "tilt_deg": series.tilt_deg})
    frames = tables.check(
        frames.assign(time_s=np.nan, status="ok", void_count=1, void_fraction=0.1, valid_px=1), "frames"
    )
    found = linking.link_series(voids, series.truth.drift, frames, TrackParameters(), shape=SHAPE)
    assert found.linker == "tilt"
    return {
        "frames": frames, "voids": voids, "links": tables.select(found.linked.assign(corrected=""), "links"),
        "points": found.points, "views": found.views, "reconstruction": found.reconstruction,
    }  # fmt: skip


@pytest.mark.parametrize(("calibration", "size", "unit"), [(PX, 1.0, "px"), (NM, 0.5, "nm")])
def test_ply_is_read_by_another_program(made, tmp_path, calibration, size, unit):
    file = ply.write_ply(made["points"], tmp_path / "p.ply", calibration)
    read = PlyData.read(str(file))
    assert f"lengths in {unit}" in read.comments[0]
    vertex = read["vertex"]
    assert vertex["particle"].tolist() == made["points"]["particle"].tolist()
    for name in ("x", "y", "z", "sigma_z", "radius"):
        np.testing.assert_array_equal(vertex[name], made["points"][f"{name}_px"].to_numpy() * size)


def test_no_points_give_a_ply_without_vertices(tmp_path):
    file = ply.write_ply(tables.empty("points"), tmp_path / "p.ply", PX)
    assert len(PlyData.read(str(file))["vertex"].data) == 0


@pytest.mark.parametrize("from_below", [False, True])
def test_the_imod_model_is_read_by_another_program(made, tmp_path, from_below):
    linked = made["voids"].merge(made["links"][["frame", "label", "particle"]], on=["frame", "label"])
    frames = made["frames"]["frame"].tolist()
    file = imod.write_fiducials(
        linked, tmp_path / "v.fid", frames=frames, shape=SHAPE, from_below=from_below, pixel_size_nm=0.5
    )
    read = imodmodel.read(str(file))
    assert len(read) == len(linked)
    assert read["object_id"].unique().tolist() == [0]
    ordered = linked.sort_values(["particle", "frame"])
    assert read["contour_id"].nunique() == linked["particle"].nunique()
    np.testing.assert_allclose(read["x"], ordered["x_px"] + 0.5, atol=1e-4)
    down = ordered["y_px"] + 0.5
    np.testing.assert_allclose(read["y"], down if from_below else SHAPE[0] - down, atol=1e-4)
    np.testing.assert_array_equal(read["z"], ordered["frame"] - 1)


@pytest.mark.parametrize("suffix", ["tif", "mrc"])
def test_tilts_and_transforms_align_the_fiducials(made, tmp_path, suffix):
    """As IMOD would: fiducials through the .xf lie where points, tilted about a vertical axis, are seen."""
    made = made | {"frames": made["frames"].assign(path=f"a.{suffix}")}
    written = tilt_exports.write_tilt_files(tmp_path, made, shape=SHAPE, calibration=NM)
    assert set(written["file"]) == {file.name for file in tmp_path.iterdir()}
    tilts = np.loadtxt(tmp_path / tilt_exports.TILTS)
    np.testing.assert_allclose(tilts, made["views"]["tilt_deg"], atol=1e-3)
    lines = np.loadtxt(tmp_path / tilt_exports.TRANSFORMS)
    read = imodmodel.read(str(tmp_path / tilt_exports.FIDUCIALS))
    centre = np.array([SHAPE[1], SHAPE[0]]) / 2
    row = made["reconstruction"].iloc[0]
    particles = np.sort(made["links"]["particle"].unique())
    points = made["points"].set_index("particle").loc[particles[read["contour_id"]]]
    origin = (row["origin_x_px"], row["origin_y_px"])
    apart = []
    for view, (line, tilt) in enumerate(zip(lines, tilts, strict=True)):
        here = (read["z"] == view).to_numpy()
        aligned = (read.loc[here, ["x", "y"]].to_numpy() - centre) @ line[:4].reshape(2, 2).T + line[4:]
        seen = project(
            points[["x_px", "y_px", "z_px"]].to_numpy()[here], tilt, row["tilt_axis_deg"], origin=origin
        )
        a = np.deg2rad(row["tilt_axis_deg"])
        off = seen - origin
        across, along = off @ [np.cos(a), np.sin(a)], off @ [-np.sin(a), np.cos(a)]
        apart.append(aligned - np.column_stack([across, along if suffix == "mrc" else -along]))
    assert np.abs(np.median(np.concatenate(apart), axis=0)).max() < 0.05
    assert np.sqrt((np.concatenate(apart) ** 2).mean()) < 0.3


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_image_that_was_left_out_has_its_stated_tilt_in_the_same_sense_as_the_others(
    made, tmp_path, mirrored
):
    sign = -1 if mirrored else 1
    views = made["views"].assign(tilt_deg=sign * made["views"]["tilt_deg"]).iloc[:-1]
    changed = {"views": views, "reconstruction": made["reconstruction"].assign(mirrored=mirrored)}
    tilt_exports.write_tilt_files(tmp_path, made | changed, shape=SHAPE, calibration=PX)
    tilts = np.loadtxt(tmp_path / tilt_exports.TILTS)
    np.testing.assert_allclose(tilts, sign * made["frames"]["tilt_deg"], atol=0.5)


def test_a_series_that_is_not_in_depth_gives_no_such_files(made, tmp_path):
    exports = tmp_path / "exports"
    with filling(exports) as fresh:
        tilt_exports.write_tilt_files(fresh, made, shape=SHAPE, calibration=PX)
    assert (exports / tilt_exports.PLY).exists()
    flat = made | {name: tables.empty(name) for name in ("points", "views", "reconstruction")}
    with filling(exports) as fresh:
        assert tilt_exports.write_tilt_files(fresh, flat, shape=SHAPE, calibration=PX).empty
    assert list(exports.iterdir()) == []
