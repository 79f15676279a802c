"""From an image that is written to what a viewer is sent, with many images behind it, and the memory of the watch."""

import json
import os
import shutil
import threading
import time
import urllib.request
from dataclasses import replace

import numpy as np
import psutil
import pytest
import tifffile

from voidlab import simulate
from voidlab.live.session import Session

SHAPE = (1024, 1024)
NEW = 40  # images that are timed, one a second
LOOKED_AT = 20  # different images, of which those behind are copies


class Viewer(threading.Thread):
    """A browser without a screen: when each frame, and its picture, was there."""

    def __init__(self, session):
        super().__init__(daemon=True)
        self.session, self.seen = session, {}

    def run(self):
        try:
            with urllib.request.urlopen(self.session.address.replace("/?", "/events?"), timeout=60) as stream:
                for line in stream:
                    event = json.loads(line[6:]) if line.startswith(b"data: ") else {}
                    if "shown" in event and event["shown"]["frame"] not in self.seen:
                        urllib.request.urlopen(
                            self.session.address.replace("/?", "/picture?"), timeout=60
                        ).read()
                        self.seen[event["shown"]["frame"]] = time.time()
        except OSError:
            pass


@pytest.fixture(scope="module")
def images():
    made = simulate.video(seed=5, frames=LOOKED_AT, shape=SHAPE, voids=250, jump_px=(0, 0), late=0)
    return [(60_000 * np.asarray(image)).astype(np.uint16) for image in made.images]


@pytest.fixture(scope="module")
def cpu_of_an_image():
    """CPU seconds that an image took with so many behind it."""
    return {}


def wait_until_done(session, count):
    while len(session.watch.followed) < count or session.watch.register.waiting:
        time.sleep(0.2)


def with_images_behind(root, images, behind):
    """A project in which a watch has seen so many images: copies of a few that were really looked at."""
    for name in ("parameters", "images"):
        (root / name).mkdir()
    (root / "parameters" / "x.yaml").write_text("dataset: x\nimages: ../images/*.tif\npixel_size_nm: 0.4\n")
    for number, image in enumerate(images):
        tifffile.imwrite(root / "images" / f"run_{number:05d}.tif", image)
    with Session("images", "x") as session:
        wait_until_done(session, len(images))
        cache, entries = session.watch.looker.cache, session.watch.register.in_order()
        index = session.watch.index
        for number in range(len(images), behind):
            of = entries[number % len(images)]
            copy = root / "images" / f"run_{number:05d}.tif"
            os.link(root / "images" / of.name, copy)
            shutil.copy(cache.file(of.frame), cache.file(number))
            stamp = copy.stat()
            about = {"name": copy.name, "frame": number, "size": stamp.st_size, "mtime_ns": stamp.st_mtime_ns}
            index.add(replace(of, **about))


def cpu_of_following(images):
    """CPU seconds that a watch may need, started again, to go on behind so many images."""
    return 6 + 0.002 * images


@pytest.mark.benchmark(group="live")
@pytest.mark.parametrize("behind", [400, 4000])
def test_written_to_shown(benchmark, tmp_path, monkeypatch, images, cpu_of_an_image, behind):
    monkeypatch.chdir(tmp_path)
    with_images_behind(tmp_path, images, behind)
    with Session("images", "x") as session:
        started, cpu = time.time(), time.process_time()
        wait_until_done(session, behind)
        cpu = time.process_time() - cpu
        print(f"\n{behind} images behind: followed after {time.time() - started:.0f} s, {cpu:.0f} CPU-s")
    started, cpu = time.time(), time.process_time()
    with Session("images", "x") as session:
        while not (session.board.shown and len(session.watch.followed) >= behind):
            time.sleep(0.05)
        again = time.process_time() - cpu
        print(f"started again: gone on with after {time.time() - started:.1f} s, {again:.1f} CPU-s")
        assert again < cpu_of_following(behind)
        viewer, written = Viewer(session), {}
        viewer.start()
        before = psutil.Process().memory_info().rss

        def camera():
            for number in range(behind, behind + NEW):
                start = time.time()
                tifffile.imwrite(tmp_path / "images" / f"run_{number:05d}.tif", images[number % len(images)])
                written[number] = time.time()
                time.sleep(max(0.0, 1 - (time.time() - start)))
            time.sleep(3)

        cpu = time.process_time()
        benchmark.pedantic(camera, rounds=1)
        cpu = (time.process_time() - cpu) / NEW
        waits = [viewer.seen[number] - written[number] for number in written if number in viewer.seen]
        middle, most = np.percentile(waits, (50, 95))
        after = psutil.Process().memory_info().rss
        print(
            f"written to shown: median {middle:.2f} s, 95 % {most:.2f} s ({len(waits)} of {NEW} shown); "
            f"{cpu:.2f} CPU-s an image; memory {before / 1e6:.0f} MB, after {NEW} more {after / 1e6:.0f} MB"
        )
        cpu_of_an_image[behind] = cpu
        assert cpu < 1.4 * cpu_of_an_image.get(400, cpu)  # nothing grows with the images behind
        assert len(waits) > 0.9 * NEW
