"""Kept frames: no image is segmented twice, and what comes of it is the same to the byte as without them."""

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import grimp
import numpy as np
import pandas as pd
import pytest
import tifffile

from voidlab import cli, images, segment, simulate, tables
from voidlab.images import open_series
from voidlab.images.label_stack import LabelWriter
from voidlab.project import lock
from voidlab.project.paths import RunPaths
from voidlab.run import decided as decisions
from voidlab.run import frame_cache
from voidlab.run.decided import Decided, DecidedError
from voidlab.run.frame_cache import FrameCache, SeriesFrames, open_frames
from voidlab.run.frame_file import pack, read_sealed, unpack
from voidlab.segment import series as of_series
from voidlab.segment.frame import FrameResult
from voidlab.segment.identity import identity_of
from voidlab.segment.series import Collected, segment_series
from voidlab.tables.written import digest

FRAMES = 6
SHAPE = (90, 120)


@pytest.fixture(scope="module")
def micrographs():
    made = simulate.tilt_series(seed=3, views=FRAMES, shape=SHAPE, voids=12, noise=0.02)
    return list(made.images)


@pytest.fixture
def folder(tmp_path, micrographs):
    """A folder of images as a microscope writes them: the fourth is blank."""
    place = tmp_path / "images"
    place.mkdir()
    for number, image in enumerate(micrographs):
        stored = np.zeros(SHAPE) if number == 3 else image
        tifffile.imwrite(place / f"a{number + 1}.tif", (60_000 * stored).astype(np.uint16))
    return place


@pytest.fixture
def looks(monkeypatch):
    """Rows of the images that were segmented, in order."""
    seen = []
    original = of_series.segment_frame

    def counted(series, segmenter, row):
        seen.append(row)
        return original(series, segmenter, row)

    monkeypatch.setattr(of_series, "segment_frame", counted)
    return seen


def opened(folder, kept, *, method=None, **options):
    """The series of ``folder``, the decided segmenter and the store in ``kept``."""
    series = open_series(folder, **options)
    method = method or segment.load_segmenter("classical")
    images = "".join(digest(path) for path in sorted(Path(folder).iterdir()))
    return series, *open_frames(kept, series, method, images)


def run(folder, kept, out, **options):
    """What a stage makes of it: the bytes of the two tables and of labels.tif."""
    series, method, store = opened(folder, kept, **options)
    out.mkdir(exist_ok=True)
    with LabelWriter(out / "labels.tif") as writer:
        made = segment_series(series, method, store=store, keep_labels=writer.append)
    for name, table in zip(("frames", "voids"), made, strict=True):
        tables.write(table, name, out / f"{name}.parquet")
    return {file.name: file.read_bytes() for file in sorted(out.glob("[flv]*"))}


def test_nothing_is_segmented_twice_and_the_bytes_are_the_same(folder, tmp_path, looks):
    kept = tmp_path / ".frames"
    first = run(folder, kept, tmp_path / "first")
    assert sorted(looks) == [0, 1, 2, 3, 4, 5]
    again = run(folder, kept, tmp_path / "again")
    assert len(looks) == FRAMES
    assert again == first
    assert run(folder, tmp_path / "elsewhere", tmp_path / "anew") == first
    without, voids = segment_series(open_series(folder), segment.load_segmenter("classical"))
    found = tables.read(tmp_path / "first" / "voids.parquet", "voids")
    pd.testing.assert_frame_equal(found, voids)
    assert without["status"].tolist() == ["ok"] * 3 + ["blank"] + ["ok"] * 2


def test_a_run_that_stops_half_way_goes_on_at_the_next_image(folder, tmp_path, looks, monkeypatch):
    whole = run(folder, tmp_path / "elsewhere", tmp_path / "whole")
    looks.clear()
    original = of_series.segment_frame

    def dies(series, segmenter, row):
        if row == 4:
            raise MemoryError
        return original(series, segmenter, row)

    monkeypatch.setattr(of_series, "segment_frame", dies)
    with pytest.raises(MemoryError):
        run(folder, tmp_path / ".frames", tmp_path / "out")
    monkeypatch.setattr(of_series, "segment_frame", original)
    assert {0, 1, 2, 3} <= set(looks)
    looks.clear()
    assert run(folder, tmp_path / ".frames", tmp_path / "out") == whole
    assert 0 not in looks
    assert 4 in looks


def spoilt(file, how):
    content = bytearray(file.read_bytes())
    if how == "changed":
        content[len(content) // 2] ^= 1
    file.write_bytes({"cut": content[:-7], "empty": b"", "another": b"x" * 400}.get(how, bytes(content)))


@pytest.mark.parametrize("how", ["changed", "cut", "empty", "another"])
def test_what_is_damaged_is_made_anew(folder, tmp_path, looks, how):
    kept = tmp_path / ".frames"
    whole = run(folder, kept, tmp_path / "out")
    looks.clear()
    for file in kept.rglob("*.bin"):
        if file.stem != "000002":
            spoilt(file, how)
    assert run(folder, kept, tmp_path / "out") == whole
    assert sorted(looks) == [0, 2, 3, 4, 5]
    looks.clear()
    assert run(folder, kept, tmp_path / "out") == whole
    assert not looks


def test_an_image_that_was_replaced_is_looked_at_again(folder, tmp_path, looks):
    kept = tmp_path / ".frames"
    method = segment.load_segmenter("classical", contrast="bright")
    fixed = {"method": method, "intensity_range": (0, 60_000)}
    run(folder, kept, tmp_path / "out", **fixed)
    before = (folder / "a2.tif").stat()
    shutil.copy(folder / "a5.tif", folder / "a2.tif")
    os.utime(folder / "a2.tif", ns=(before.st_atime_ns, before.st_mtime_ns))  # as careful copying leaves it
    looks.clear()
    again = run(folder, kept, tmp_path / "out", **fixed)
    assert looks == [1]
    assert again == run(folder, tmp_path / "anew", tmp_path / "out", **fixed)


def test_an_image_that_changes_while_it_is_looked_at_is_not_kept(folder, tmp_path):
    series, method, store = opened(folder, tmp_path / ".frames")
    assert store.get(0) is None
    result = segment.segment_frame(series, method, 0)
    tifffile.imwrite(folder / "a1.tif", np.zeros(SHAPE, np.uint16))
    store.put(0, result)
    assert not store.cache.file(1).exists()


def test_other_settings_are_kept_by_themselves_and_taken_up_again(folder, tmp_path, looks):
    kept, other = tmp_path / ".frames", segment.load_segmenter("classical", threshold=0.7)
    usual = run(folder, kept, tmp_path / "out")
    assert run(folder, kept, tmp_path / "out", method=other) != usual
    boxes = run(folder, kept, tmp_path / "out", ignore_boxes_px=[[0, 0, 60, 90]])
    assert boxes != usual
    assert len(looks) == 3 * FRAMES
    assert run(folder, kept, tmp_path / "out") == usual
    assert len(looks) == 3 * FRAMES


def test_excluded_frames_count_as_excluded_and_unreadable_ones_are_tried_again(folder, tmp_path, looks):
    kept = tmp_path / ".frames"
    fixed = {"method": segment.load_segmenter("classical", contrast="bright"), "intensity_range": (0, 60_000)}
    good = (folder / "a6.tif").read_bytes()
    (folder / "a6.tif").write_bytes(good[:200])
    series, method, store = opened(folder, kept, **fixed, excluded_frames=[1])
    frames, voids = segment_series(series, method, store=store)
    assert frames["status"].tolist() == ["excluded", "ok", "ok", "blank", "ok", "unreadable"]
    assert set(voids["frame"]) <= {2, 3, 5}
    (folder / "a6.tif").write_bytes(good)
    looks.clear()
    again = run(folder, kept, tmp_path / "out", **fixed)
    assert sorted(looks) == [0, 5]
    assert again == run(folder, tmp_path / "anew", tmp_path / "out", **fixed)


def test_each_page_of_a_stack_is_kept_by_itself(tmp_path, micrographs, looks):
    place = tmp_path / "images"
    place.mkdir()
    pages = (60_000 * np.stack(micrographs[:3])).astype(np.uint16)
    tifffile.imwrite(place / "stack.tif", pages, photometric="minisblack")
    first = run(place, tmp_path / ".frames", tmp_path / "out")
    assert run(place, tmp_path / ".frames", tmp_path / "out") == first
    assert sorted(looks) == [0, 1, 2]


# --- segmenters of one's own -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Own(segment.ClassicalSegmenter):
    name: str = "own"


@dataclass(frozen=True, kw_only=True)
class Named(Own):
    version: int = 1

    def identity(self):
        return f"named {self.version}"


def test_a_segmenter_of_ones_own_works_and_is_kept_only_if_it_says_what_it_is(folder, tmp_path, looks):
    assert opened(folder, tmp_path / ".frames", method=Own())[2] is None
    plain = run(folder, tmp_path / ".frames", tmp_path / "out", method=Own())
    assert run(folder, tmp_path / ".frames", tmp_path / "out", method=Own()) == plain
    assert len(looks) == 2 * FRAMES
    assert not list(tmp_path.rglob("*.bin"))
    looks.clear()
    for version, threshold in ((1, 0.5), (1, 0.5), (2, 0.5), (2, 0.6)):
        run(
            folder, tmp_path / ".frames", tmp_path / "out", method=Named(version=version, threshold=threshold)
        )
    assert len(looks) == 3 * FRAMES


def test_a_store_of_other_images_or_another_segmenter_is_refused(folder, tmp_path):
    series, method, store = opened(folder, tmp_path / ".frames")
    with pytest.raises(ValueError, match="frames of other images than are given"):
        segment_series(open_series(folder), method, store=store)
    with pytest.raises(
        ValueError, match=r"not the one that was decided on.*threshold: 0\.9, decided was 0\.5"
    ):
        segment_series(series, replace(method, threshold=0.9), store=store)
    segment_series(series, replace(method), store=store)


def test_the_segmenters_of_this_package_say_what_they_are():
    network = segment.load_segmenter("voids", contrast="dark")
    said = identity_of(network)
    assert identity_of(segment.load_segmenter("voids", contrast="dark")) == said
    assert identity_of(replace(network, threshold=0.51)) != said
    other = segment.load_segmenter("voids", contrast="dark")
    next(iter(other.model.parameters())).data *= 1.001
    assert identity_of(other)["model"] != said["model"]
    assert identity_of(segment.load_segmenter("classical"))["model"] == ""


# --- what is decided ---------------------------------------------------------------------------------------------


def test_what_was_decided_is_taken_up_again_without_a_look_at_the_images(folder, tmp_path, monkeypatch):
    _, method, store = opened(folder, tmp_path / ".frames")
    monkeypatch.setattr(decisions, "sample", lambda series: pytest.fail("looked at the images"))
    series, again, other = opened(folder, tmp_path / ".frames")
    assert (again.contrast, again.choice) == (method.contrast, method.choice)
    assert other.cache.folder == store.cache.folder
    assert series.scale == store.cache.decided.intensity_range


def test_what_was_decided_goes_to_others_as_text_and_they_must_fit(folder, tmp_path):
    series, method, store = opened(folder, tmp_path / ".frames")
    decided = Decided.from_json(store.cache.decided.as_json())
    assert decided == store.cache.decided
    assert decided.key == store.cache.decided.key
    there = decided.applied_to(segment.load_segmenter("classical"))
    assert there == method
    with pytest.raises(DecidedError, match=r"arithmetic: bfloat16, decided was float32.*kind of processor"):
        decided.applied_to(replace(segment.load_segmenter("classical"), arithmetic="bfloat16"))
    grown = open_series(folder, excluded_frames=[1, 2])
    decided.pin(grown)
    assert grown.scale == series.scale
    with pytest.raises(DecidedError, match="other parts of the images count"):
        decided.pin(open_series(folder, crop_px=[0, 0, 50, 50]))


def test_images_none_of_which_can_be_read_are_told_as_ever(folder, tmp_path):
    series = open_series(folder)
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:-700])
    method, store = open_frames(tmp_path / ".frames", series, segment.load_segmenter("classical"), "none")
    assert store is None
    with pytest.raises(images.ImagesError, match="no image of the series can be read, the first: .*a1.tif"):
        segment_series(series, method, store=store)


def test_what_was_given_and_what_was_found_by_itself_are_kept_under_one_key(folder, tmp_path, looks):
    found = opened(folder, tmp_path / ".frames")[2].cache.decided
    run(folder, tmp_path / ".frames", tmp_path / "out")
    looks.clear()
    told = segment.load_segmenter("classical", contrast=found.contrast)
    run(folder, tmp_path / ".frames", tmp_path / "out", method=told, intensity_range=found.intensity_range)
    assert not looks


def test_how_the_contrast_was_chosen_changes_no_key_but_all_that_is_found_does(folder, tmp_path):
    decided = opened(folder, tmp_path / ".frames")[2].cache.decided
    assert replace(decided, choice=None).key == decided.key
    for change in (
        {"intensity_range": (0.0, 1.0)},
        {"code": "other"},
        {"libraries": {**decided.libraries, "torch": "0"}},
        {"segmenter": {**decided.segmenter, "contrast": "neither"}},
        {"images": {**decided.images, "inside": "other"}},
    ):
        assert replace(decided, **change).key != decided.key


def test_intensities_that_leave_nothing_of_the_images_are_refused(folder, tmp_path):
    with pytest.raises(
        DecidedError, match=r"intensity_range = \[0, 255\]: \d+% of the pixels lie outside.*values"
    ):
        opened(folder, tmp_path / ".frames", intensity_range=(0, 255))


def test_all_that_an_image_rests_on_is_in_the_digest_of_the_code():
    graph = grimp.build_graph("voidlab")
    needed = {"voidlab"}
    for module in (
        "voidlab.segment.frame",
        "voidlab.segment.load",
        "voidlab.images.series",
        "voidlab.tables",
    ):
        needed |= {module} | graph.find_upstream_modules(module)
    rooms = {name.removesuffix(".py") for name in decisions.ROOMS}
    assert {name.split(".")[1] for name in needed - {"voidlab"}} <= rooms


# --- keeping and clearing away -----------------------------------------------------------------------------------


def test_a_result_comes_back_as_it_was():
    voids = (
        tables.empty("voids").reindex(range(2)).assign(frame=0, label=[1, 2], kind="void", touches_edge=False)
    )
    voids = tables.check(voids.assign(x_px=[0.1 + 0.2, np.pi], y_px=1e-300, radius_px=np.nan), "voids")
    for result in (
        FrameResult("ok", voids, np.eye(5, 8, dtype=np.int32), 5, 40, 2, 1, 0.1 + 0.7),
        FrameResult("blank"),
    ):
        found = unpack(pack("image 0", result), "image 0")
        pd.testing.assert_frame_equal(found.voids, result.voids, check_exact=True)
        assert replace(found, voids=None, labels=None, sharpness=0) == replace(
            result, voids=None, labels=None, sharpness=0
        )
        assert found.sharpness == result.sharpness or np.isnan(found.sharpness)
        assert (found.labels is None) == (result.labels is None)
        assert found.labels is None or np.array_equal(found.labels.unpacked(), result.labels)
        assert unpack(pack("image 0", result), "image 1") is None


def test_frames_may_be_kept_and_collected_one_by_one_from_outside(folder, tmp_path):
    whole = run(folder, tmp_path / "elsewhere", tmp_path / "whole")
    series, segmenter = open_series(folder), segment.load_segmenter("classical")
    decided = Decided.of(series, segmenter)
    segmenter = decided.applied_to(segmenter)
    decided.pin(series)
    kept = SeriesFrames(FrameCache(tmp_path / ".frames", decided), series, segmenter)
    table = Collected(series.frames, segmenter.kinds)
    for row in range(len(series)):
        assert kept.get(row) is None
        kept.put(row, segment.segment_frame(series, segmenter, row))
        table.add(row, kept.get(row))
    frames, voids = table.tables()
    pd.testing.assert_frame_equal(voids, tables.read(tmp_path / "whole" / "voids.parquet", "voids"))
    assert frames["void_count"].sum() == len(voids)
    assert run(folder, tmp_path / ".frames", tmp_path / "out") == whole


def test_a_full_disk_stops_the_keeping_not_the_run(folder, tmp_path, monkeypatch):
    whole = run(folder, tmp_path / "elsewhere", tmp_path / "whole")

    def full(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(frame_cache, "write_sealed", full)
    with pytest.warns(UserWarning, match="no longer kept as they are made: .*No space left"):
        made = run(folder, tmp_path / ".frames", tmp_path / "out")
    assert made == whole


def test_what_other_code_made_goes_at_the_next_run(folder, tmp_path, monkeypatch):
    kept = tmp_path / ".frames"
    run(folder, kept, tmp_path / "out")
    run(folder, kept, tmp_path / "out", method=segment.load_segmenter("classical", threshold=0.7))
    assert len([place for place in kept.iterdir() if place.is_dir()]) == 2
    monkeypatch.setattr(decisions.fingerprints, "code_digest", lambda *rooms: "new")
    run(folder, kept, tmp_path / "out")
    (place,) = [place for place in kept.iterdir() if place.is_dir()]
    assert Decided.from_json(read_sealed(place / "decided.bin")).code == "new"
    assert len(list(kept.glob("asked-*"))) == 1


def test_the_second_look_is_kept_too(folder, tmp_path):
    made = []
    store = opened(folder, tmp_path / ".frames")[2]
    for _ in range(2):
        found = store.once("trust", [0, 2], lambda: made.append(1) or {"verdict": "good", "shares": (0.5, 1)})
        assert found == {"verdict": "good", "shares": [0.5, 1]}
    assert len(made) == 1
    store.once("trust", [0, 4], lambda: made.append(1))
    assert len(made) == 2
    assert json.loads(read_sealed(next(store.cache.folder.glob("trust-*.bin")))) is not False


def test_all_that_is_kept_is_cleared_away_on_request(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "a.yaml").touch()
    (tmp_path / "parameters" / "b.yaml").touch()
    paths = RunPaths(tmp_path, "a")
    run(folder, paths.kept_frames, tmp_path / "out")
    size = sum(file.stat().st_size for file in paths.kept_frames.rglob("*.bin"))
    monkeypatch.chdir(tmp_path)
    with lock.held(paths):
        assert cli.main(["clean", "a"]) == 2
    assert "a is being run by process" in capsys.readouterr().err
    assert cli.main(["clean", "parameters/a.yaml", "b"]) == 0
    assert capsys.readouterr().out == f"a: {size / 1e6:.1f} MB removed\nb: 0.0 MB removed\n"
    assert not paths.kept_frames.exists()
    assert cli.main(["clean", "c"]) == 2
    assert "no dataset 'c'" in capsys.readouterr().err
