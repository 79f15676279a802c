"""Which files of a folder are complete: each once, none lost, whatever the camera or the network does."""

import os

import numpy as np
import pytest

from camera import Camera, Clock
from voidlab.images.errors import ImageReadError, ImagesError
from voidlab.images.series import read_image
from voidlab.live.arrivals import Arrivals, Stamp
from voidlab.live.numbers import FrameNumbers

IMAGES = np.random.default_rng(3).random((4, 60, 80))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    place.mkdir()
    return place


def is_tiff(name):
    return name.endswith(".tif") and not name.startswith(".")


def watched(folder, clock, camera=None, *, seconds, known=None, arrivals=None):
    """Names (each time they came) of the arrivals that could be read, and the `Arrivals`."""
    arrivals = arrivals or Arrivals(folder, is_tiff, known=known, clock=clock)
    came = []
    end = clock.now + seconds
    while clock.now < end:
        if camera:
            camera.work()
        for arrival in arrivals.poll():
            try:
                read_image(folder / arrival.name)
            except ImageReadError as error:
                arrivals.put_back(arrival.name, str(error))
            else:
                arrivals.accept(arrival.name)
                came.append(arrival)
        clock.now += 0.1
    return came, arrivals


@pytest.mark.parametrize("rate", [1.0, 3.0, 10.0])
def test_every_image_comes_once_in_order_at_any_rate(folder, clock, rate):
    camera = Camera(folder, IMAGES, clock, rate=rate).plan(12)
    came, arrivals = watched(folder, clock, camera, seconds=12 / rate + 2)
    assert [each.name for each in came] == [f"img_{n:04d}.tif" for n in range(12)]
    assert arrivals.waiting == []
    assert arrivals.never_finished() == {}


def test_torn_slow_renamed_and_late_images_come_once_each_when_they_are_whole(folder, clock):
    camera = Camera(folder, IMAGES, clock).plan(10, torn=[1], slow=[3], renamed=[5], late=[7])
    came, _ = watched(folder, clock, camera, seconds=16)
    names = [each.name for each in came]
    assert sorted(names) == [f"img_{n:04d}.tif" for n in range(10)]
    assert names.index("img_0007.tif") > names.index("img_0009.tif")
    assert not any(each.again for each in came)
    for each in came:
        assert Stamp.of(folder / each.name) == each.stamp


def test_what_is_never_finished_is_told_by_name_and_the_others_go_on(folder, clock):
    camera = Camera(folder, IMAGES, clock).plan(35, never=[2])
    came, arrivals = watched(folder, clock, camera, seconds=40)
    assert len(came) == 34
    ((name, why),) = arrivals.never_finished().items()
    assert name == "img_0002.tif"
    assert "cannot read" in why
    camera.file(2).write_bytes(camera.content(2))
    came, arrivals = watched(folder, clock, seconds=1, arrivals=arrivals)
    assert [each.name for each in came] == ["img_0002.tif"]
    assert not came[0].again
    assert arrivals.never_finished() == {}


def test_a_pause_and_a_start_in_the_middle_or_after_the_last(folder, clock):
    camera = Camera(folder, IMAGES, clock).plan(6, pause=(3, 20))
    clock.now += 2.5
    camera.work()
    came, arrivals = watched(folder, clock, camera, seconds=30)
    assert len(came) == 6
    assert camera.is_done
    came, _ = watched(folder, clock, seconds=1)
    assert [each.name for each in came] == [f"img_{n:04d}.tif" for n in range(6)]
    assert watched(folder, clock, seconds=2, arrivals=arrivals)[0] == []


def test_a_folder_that_is_not_there_yet_or_goes_and_comes_back(folder, clock):
    away = folder.with_name("away")
    folder.rename(away)
    came, arrivals = watched(folder, clock, seconds=1)
    assert came == []
    assert "cannot be looked into" in arrivals.why_gone
    away.rename(folder)
    camera = Camera(folder, IMAGES, clock).plan(3)
    came, _ = watched(folder, clock, camera, seconds=4, arrivals=arrivals)
    assert (len(came), arrivals.why_gone) == (3, "")
    folder.rename(away)
    folder.mkdir()  # a mount point without its disk
    came, _ = watched(folder, clock, seconds=1, arrivals=arrivals)
    assert came == []
    assert "all images are gone" in arrivals.why_gone
    folder.rmdir()
    away.rename(folder)
    assert watched(folder, clock, seconds=2, arrivals=arrivals)[0] == []
    assert arrivals.why_gone == ""


def test_a_name_that_is_written_again_comes_again(folder, clock):
    camera = Camera(folder, IMAGES, clock).plan(3)
    _, arrivals = watched(folder, clock, camera, seconds=60)
    camera.file(0).write_bytes(camera.content(2))
    came, _ = watched(folder, clock, seconds=2, arrivals=arrivals)
    assert [(each.name, each.again) for each in came] == [("img_0000.tif", True)]


def test_a_file_that_is_renamed_later_is_not_another_image(folder, clock):
    camera = Camera(folder, IMAGES, clock).plan(3)
    _, arrivals = watched(folder, clock, camera, seconds=4)
    camera.file(1).rename(folder / "img_0007.tif")
    came, _ = watched(folder, clock, seconds=2, arrivals=arrivals)
    assert [(each.name, each.renamed_from) for each in came] == [("img_0007.tif", "img_0001.tif")]


def test_a_file_that_is_removed_is_missing_and_nothing_else(folder, clock):
    camera = Camera(folder, IMAGES, clock).plan(3)
    _, arrivals = watched(folder, clock, camera, seconds=4)
    camera.file(1).unlink()
    assert watched(folder, clock, seconds=2, arrivals=arrivals)[0] == []
    assert arrivals.missing == ["img_0001.tif"]


def test_after_a_restart_only_what_is_new_or_changed_comes(folder, clock):
    camera = Camera(folder, IMAGES, clock).plan(4)
    came, _ = watched(folder, clock, camera, seconds=5)
    known = {each.name: each.stamp for each in came[:3]}
    camera.file(0).write_bytes(camera.content(3))
    os.utime(camera.file(0), ns=(1, 1))
    came, _ = watched(folder, clock, seconds=2, known=known)
    assert [(each.name, each.again) for each in came] == [("img_0000.tif", True), ("img_0003.tif", False)]


def test_clocks_of_the_server_that_jump_do_not_matter(folder, clock):
    camera = Camera(folder, IMAGES, clock).plan(4)
    arrivals = Arrivals(folder, is_tiff, clock=clock)
    names = []
    for step in range(60):
        camera.work()
        for file in folder.glob("*.tif"):
            if step == 3 and file.name == "img_0000.tif":
                os.utime(file, ns=(0, 0))  # 1970
        names += [each.name for each in arrivals.poll() if not each.again]
        clock.now += 0.1
    assert sorted(names) == [f"img_{n:04d}.tif" for n in range(4)]


def test_other_files_and_empty_ones_are_no_images(folder, clock):
    (folder / "log.txt").write_text("x")
    (folder / ".hidden.tif").write_text("x")
    (folder / "a1.tif").write_text("")
    came, arrivals = watched(folder, clock, seconds=31)
    assert came == []
    assert list(arrivals.never_finished()) == ["a1.tif"]


NAMES = [
    f"x_Hour_00_Minute_{m:02d}_Second_{s:02d}_Frame_{f:04d}.tif"
    for m in (0, 1)
    for s in (58, 59)
    for f in range(3)
]


@pytest.mark.parametrize(
    "names",
    [
        [f"img_{n:03d}.tif" for n in range(40)],
        [f"run7_{n}_8bit.tif" for n in range(8, 14)],
        NAMES,
        ["a_1_1.tif", "a_1_2.tif", "a_2_3.tif", "a_2_9.tif"],
    ],
)
def test_numbers_given_one_by_one_are_those_of_all_names_together(names):
    one_by_one, together, told = FrameNumbers(), FrameNumbers(), {}
    together.add_all(names)
    for name in names:
        told |= one_by_one.add(name)
    assert told == {name: together[name] for name in names}
    assert {name: one_by_one[name] for name in names} == told


def test_a_name_is_asked_about_once_and_the_next_look_is_when_a_file_has_rested(folder, clock):
    asked = []
    arrivals = Arrivals(folder, lambda name: asked.append(name) or is_tiff(name), clock=clock)
    for name in ("a_1.tif", "notes.txt"):
        (folder / name).write_bytes(b"x")
    assert arrivals.due_in(0.1) == 0.1
    for _ in range(3):
        assert arrivals.poll() == []
        assert arrivals.due_in(0.1) == pytest.approx(min(0.1, 1000.25 - clock.now))
        clock.now += 0.1
    clock.now = 1000.25
    assert [each.name for each in arrivals.poll()] == ["a_1.tif"]
    assert arrivals.due_in(0.1) == 0.1
    assert sorted(asked) == ["a_1.tif", "notes.txt"]


def test_a_number_that_stands_twice_is_refused_by_name():
    numbers = FrameNumbers()
    numbers.add_all(["a_0001.tif", "a_0002.tif", "a_0003.tif", "a_0004.tif"])
    with pytest.raises(ImagesError, match="both get frame number 2"):
        numbers.add("again_0002.tif")
    assert numbers.add("a_0005.tif") == {"a_0005.tif": 5}
    assert numbers.rename("a_0004.tif", "a_0009.tif") == {"a_0009.tif": 9}
    assert len(numbers) == 5


def test_steps_in_the_names_count_as_one_frame():
    numbers = FrameNumbers(step=10)
    assert numbers.add_all(["a_10.tif", "a_20.tif", "a_30.tif"]) == {
        "a_10.tif": 1,
        "a_20.tif": 2,
        "a_30.tif": 3,
    }
    assert numbers.add("a_50.tif") == {"a_50.tif": 5}
    with pytest.raises(ImagesError, match="frame_step is 10"):
        numbers.add("a_55.tif")
