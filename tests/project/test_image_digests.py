"""Digests of images: read once, and again whenever a file may be another one."""

import os
import threading
import time

import pytest

from projects import make_project, run_project
from voidlab import run
from voidlab.project import image_digests
from voidlab.project.image_digests import digest_of_image, digests_of_images, forget_digests
from voidlab.project.paths import RunPaths
from voidlab.tables.written import digest


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read whole, in a process that knows none yet."""
    names = []
    monkeypatch.setattr(image_digests, "_known", {})
    monkeypatch.setattr(image_digests, "_SETTLED_NS", -1)
    monkeypatch.setattr(image_digests, "digest", lambda file: names.append(file.name) or digest(file))
    return names


@pytest.fixture
def files(tmp_path):
    made = [tmp_path / name for name in ("a.tif", "b.tif")]
    for file in made:
        file.write_bytes(file.name.encode())
    return made


def another_process(monkeypatch):
    monkeypatch.setattr(image_digests, "_known", {})


def test_each_file_is_read_once_by_all_processes_together(tmp_path, files, read, monkeypatch):
    paths = RunPaths(tmp_path, "gold")
    wanted = [digest(file) for file in files]
    for _ in range(3):
        another_process(monkeypatch)
        assert digests_of_images(paths, files) == wanted
        assert digest_of_image(files[0]) == wanted[0]
    assert sorted(read) == ["a.tif", "b.tif"]


@pytest.mark.parametrize("change", ["content", "another file", "touched"])
def test_a_file_that_may_be_another_is_read_again(tmp_path, files, read, monkeypatch, change):
    paths = RunPaths(tmp_path, "gold")
    digests_of_images(paths, files)
    before = files[1].stat()
    time.sleep(0.02)
    if change == "content":
        files[1].write_bytes(b"c.tif")
    elif change == "touched":
        os.utime(files[1])
    else:  # of the same size and time, as copies and archives leave it
        other = tmp_path / "other"
        other.write_bytes(b"c.tif")
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.replace(other, files[1])
    for _ in range(2):
        another_process(monkeypatch)
        assert digests_of_images(paths, files) == [digest(file) for file in files]
    assert sorted(read) == ["a.tif", "b.tif", "b.tif"]


def test_what_was_written_just_now_is_not_relied_on(tmp_path, files, read, monkeypatch):
    monkeypatch.setattr(image_digests, "_SETTLED_NS", 3_000_000_000)
    for _ in range(2):
        digests_of_images(RunPaths(tmp_path, "gold"), files)
    assert sorted(read) == sorted(["a.tif", "b.tif"] * 2)


@pytest.mark.parametrize("damage", ["", "{}", '{"files": 1, "check": ""}', "[" * 5000, "cut", "digest"])
def test_a_damaged_file_of_digests_is_made_anew(tmp_path, files, read, monkeypatch, damage):
    paths = RunPaths(tmp_path, "gold")
    wanted = digests_of_images(paths, files)
    (kept,) = (paths.reports / ".image-digests").iterdir()
    text = kept.read_text()
    kept.write_text(
        {"cut": text[:-20], "digest": text.replace(wanted[0], "0" * 64)}.get(damage, damage), encoding="utf-8"
    )
    another_process(monkeypatch)
    assert digests_of_images(paths, files) == wanted
    assert sorted(read) == sorted(["a.tif", "b.tif"] * 2)
    assert kept.read_text() == text


def test_files_that_cannot_be_read_or_kept_are_no_error(tmp_path, files, read):
    files[0].unlink()
    (tmp_path / "reports").write_text("no folder")
    assert digests_of_images(RunPaths(tmp_path, "gold"), files) == ["", digest(files[1])]
    forget_digests(RunPaths(tmp_path / "elsewhere", "gold"))


def test_verify_reads_them_again(tmp_path, read, monkeypatch):
    paths, _ = make_project(tmp_path, views=2)
    first = run.check(paths.parameters)
    count = len(read)
    image = next((tmp_path / "data" / "small").glob("tilt*.tif"))
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    # A change that neither size nor times show, as a disk that is failing makes it.
    stamp = image_digests._stamp(image)
    image.write_bytes(content)
    real = image_digests._stamp
    monkeypatch.setattr(
        image_digests, "_stamp", lambda file: stamp if file.name == image.name else real(file)
    )
    assert run.check(paths.parameters).images_digest == first.images_digest
    assert len(read) == count
    assert run.check(paths.parameters, verify=True).images_digest != first.images_digest
    assert len(read) == 2 * count


def test_a_run_reads_no_image_whole_that_the_one_before_has_read(copied, read):
    files = list((copied.root / "data" / "small").glob("tilt*"))
    before = time.time() - 60
    for file in files:
        os.utime(file, (before, before))
    run_project(copied)
    assert sorted(read) == sorted(file.name for file in files)
    read.clear()
    done, lines = run_project(copied)
    assert done, lines
    assert all("unchanged, skipped" in line for line in lines)
    assert read == []


def test_files_are_read_side_by_side_and_answered_in_their_order(tmp_path, files, monkeypatch):
    both = threading.Barrier(2, timeout=20)

    def slow(file):
        both.wait()  # a single reader would wait for ever
        return digest(file)

    monkeypatch.setattr(image_digests, "_known", {})
    monkeypatch.setattr(image_digests, "digest", slow)
    backwards = files[::-1]
    assert digests_of_images(RunPaths(tmp_path, "gold"), backwards) == [digest(file) for file in backwards]
