"""From an image that is written to what a viewer is sent, with many images behind it, and the memory of the watch."""

import json
import os
import shutil
import threading
import time
import urllib.request

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
            index.add(type(of)(**{**vars(of), **about}))


@pytest.mark.benchmark(group="live")
@pytest.mark.parametrize("behind", [400, 4000])
def test_written_to_shown(benchmark, tmp_path, monkeypatch, images, behind):
    monkeypatch.chdir(tmp_path)
    with_images_behind(tmp_path, images, behind)
    with Session("images", "x") as session:
        started = time.time()
        wait_until_done(session, behind)
        print(f"\n{behind} images behind: gone on with after {time.time() - started:.0f} s")
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
        assert len(waits) > 0.9 * NEW
