"""What people hand in as a file: a pipe is never waited on, a device never read."""

import os
import sys

import pytest

from voidlab.tables.reading import NoFile, read_bytes, read_text, sendable
from voidlab.tables.written import digest

unix = pytest.mark.skipif(sys.platform == "win32", reason="pipes and devices are files on Unix")


@unix
def test_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", "/dev/zero", "/dev/null"):
        with pytest.raises(NoFile, match="is a pipe or a device, no file"):
            read_bytes(type(tmp_path)(place))
    assert digest(tmp_path / "pipe") == ""


def test_a_file_that_is_too_large_names_both_sizes(tmp_path):
    (tmp_path / "a").write_bytes(bytes(2000))
    with pytest.raises(NoFile, match="holds 2,000 bytes; expected at most 1,000"):
        read_bytes(tmp_path / "a", 1000)


def test_the_mark_that_windows_puts_in_front_is_no_text(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfx: 1")
    assert read_text(tmp_path / "a") == "x: 1"


def test_half_a_character_becomes_a_question_mark():
    assert sendable("µ\ud800") == "µ?"
