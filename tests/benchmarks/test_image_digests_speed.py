"""Digests of images that are kept, against reading every image whole, as each of five processes of a run did."""

import os
import time

import numpy as np

from voidlab.project import image_digests
from voidlab.project.image_digests import digests_of_images
from voidlab.project.paths import RunPaths
from voidlab.tables.written import digest


def test_digests_of_a_hundred_images(benchmark, tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    files = [tmp_path / f"{number:03d}.tif" for number in range(100)]
    for file in files:
        file.write_bytes(random.bytes(2**21))
    monkeypatch.setattr(image_digests, "_SETTLED_NS", -1)
    began = time.process_time()
    whole = [digest(file) for file in files]
    read_s = time.process_time() - began
    paths = RunPaths(tmp_path, "video")
    digests_of_images(paths, files)

    def in_another_process():
        monkeypatch.setattr(image_digests, "_known", {})
        began = time.process_time()
        return digests_of_images(paths, files), time.process_time() - began

    found, kept_s = benchmark.pedantic(in_another_process, rounds=5, warmup_rounds=1)
    assert found == whole
    megabytes = sum(os.path.getsize(file) for file in files) / 1e6
    print(
        f"\n{megabytes:.0f} MB: read {read_s:.2f} CPU-s, kept {kept_s:.4f}: {read_s / kept_s:.0f} times faster"
    )
    assert read_s / kept_s >= 20
