"""Files of other programs, read back by those programs' own readers."""

import re
import sys
import tracemalloc
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import geff
import numpy as np
import pandas as pd
import pytest
import pytrackmate
import roifile
import tifffile
from geff.convert import from_trackmate_xml_to_geff
from geff.convert._ctc import from_ctc_to_geff

import situations
from voidlab.errors import install_extra
from voidlab.export import formats
from voidlab.export.formats.ctc import write_challenge
from voidlab.export.formats.geff import write_geff
from voidlab.export.formats.imagej import write_rois
from voidlab.export.formats.track_graph import edges
from voidlab.export.formats.trackmate import write_trackmate
from voidlab.track.mergers import find_merges

FRAMES = list(range(16))  # no situation has voids in the first
ONE_OR_NONE = (situations.none, situations.one, situations.one_at_the_edge)
EACH = pytest.mark.parametrize("situation", situations.ALL, ids=lambda situation: situation.__name__)


def links_of(voids):
    """Pairs of (frame, label) that follow each other in a track."""
    pairs = set()
    for _, track in voids.sort_values("frame").groupby("particle"):
        pairs |= set(pairwise(zip(track["frame"], track["label"], strict=True)))
    return pairs


def merged_child(voids):
    """The situation of two that merge, the child with a number of its own, and its merge."""
    voids = voids.assign(particle=voids["particle"].where(voids["frame"] <= 5, 7))
    return voids, find_merges(voids)


def label_images(voids):
    """Label image of each frame, the discs of the voids."""
    ys, xs = np.mgrid[: situations.SHAPE[0], : situations.SHAPE[1]]
    images = []
    for frame in FRAMES:
        image = np.zeros(situations.SHAPE, np.int32)
        for row in voids[voids["frame"] == frame].itertuples():
            image[np.hypot(xs - row.x_px, ys - row.y_px) <= row.radius_px] = row.label
        images.append(image)
    return images


@EACH
def test_rois_lie_where_the_voids_are(situation, tmp_path):
    voids = situation()
    path = write_rois(voids, tmp_path / "voids.zip", frames=FRAMES)
    rois = roifile.roiread(path) if len(voids) else []
    assert len(rois) == len(voids)
    for roi, row in zip(rois, voids.itertuples(), strict=True):
        assert roi.roitype == roifile.ROI_TYPE.OVAL
        assert roi.position == FRAMES.index(row.frame) + 1
        left, top, right, bottom = roi.xd, roi.yd, roi.xd + roi.widthd, roi.yd + roi.heightd
        assert ((left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5) == pytest.approx(
            (row.x_px, row.y_px), abs=1e-4
        )
        assert roi.widthd / 2 == pytest.approx(row.radius_px, abs=1e-4)
        assert roi.name == f"frame {row.frame} label {row.label} particle {row.particle}"
    assert len({(roi.group) for roi in rois}) == voids["particle"].nunique()


def test_rois_of_voids_that_were_not_tracked(tmp_path):
    roi = roifile.roiread(
        write_rois(situations.one().drop(columns="particle"), tmp_path / "a.zip", frames=FRAMES)
    )[0]
    assert roi.group == 0
    assert roi.name == "frame 1 label 1"


@EACH
def test_trackmate_reads_spots_and_tracks(situation, tmp_path):
    voids = situation()
    path = tmp_path / "tracks.xml"
    write_trackmate(
        voids, path, frames=FRAMES, shape=situations.SHAPE, pixel_size_nm=0.5, frame_interval_s=2.0
    )
    spots = pytrackmate.trackmate_peak_import(path, get_tracks=len(voids) > 0).sort_values("spot_id")
    np.testing.assert_allclose(spots["x"], voids["x_px"] * 0.5)
    np.testing.assert_allclose(spots["y"], voids["y_px"] * 0.5)
    np.testing.assert_allclose(spots["w"], voids["radius_px"])  # the diameter, nm
    np.testing.assert_allclose(spots["t_stamp"], voids["frame"])
    np.testing.assert_allclose(spots["t"], voids["frame"] * 2.0)
    if len(voids):
        together = pd.crosstab(spots["label"].to_numpy(), voids["particle"].to_numpy()) > 0
        assert (together.sum(axis=0) == 1).all()
        assert (together.sum(axis=1) == 1).all()


def test_trackmate_through_another_reader_with_a_merge(tmp_path):
    voids, merges = merged_child(situations.two_that_merge())
    path = tmp_path / "tracks.xml"
    image = tmp_path / "images.tif"
    write_trackmate(voids, path, frames=FRAMES, shape=situations.SHAPE, merges=merges, image=image)
    with pytest.warns(UserWarning, match="Missing tag"):  # what the program's own windows looked like
        from_trackmate_xml_to_geff(path, tmp_path / "tracks.geff")
    graph, about = geff.read(tmp_path / "tracks.geff")
    assert graph.number_of_nodes() == len(voids)
    joined = [node for node, parents in graph.in_degree if parents == 2]
    assert [graph.nodes[node]["FRAME"] for node in joined] == [6]
    assert {axis.name: axis.unit for axis in about.axes}["POSITION_X"] == "pixel"
    assert len({track for _, track in graph.nodes(data="TRACK_ID")}) == 1


def test_trackmate_takes_no_memory_that_grows_with_the_file(tmp_path):
    one = situations.two_that_touch()
    many = pd.concat(
        [one.assign(label=one["label"] + 2 * i, particle=one["particle"] + 2 * i) for i in range(400)]
    )
    tracemalloc.start()
    path = write_trackmate(many, tmp_path / "t.xml", frames=FRAMES, shape=situations.SHAPE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size  # as a tree it is six times the file


def test_trackmate_finds_the_image(tmp_path):
    image = tmp_path / "images.tif"
    path = tmp_path / "tracks.xml"
    write_trackmate(situations.one(), path, frames=FRAMES, shape=(96, 128), pixel_size_nm=0.5, image=image)
    data = ElementTree.parse(path).find("Settings/ImageData").attrib
    assert (data["filename"], data["folder"]) == ("images.tif", str(tmp_path))
    assert (data["width"], data["height"], data["nframes"], data["pixelwidth"]) == ("128", "96", "16", "0.5")


def test_voids_without_a_track_are_spots_alone(tmp_path):
    voids = situations.two_that_touch().astype({"particle": "Int64"})
    voids.loc[voids["particle"] == 1, "particle"] = pd.NA
    path = write_trackmate(voids, tmp_path / "t.xml", frames=FRAMES, shape=situations.SHAPE)
    root = ElementTree.parse(path)
    assert len(root.findall("Model/AllSpots/SpotsInFrame/Spot")) == 12
    assert len(root.findall("Model/AllTracks/Track")) == 1
    assert len(root.findall("Model/AllTracks/Track/Edge")) == 5


@pytest.mark.parametrize(
    "situation",
    # The other program's reader cannot read a list of one track.
    [s for s in situations.ALL if s not in ONE_OR_NONE],
    ids=lambda situation: situation.__name__,
)
def test_the_challenge_layout_is_read_as_the_same_links(situation, tmp_path):
    voids = situation()
    labels = label_images(voids)
    folder = write_challenge(voids, tmp_path / "01_RES", frames=FRAMES, labels=labels)
    masks = np.stack([tifffile.imread(file) for file in sorted(folder.glob("mask*.tif"))])
    assert masks.dtype == np.uint16
    np.testing.assert_array_equal(masks > 0, np.stack(labels) > 0)
    for track, first, last, _ in np.loadtxt(folder / "res_track.txt", int, ndmin=2):
        np.testing.assert_array_equal(
            np.flatnonzero((masks == track).any(axis=(1, 2))), range(first, last + 1)
        )
    from_ctc_to_geff(folder, tmp_path / "read.geff")
    graph, _ = geff.read(tmp_path / "read.geff")
    label_of = {
        node: (data["t"], labels[data["t"]][round(data["y"]), round(data["x"])])
        for node, data in graph.nodes(data=True)
    }
    assert {(label_of[a], label_of[b]) for a, b in graph.edges} == links_of(voids)


def test_the_challenge_layout_of_a_merge_keeps_the_larger_parent(tmp_path):
    voids, merges = merged_child(situations.two_that_merge())
    folder = write_challenge(
        voids, tmp_path / "01_RES", frames=FRAMES, labels=label_images(voids), merges=merges
    )
    lines = np.loadtxt(folder / "res_track.txt", int)
    assert lines.tolist() == [[1, 1, 5, 0], [2, 1, 5, 0], [3, 6, 10, 1]]


def test_the_challenge_layout_without_voids(tmp_path):
    folder = write_challenge(
        situations.none(), tmp_path / "R", frames=FRAMES, labels=label_images(situations.none())
    )
    assert (folder / "res_track.txt").read_text() == ""
    assert len(list(folder.glob("mask*.tif"))) == 16


def test_a_void_of_which_no_pixel_is_left_breaks_its_track(tmp_path):
    labels = label_images(situations.one())
    labels[4][:] = 0
    folder = write_challenge(situations.one(), tmp_path / "R", frames=FRAMES, labels=labels)
    assert np.loadtxt(folder / "res_track.txt", int).tolist() == [[1, 1, 3, 0], [2, 5, 7, 1]]


def test_an_older_layout_is_replaced(tmp_path):
    for voids in (situations.dense_lattice(), situations.one()):
        folder = write_challenge(voids, tmp_path / "R", frames=FRAMES, labels=label_images(voids))
    assert np.loadtxt(folder / "res_track.txt", int, ndmin=2).tolist() == [[1, 1, 7, 0]]
    assert [file.name for file in tmp_path.iterdir()] == ["R"]


@EACH
def test_geff_is_valid_and_the_same(situation, tmp_path):
    voids = situation()
    path = write_geff(voids, tmp_path / "tracks.geff", frames=FRAMES, pixel_size_nm=0.5)
    geff.validate_structure(path)
    graph, about = geff.read(path)
    key = {node: (data["frame"], data["label"]) for node, data in graph.nodes(data=True)}
    assert {(key[a], key[b]) for a, b in graph.edges} == links_of(voids)
    for node, row in zip(sorted(graph.nodes), voids.itertuples(), strict=True):
        data = graph.nodes[node]
        assert (data["x"], data["y"], data["radius"]) == (row.x_px, row.y_px, row.radius_px)
        assert (data["t"], data["particle"]) == (FRAMES.index(row.frame), row.particle)
    assert [(axis.name, axis.scale, axis.scaled_unit) for axis in about.axes][1:] == [
        ("y", 0.5, "nanometer"), ("x", 0.5, "nanometer"),
    ]  # fmt: skip


def test_geff_keeps_both_parents(tmp_path):
    voids, merges = merged_child(situations.two_that_merge())
    graph, _ = geff.read(write_geff(voids, tmp_path / "m.geff", frames=FRAMES, merges=merges))
    (child,) = [node for node, parents in graph.in_degree if parents == 2]
    parents = {graph.nodes[node]["particle"] for node in graph.predecessors(child)}
    assert parents == {0, 1}
    assert {graph.nodes[node]["frame"] for node in graph.predecessors(child)} == {5}


def test_a_survivor_of_a_merge_has_no_edge_to_itself():
    voids = situations.two_that_merge()
    plain, merged = edges(voids), edges(voids, find_merges(voids))
    assert len(merged) == len(plain) + 1


def test_frames_that_are_no_images_are_refused(tmp_path):
    with pytest.raises(ValueError, match="the table has frame 7, which is not one of the 6 images"):
        write_rois(situations.one(), tmp_path / "a.zip", frames=range(1, 7))


@pytest.mark.parametrize(("module", "write"), [("geff", write_geff), ("roifile", write_rois)])
def test_what_must_be_installed_is_said(module, write, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=re.escape(install_extra("exchange"))):
        write(situations.one(), tmp_path / "a", frames=FRAMES)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_fails_leaves_the_old_one(tmp_path):
    (tmp_path / "R").mkdir()
    (tmp_path / "R" / "old").touch()
    with pytest.raises(RuntimeError, match="full"), formats.replacing_folder(tmp_path / "R"):
        raise RuntimeError("full")
    assert [file.name for file in (tmp_path / "R").iterdir()] == ["old"]


def test_the_roi_of_an_ellipse_is_a_polygon_around_it(tmp_path):
    row = {"frame": 1, "label": 3, "x_px": 30.0, "y_px": 20.0, "radius_px": 4.0}
    voids = pd.DataFrame([row, row | {"label": 4}]).assign(
        semi_major_px=[8.0, np.nan], semi_minor_px=[2.0, np.nan], orientation_deg=[0.0, np.nan]
    )
    ellipse, circle = roifile.roiread(write_rois(voids, tmp_path / "a.zip", frames=[1]))
    assert circle.roitype == roifile.ROI_TYPE.OVAL
    around = ellipse.coordinates()
    assert (ellipse.roitype, ellipse.name) == (roifile.ROI_TYPE.POLYGON, "frame 1 label 3")
    assert around.min(axis=0) == pytest.approx([22.5, 18.5], abs=0.02)
    assert around.max(axis=0) == pytest.approx([38.5, 22.5], abs=0.02)
