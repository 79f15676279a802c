"""A watch beside a camera with the faults of real ones: numbers, alarms, restarts, and the run afterwards."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage

from camera import Camera
from projects import run_project
from voidlab import simulate, tables
from voidlab.errors import VoidlabError
from voidlab.live import commands, decide, look
from voidlab.live.index import Index
from voidlab.live.told import as_csv
from voidlab.project import corrections, parameters
from voidlab.project.parameters.yaml_file import ParameterErrors
from voidlab.project.paths import RunPaths
from voidlab.run.watched import read_watched
from voidlab.tables.size_basis import NOT_A_SIZE

SHAPE = (120, 160)


def test_from_before_the_first_image_to_after_the_last(start, camera, project):
    watching = start(camera).go(1)
    status = watching.board.status
    assert (status["state"], status["age_s"], status["pixel_size_nm"]) == ("waiting for images", None, 0.5)
    camera.plan(12)
    watching.go(16)
    assert watching.frames == dict.fromkeys(range(12), "ok")
    assert sorted(watching.watch.followed) == list(range(12))
    assert watching.board.shown["frame"] == 11
    assert watching.board.picture[:2] == b"\xff\xd8"
    last = watching.watch.followed[11]
    assert last.tracks > 5
    assert (last.particles >= 0).any()
    assert watching.board.status["backlog"] == 0
    rows = watching.board.since(0)["rows"]
    assert len(rows) == 12
    assert json.dumps(watching.board.since(0), allow_nan=False)
    assert watching.board.since(0)["path"]
    assert watching.board.since(watching.board.since(0)["change"]).keys() == {"change", "status"}


def test_faults_of_the_camera_are_told_by_name_and_nothing_is_lost_or_twice(start, camera):
    camera.plan(12, torn=[1], slow=[2], renamed=[3], late=[6], other_size=[8], never=[9])
    watching = start(camera).go(50)
    assert sorted(watching.frames) == [0, 1, 2, 3, 4, 5, 6, 7, 10, 11]
    assert set(watching.frames.values()) == {"ok"}
    assert "img_0008.tif is 50 × 40 px, the others are 160 × 120 px" in watching.alarms
    assert "img_0009.tif is never finished" in watching.alarms
    assert "nothing has arrived for" in watching.alarms
    table = pd.read_csv(io.StringIO(as_csv(watching.board.rows, "nm", watching.board.left_out)))
    assert table["frame"].tolist()[:-2] == [0, 1, 2, 3, 4, 5, 6, 7, 10, 11]
    left_out = table[["name", "status"]].to_numpy()[-2:].tolist()
    assert left_out == [["img_0009.tif", "never finished"], ["img_0008.tif", "refused"]]
    assert table["why"].iloc[-1].startswith("img_0008.tif is 50 × 40 px, the others are")
    assert table["why"].iloc[:-2].isna().all()
    assert table["provisional"].all()
    assert [note for note in watching.watch.register.notes if "came late" in note] == [
        "img_0006.tif came late: it is not in the tracks shown here; a run puts it in its place."
    ]
    lines = [json.loads(line) for line in watching.watch.index.file.read_text().splitlines()]
    names = [line["name"] for line in lines if "name" in line]
    assert len(names) == len(set(names)) == 10


def test_a_file_that_is_finished_at_last_is_late_once_and_before_that_not(start, camera, stand_in):
    camera.plan(9, never=[7])
    watching = start(camera).go(40)
    assert 8 in watching.watch.followed
    assert "img_0007.tif is never finished" in watching.alarms
    assert list(watching.watch.register.notes) == []
    camera.file(7).write_bytes(camera.content(7))
    watching.go(3)
    assert watching.frames[7] == "ok"
    assert [note[:22] for note in watching.watch.register.notes] == ["img_0007.tif came late"]


def test_started_again_it_goes_on_and_looks_at_no_image_twice(start, camera, clock, monkeypatch):
    camera.plan(7)
    first = start(camera).go(12)
    counts = {e.frame: e.count for e in first.watch.register.in_order()}
    drift = {f.frame: (f.x_px, f.y_px) for f in first.watch.followed.values()}
    looked = []
    original = look.segment_frame
    monkeypatch.setattr(
        look, "segment_frame", lambda s, m, r: looked.append(s.files[0].name) or original(s, m, r)
    )
    camera.plan(3, first=7)
    with first.watch.index.file.open("a") as stream:
        stream.write('{"name": "cut sho')  # as a kill leaves it
    again = start().go(1)
    assert again.board.shown["frame"] == 6
    assert again.board.picture[:2] == b"\xff\xd8"
    assert sorted(again.board.since(0)["rows"]) == sorted(first.board.since(0)["rows"])
    assert again.board.since(0)["rows"][0][13] is not None  # tracks
    assert looked == []
    again.camera = camera
    again.go(5)
    assert looked == ["img_0007.tif", "img_0008.tif", "img_0009.tif"]
    assert sorted(again.frames) == list(range(10))
    assert {e.frame: e.count for e in again.watch.register.in_order() if e.frame < 7} == counts
    assert {f: (each.x_px, each.y_px) for f, each in again.watch.followed.items() if f < 7} == drift


def test_the_camera_restarts_from_0(start, camera, micrographs):
    camera.plan(6)
    watching = start(camera).go(8)
    before = watching.watch.register.of_frame(0).digest
    Camera(camera.folder, micrographs[::-1], camera.clock).plan(2)
    watching.camera = None
    for file in sorted(camera.folder.glob("*.tif"))[:2]:
        file.write_bytes(camera.content(8))
    watching.go(40)
    assert sorted(watching.frames) == list(range(6))
    assert watching.watch.register.of_frame(0).digest != before
    assert any(
        "img_0000.tif was written again: was the camera restarted" in n for n in watching.watch.register.notes
    )
    other = Camera(camera.folder, micrographs, camera.clock, name="new_{:04d}.tif")
    other.file(1).write_bytes(other.content(1))
    watching.go(2)
    assert "both get frame number 1" in watching.alarms
    assert sorted(watching.frames) == list(range(6))


def test_a_backlog_shows_the_newest_first_and_is_worked_off(start, camera, clock):
    camera.plan(12)
    clock.now += 20
    camera.work()
    watching = start(camera)
    shown, backlogs = [], []
    for _ in range(13):  # in one of them it only says that it decides
        watching.go(0.1)
        if watching.board.shown:
            shown.append(watching.board.shown["frame"])
        backlogs.append(watching.board.status["backlog"])
    assert set(shown) == {11}
    assert max(backlogs) == 12
    assert backlogs[-1] == 0
    assert sorted(watching.watch.followed) == list(range(12))


def test_outlines_are_shown_before_the_tracks_are_known_and_the_picture_is_sent_once(start, camera, clock):
    camera.plan(12)
    watching = start(camera).go(14)
    watch, board = watching.watch, watching.board
    camera.plan(1, first=12)
    camera.work()
    seen = []
    while not seen or seen[-1]["voids"][0][3] < 0:
        more = watch.step()
        watching.presenter.present()
        if board.shown["frame"] == 12 and (not seen or seen[-1] is not board.shown):
            seen.append(board.shown)
        if not more:
            clock.now += 0.1
    outlines, with_tracks = seen
    assert {void[3] for void in outlines["voids"]} == {-1}
    assert outlines["trails"] == []
    assert max(void[3] for void in with_tracks["voids"]) >= 0
    assert [void[:3] for void in with_tracks["voids"]] == [void[:3] for void in outlines["voids"]]
    assert with_tracks["trails"]
    assert with_tracks["picture"] == outlines["picture"] == outlines["change"]
    assert board.picture_of(outlines["picture"]) == board.picture_of(0) == board.picture
    assert board.picture_of(outlines["picture"] - 1) == b""


def test_a_file_that_was_renamed_is_one_image_after_a_restart_too(start, camera):
    camera.plan(7)
    watching = start(camera).go(9)
    camera.file(6).rename(camera.file(9))
    watching.go(1)
    assert sorted(watching.frames) == [0, 1, 2, 3, 4, 5, 9]
    again = start().go(1)
    assert again.frames == watching.frames
    assert "removed" not in again.alarms
    assert again.board.status["images"] == 7


def test_an_image_that_is_written_again_is_followed_anew_from_there_alone(start, camera, monkeypatch):
    camera.plan(11)
    watching = start(camera).go(13)
    drift = {frame: (each.x_px, each.y_px) for frame, each in watching.watch.followed.items()}
    anew = []
    from voidlab.live.following import Following

    add = Following.add
    monkeypatch.setattr(
        Following, "add", lambda self, frame, *of: anew.append(frame) or add(self, frame, *of)
    )
    camera.file(8).write_bytes(camera.content(0))
    watching.go(3)
    assert anew == [8, 9, 10]
    now = {frame: (each.x_px, each.y_px) for frame, each in watching.watch.followed.items()}
    assert {frame: now[frame] for frame in range(8)} == {frame: drift[frame] for frame in range(8)}
    assert now[8] != drift[8]


def test_alarms_of_focus_field_and_registration(start, camera, micrographs):
    blurred = [ndimage.gaussian_filter(image, 4) for image in micrographs[:3]]
    camera.images = [*micrographs[:10], *blurred]
    camera.plan(13)
    watching = start(camera).go(11)
    assert watching.alarms == ""
    watching.go(4)
    assert "focus" in watching.alarms


def test_alarms_of_a_jump_and_of_another_field_of_view(start, camera, micrographs):
    (other,) = simulate.video(seed=9, frames=1, shape=SHAPE, voids=25, noise=0.02).images
    moved = [np.pad(image, ((0, 0), (40, 0)), mode="reflect")[:, :160] for image in micrographs[8:10]]
    camera.images = [*micrographs[:8], *moved, other]
    camera.plan(11)
    watching = start(camera).go(8)
    assert watching.alarms == ""
    watching.go(2)
    assert "the field of view jumped by 39 px at frame 8" in watching.alarms
    watching.go(3)
    assert "registration lost at frame 10" in watching.alarms


def test_images_that_turn_useless_by_turns_are_told_by_the_third_and_noise_is_no_place(
    start, camera, micrographs, stand_in
):
    noise = [np.random.default_rng(seed).random(SHAPE) for seed in range(6)]
    blank = np.zeros(SHAPE)
    camera.images = [*micrographs[:6], noise[0], blank, noise[1], blank, *noise[2:5]]
    camera.plan(8)
    watching = start(camera).go(12)
    assert watching.alarms == ""
    camera.plan(1, first=8)
    watching.go(2)
    entries = watching.watch.register.in_order()
    usual = np.median([entry.count for entry in entries[:3]])  # before the last six
    assert [(entry.status, entry.count) for entry in entries[6:]] == [("ok", 0), ("blank", 0), ("ok", 0)]
    of_last = (
        f"of the last 6 images 1 blank, 2 without voids, where there were {usual:.0f} voids: is the beam on"
    )
    assert of_last in watching.alarms
    assert "registration lost at frame 8: it has no voids" in watching.alarms
    camera.plan(4, first=9)
    watching.go(6)
    assert "registration lost at frame 12: it has no voids" in watching.alarms


def test_a_jump_of_the_stage_is_told_at_once_and_over_after_three_images(start, camera, micrographs):
    steady = {"jump_px": (0, 0), "late": 0, "missing": 0}
    others = simulate.video(seed=9, frames=6, shape=SHAPE, voids=25, noise=0.02, **steady).images
    camera.images = [*micrographs[:9], *others, *micrographs[9:12]]
    camera.plan(18)
    watching = start(camera).go(9.9)
    told = {}
    while len(watching.watch.followed) < 18:
        watching.go(0.1)
        told[max(watching.watch.followed)] = "lost at frame 9" in watching.alarms
    assert {frame: told[frame] for frame in (9, 10, 11, 12, 13, 17)} == {
        9: True, 10: True, 11: True, 12: False, 13: False, 17: False,
    }  # fmt: skip
    assert [each.frame for each in watching.watch.followed.values() if each.is_lost] == [9]
    back = [watching.watch.followed[frame] for frame in (8, 15)]
    assert abs(back[0].x_px - back[1].x_px) < 3  # px, as though it had not been away
    assert abs(back[0].y_px - back[1].y_px) < 3


def test_a_full_disk_and_a_folder_that_goes_are_told_and_the_watch_goes_on(
    start, camera, monkeypatch, project
):
    camera.plan(11, pause=(8, 3))
    watching = start(camera).go(6)
    from voidlab.run import frame_cache

    def full(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(frame_cache, "write_sealed", full)
    monkeypatch.setattr(Index, "_append", full)
    watching.go(2)
    assert "cannot be kept: [Errno 28] No space left on device" in watching.alarms
    assert "reports/x: No space left on device" in watching.alarms  # nor what came of them
    monkeypatch.undo()
    (project / "images").rename(project / "away")
    watching.go(1)
    assert "cannot be looked into" in watching.alarms
    (project / "away").rename(project / "images")
    watching.go(6)
    assert sorted(watching.watch.followed) == list(range(11))
    assert "cannot be" not in watching.alarms


def test_a_frame_is_marked_as_bad_and_counts_again(start, camera, project):
    camera.plan(5)
    watching = start(camera).go(8)
    commands.mark_bad(watching.watch, 2)
    watching.go(0.2)
    bad = {row[0]: row[-1] for row in watching.board.since(0)["rows"]}
    assert bad == {0: False, 1: False, 2: True, 3: False, 4: False}
    log = corrections.read_log(watching.watch.paths.corrections)
    assert corrections.bad_frames(log) == {2}
    commands.mark_bad(watching.watch, 2, is_bad=False)
    assert corrections.bad_frames(corrections.read_log(watching.watch.paths.corrections)) == set()


def test_the_median_diameter_is_that_of_whole_voids_whose_radius_is_a_size_as_in_a_report(
    start, camera, monkeypatch
):
    original = look.segment_frame

    def with_small_ones(series, segmenter, row):
        found = original(series, segmenter, row)
        voids = found.voids.sort_values("radius_px", ignore_index=True)
        voids["size_basis"] = np.where(voids.index < 4, NOT_A_SIZE, "edge")
        return replace(found, voids=voids)

    monkeypatch.setattr(look, "segment_frame", with_small_ones)
    watching = start(camera.plan(3)).go(7)
    entry, result = watching.watch.shown
    voids = result.voids
    whole = voids[~voids["touches_edge"] & (voids["size_basis"] == "edge")]
    assert 0 < len(whole) < (~voids["touches_edge"]).sum() < len(voids)
    assert entry.diameter_px == 2 * whole["radius_px"].median()
    assert entry.count == len(voids)


def test_paused_images_are_counted_and_looked_at_later(start, camera):
    camera.plan(8)
    watching = start(camera).go(6)
    watching.watch.paused = True
    watching.go(4)
    assert watching.board.status["backlog"] == 2
    assert watching.board.status["state"] == "paused"
    watching.watch.paused = False
    watching.go(1)
    assert watching.board.status["backlog"] == 0


def test_another_threshold_for_later_images_or_for_all(start, camera, project):
    camera.plan(8)
    watching = start(camera).go(6.5)
    counts = {e.frame: e.count for e in watching.watch.register.in_order()}
    commands.set_threshold(watching.watch, 0.8, for_all=False)
    watching.go(4)
    later = {e.frame: e.count for e in watching.watch.register.in_order()}
    assert {frame: later[frame] for frame in counts} == counts
    assert sorted(watching.watch.followed) == list(range(8))
    assert parameters.load_parameters(project / "parameters" / "x.yaml").segment.threshold == 0.8
    commands.set_threshold(watching.watch, 0.9, for_all=True)
    watching.go(2)
    for_all = {e.frame: e.count for e in watching.watch.register.in_order()}
    assert all(for_all[frame] <= count for frame, count in counts.items())
    assert for_all != counts
    assert sorted(watching.watch.followed) == list(range(8))


def test_an_image_that_is_being_segmented_while_the_threshold_is_set_for_all_gets_it_too(start, camera):
    watching = start(camera.plan(7)).go(5.9)
    camera.clock.now += 1
    camera.work()
    watch = watching.watch
    while not watch.register.waiting:
        watch.step()
        camera.clock.now += 0.1
    assert not watch.backlog.is_at_rest
    commands.set_threshold(watch, 0.9, for_all=True)
    watching.go(3)
    assert sorted(watching.watch.followed) == list(range(7))
    assert {entry.key for entry in watch.register.in_order()} == {watch.looker.decided.key}


def test_images_that_get_far_brighter_are_told_and_are_seen_when_it_is_decided_again(
    start, camera, micrographs, project
):
    camera.images = [0.4 * image for image in micrographs[:6]] + micrographs[6:]
    watching = start(camera.plan(9)).go(12)
    watch, before = watching.watch, watching.watch.looker.decided
    dim = [entry.count for entry in watch.register.in_order()][:6]
    assert "the last 3 images are brighter than the intensities that were decided (" in watching.alarms
    assert "If it is to stay so: Decide again." in watching.alarms
    white = watching.board.picture
    said = commands.carry_out(watch, {"do": "decide"})
    low, high = before.intensity_range
    assert said.startswith(f"decided again: intensities {low:g} to {high:g}, by all images ")
    assert said.endswith(". All images are segmented again.")
    watching.go(3)
    assert watching.alarms == ""
    assert watching.frames == dict.fromkeys(range(9), "ok")
    assert sorted(watch.followed) == list(range(9))
    counts = [entry.count for entry in watch.register.in_order()]
    assert counts[:6] == pytest.approx(dim, abs=3)
    assert watching.board.picture == watch.picture != white
    assert watching.board.shown["frame"] == 8
    assert counts[6:] == pytest.approx([np.median(dim)] * 3, abs=5)
    assert read_watched(watch.paths).key == watch.looker.decided.key != before.key
    assert commands.carry_out(watch, {"do": "decide"}) == "decided again: as before."
    assert watching.go(0.5).board.status["backlog"] == 0


def test_a_watch_that_decided_before_the_beam_was_on_sees_the_images_when_it_is_decided_again(
    start, camera, micrographs
):
    camera.images = [np.zeros(SHAPE)] * 6 + micrographs[:6]
    watching = start(camera.plan(12)).go(15)
    assert set(watching.frames.values()) == {"blank"}
    assert "the last 3 images are brighter than the intensities that were decided" in watching.alarms
    commands.carry_out(watching.watch, {"do": "decide"})
    watching.go(3)
    assert list(watching.frames.values()) == ["blank"] * 6 + ["ok"] * 6
    assert min(entry.count for entry in watching.watch.register.in_order()[6:]) > 15
    assert watching.alarms == ""


def test_it_cannot_be_decided_again_before_it_was_or_where_the_parameters_say_it_and_goes_on_as_before(
    start, camera, project, stand_in, micrographs
):
    watching = start(camera)
    with pytest.raises(VoidlabError, match="nothing is decided yet"):
        commands.carry_out(watching.watch, {"do": "decide"})
    parameters.write_values(project / "parameters" / "x.yaml", "segment", {"intensity_range": [0, 20_000]})
    camera.images = [0.3 * image for image in micrographs[:5]] + micrographs[5:]
    watching = start(camera.plan(12)).go(15)
    before = watching.watch.looker
    with pytest.raises(VoidlabError, match=r"intensity_range = \[0, 20000\]: .* of the pixels lie outside"):
        commands.carry_out(watching.watch, {"do": "decide"})
    (project / "images").rename(project / "away")
    with pytest.raises(VoidlabError, match="none of the images can be read at present"):
        commands.carry_out(watching.watch, {"do": "decide"})
    assert watching.watch.looker is before
    assert list(watching.frames) == list(range(12))


def test_a_file_that_is_torn_while_it_is_decided_is_put_back_itself(start, camera, stand_in, monkeypatch):
    camera.plan(6, never=[3])
    camera.clock.now += 10
    camera.work()
    watching = start().go(1)
    assert watching.frames == dict.fromkeys((0, 1, 2, 4, 5), "ok")
    assert watching.watch.arrivals.waiting == ["img_0003.tif"]


def test_while_it_decides_the_page_says_so_and_how_many_images_there_are(
    start, camera, stand_in, monkeypatch
):
    camera.plan(7)
    camera.clock.now += 10
    camera.work()
    watching = start()
    seen = []
    really = decide.decide

    def decided(*of):
        seen.append({name: watching.board.status[name] for name in ("state", "images", "backlog")})
        return really(*of)

    monkeypatch.setattr(decide, "decide", decided)
    watching.go(1)
    assert seen == [{"state": "deciding by the images that are there", "images": 7, "backlog": 7}]
    assert watching.board.status["state"] == "watching"


def test_a_threshold_that_is_asked_for_before_anything_is_decided_comes_then(start, camera, project):
    before = start(camera.plan(6)).go(9).frames
    again = start()
    commands.set_threshold(again.watch, 0.9, for_all=True)
    assert again.watch.register.notes[-1] == "threshold 0.9: as soon as the first images were looked at."
    assert parameters.load_parameters(project / "parameters" / "x.yaml").segment.threshold == 0.9
    with pytest.raises(ParameterErrors, match="threshold"):
        commands.set_threshold(again.watch, 7, for_all=True)
    again.go(3)
    assert again.frames == before
    assert again.watch.looker.segmenter.threshold == 0.9
    assert {entry.key for entry in again.watch.register.in_order()} == {again.watch.looker.decided.key}
    assert again.watch.register.notes[-1] == "threshold 0.9: all images are segmented again."


def test_another_magnification_is_another_dataset(start, camera, project, micrographs):
    text = (project / "parameters" / "x.yaml").read_text().replace("pixel_size_nm: 0.5\n", "")
    (project / "parameters" / "x.yaml").write_text(text)
    for number in range(7):
        image = (60_000 * micrographs[number]).astype(np.uint16)
        nm = 0.5 if number < 6 else 0.25
        tifffile.imwrite(
            camera.file(number), image, imagej=True, resolution=(1 / nm,) * 2, metadata={"unit": "nm"}
        )
    watching = start().go(3)
    assert sorted(watching.frames) == list(range(6))
    assert (
        "img_0006.tif has 0.25 nm per px, the others have 0.5: the magnification was changed"
        in watching.alarms
    )


def test_of_very_many_files_that_are_left_out_the_page_names_some_and_the_table_all(start, camera, stand_in):
    watching = start(camera.plan(6)).go(8)
    small = camera.content(6, shape=(40, 50))
    for number in range(6, 86):
        camera.file(number).write_bytes(small)
    watching.go(10)
    told = watching.board.status["alarms"]
    assert sum("is 50 × 40 px" in alarm for alarm in told) == 50
    assert told[-1] == "30 more files were left out: they stand in numbers as CSV."
    assert len(watching.board.left_out) == 80
    assert list(watching.frames) == list(range(6))


@pytest.mark.parametrize("colour", [False, True])
def test_images_of_another_bit_depth_are_another_dataset(start, camera, micrographs, colour):
    watching = start(camera.plan(6)).go(8)
    grey = (255 * micrographs[6]).astype(np.uint8)
    tifffile.imwrite(camera.file(6), np.dstack([grey] * 3) if colour else grey)
    camera.file(7).write_bytes(camera.content(7))
    watching.go(3)
    assert sorted(watching.frames) == [0, 1, 2, 3, 4, 5, 7]
    kind = "float32" if colour else "uint8"
    assert (
        f"img_0006.tif holds {kind} values, the others uint16: images of another bit depth" in watching.alarms
    )
    assert "brighter" not in watching.alarms


def test_images_of_another_size_that_are_moved_to_another_folder_are_another_watch(
    start, camera, project, stand_in
):
    camera.plan(9, other_size=[6, 7, 8])
    watching = start(camera).go(13)
    assert watching.alarms.count("Move it to another folder") == 3
    assert "voidlab watch OTHER_FOLDER --name NEW" in watching.alarms
    (project / "small").mkdir()
    text = (project / "parameters" / "x.yaml").read_text().replace("dataset: x", "dataset: new")
    (project / "parameters" / "new.yaml").write_text(text.replace("../images/", "../small/"))
    for number in (6, 7, 8):
        camera.file(number).rename(project / "small" / camera.file(number).name)
    other = start(source="small", name="new").go(8)
    watching.go(1)
    assert watching.alarms == ""  # nor that any were removed
    assert sorted(watching.frames) == list(range(6))
    assert other.frames == {6: "ok", 7: "ok", 8: "ok"}
    assert "another dataset" not in other.alarms


def test_a_refused_file_that_is_renamed_in_the_folder_is_looked_at_again(start, camera, stand_in):
    watching = start(camera.plan(7)).go(10)
    twice = camera.folder / "new_0003.tif"
    twice.write_bytes(camera.content(8))
    small = camera.folder / "img_0007.tif"
    small.write_bytes(camera.content(7, shape=(40, 50)))
    watching.go(1)
    assert "new_0003.tif" in watching.alarms
    assert "img_0007.tif is 50 × 40 px" in watching.alarms
    twice.rename(camera.folder / "img_0009.tif")
    small.rename(camera.folder / "img_0008.tif")
    watching.go(1)
    assert watching.frames == dict.fromkeys([*range(7), 9], "ok")
    assert stand_in.count("img_0009.tif") == 1
    assert "new_0003.tif" not in watching.alarms
    assert "img_0007.tif" not in watching.alarms
    assert "img_0008.tif is 50 × 40 px" in watching.alarms
    (camera.folder / "img_0008.tif").rename(camera.folder / "away.txt")
    watching.go(1)
    assert watching.alarms == ""


def test_an_image_that_is_renamed_to_a_number_that_stands_twice_is_refused_until_it_has_its_own(
    start, camera, stand_in
):
    watching = start(camera.plan(7)).go(10)
    camera.file(2).rename(camera.folder / "new_0003.tif")
    watching.go(1)
    assert "both get frame number 3" in watching.alarms
    assert 2 not in watching.frames
    camera.file(2).write_bytes(camera.content(9))
    watching.go(2)
    assert watching.frames == dict.fromkeys(range(7), "ok")
    (camera.folder / "new_0003.tif").rename(camera.file(8))
    watching.go(1)
    assert watching.frames == dict.fromkeys([*range(7), 8], "ok")
    assert watching.alarms == ""


def test_an_image_that_came_between_while_nothing_watched_gives_those_behind_it_other_numbers(
    start, camera, stand_in
):
    for second in (0, 1, 2, 4, 5, 6):
        file = camera.folder / f"x_Hour_00_Minute_00_Second_{second:02d}_Frame_0000.tif"
        file.write_bytes(camera.content(second))
    before = start().go(6)
    assert sorted(before.watch.followed) == list(range(6))
    (camera.folder / "x_Hour_00_Minute_00_Second_03_Frame_0000.tif").write_bytes(camera.content(3))
    again = start().go(6)
    assert again.alarms == ""
    assert again.frames == dict.fromkeys(range(7), "ok")
    assert sorted(again.watch.followed) == list(range(7))
    shutil.rmtree(again.watch.paths.folder)
    assert start().go(6).rows == again.rows


def results(paths):
    return {name: tables.load(paths, name) for name in tables.TABLES if paths.table(name).exists()}


def as_parameters(project):
    """Tell the project at ``project`` in its parameters what the watch decided."""
    decided = read_watched(RunPaths(project, "x"))
    told = {"intensity_range": list(decided.intensity_range), "contrast": decided.contrast}
    parameters.write_values(RunPaths(project, "x").parameters, "segment", told)
    RunPaths(project, "x").folder.joinpath("watched.json").unlink()


@pytest.mark.slow
def test_the_run_afterwards_gives_what_a_fresh_run_gives_that_is_told_the_decisions(
    start, camera, project, micrographs
):
    # The beam grows, so that all images have other intensities than the first: no stage may go by them.
    camera.images = [(0.5 + 0.04 * number) * image for number, image in enumerate(micrographs)]
    camera.plan(12)
    watching = start(camera).go(15)
    watching.close()
    fresh = {name: project / name for name in ("told by the file", "told by parameters")}
    for place in fresh.values():
        for name in ("parameters", "images", "notebooks"):
            shutil.copytree(project / name, place / name)
        (place / "reports" / "x").mkdir(parents=True)
        shutil.copy(project / "reports" / "x" / "watched.json", place / "reports" / "x" / "watched.json")
    as_parameters(fresh["told by parameters"])
    done, _ = run_project(RunPaths(project, "x"))
    assert done
    log = RunPaths(project, "x").log("segment").read_text()
    assert "12 of 12 frames were taken from what is kept" in log
    one = results(RunPaths(project, "x"))
    for how, place in fresh.items():
        done, _ = run_project(RunPaths(place, "x"))
        assert done
        assert "were taken from what is kept" not in RunPaths(place, "x").log("segment").read_text()
        other = results(RunPaths(place, "x"))
        assert one.keys() == other.keys()
        for name, table in one.items():
            assert table.equals(other[name]), (how, name)
