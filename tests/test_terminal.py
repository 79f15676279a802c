"""What a command says, in terminals that are closed, poor in letters or left: never the end of a run."""

import io
import os
import signal
import subprocess
import sys
import time
import warnings

import pytest

from voidlab import cli, terminal


def text_stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "1737 µm⁻², 23 (22–23), ×4 \\udcb5"),
        ("cp1252", "1737 µm^-², 23 (22–23), ×4 \\udcb5"),
        ("ascii", "1737 um^-2, 23 (22-23), x4 \\udcb5"),
    ],
)
def test_every_encoding_shows_what_it_can(monkeypatch, encoding, expected):
    stream = text_stream(encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    said = "1737 µm⁻², 23 (22–23), ×4 \udcb5"
    with terminal.speaking():
        sys.stdout.write(said)
    stream.flush()
    shown = stream.buffer.getvalue().decode(encoding).strip()
    assert shown == expected


def test_a_closed_output_ends_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with terminal.speaking():
        sys.stdout.write("nobody reads this")
        terminal.Line().log("nor this")
    stream = text_stream("utf-8")
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    with terminal.speaking():
        sys.stdout.write("nobody reads this")
        sys.stdout.flush()


def test_a_pipe_that_nobody_reads_any_more():
    code = (
        "from voidlab import terminal\nwith terminal.speaking():\n for i in range(9**5): print(i)\n exit(7)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 7


def test_warnings_are_sentences_without_code(capsys):
    with warnings.catch_warnings(), terminal.speaking():
        warnings.simplefilter("always")
        warnings.warn("a.csv is kept as a (kept).csv", stacklevel=1)
        warnings.warn("casts complex values", RuntimeWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: a.csv is kept as a (kept).csv\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("drift:   0%|                  | 0/15 [00:00<?, ?it/s]", ""),
        ("drift:  20%|####              | 3/15 [00:01<00:04,  2.9it/s]", "    drift: 3 of 15\n"),
        ("looked at 3 images", "    looked at 3 images\n"),
    ],
)
def test_progress_in_a_log_file_is_a_line_in_words(capsys, text, shown):
    line = terminal.Line()
    line._last = -1e9
    line.progress(text)
    assert capsys.readouterr().out == shown


def test_an_error_that_nobody_foresaw_is_a_sentence_and_its_traceback_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fail():
        raise KeyError("x")

    monkeypatch.setattr("voidlab.project.parameters.table.parameter_table", fail)
    assert cli.main(["parameters"]) == 1
    said = capsys.readouterr().err
    (kept,) = tmp_path.glob("voidlab-error-*.txt")
    assert said.startswith("voidlab: an error that should not have been possible (KeyError: 'x')")
    assert str(kept) in said
    assert len(said.splitlines()) == 1
    assert "Traceback" in kept.read_text()


def test_memory_that_runs_out_is_a_sentence(monkeypatch, capsys):
    def fail():
        raise MemoryError("Unable to allocate 36.4 TiB")

    monkeypatch.setattr("voidlab.project.parameters.table.parameter_table", fail)
    assert cli.main(["parameters"]) == 1
    assert "the memory ran out (Unable to allocate 36.4 TiB)" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["-1", str(2**70), "9" * 5000, "1.5", "x"])
def test_seeds_that_no_generator_takes(capsys, value):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "data/x", "--name", "n", f"--seed={value}"])
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "expected a whole number, 0 to 4294967295" in last
    assert len(last) < 200


@pytest.mark.parametrize(("name", "typed"), [("gold", "gold"), ("a b", "'a b'"), ("naïve", "'naïve'")])
def test_what_is_to_be_typed_is_quoted_where_a_shell_would_part_it(monkeypatch, name, typed):
    monkeypatch.setattr(sys, "platform", "linux")
    assert terminal.as_typed(name) == typed
    monkeypatch.setattr(sys, "platform", "win32")
    assert terminal.as_typed("a b") == '"a b"'


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on Unix")
def test_ctrl_c_while_libraries_are_loaded_is_one_word():
    code = (
        "import time\nfrom voidlab import terminal\n"
        "with terminal.stopping_at_once():\n"
        " print('there', flush=True)\n"
        " try: time.sleep(60)\n"
        " except BaseException: raise ImportError('half of a library')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout.readline() == "there\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().strip() == "voidlab: interrupted."
    assert process.returncode == 130


def test_what_libraries_put_away_half_made_is_not_shown(capsys):
    class HalfMade:
        def __del__(self):
            raise AttributeError("_ssock")

    with terminal.speaking():
        HalfMade()
    assert capsys.readouterr().err == ""


def test_ctrl_c_is_one_word_before_libraries_are_loaded():
    code = "import sys, voidlab.cli\nprint([name for name in ('numpy', 'pandas', 'pydantic') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed as on Unix")
def test_a_run_whose_parent_is_killed_ends_soon(tmp_path):
    """As one of --jobs, whose parent may be killed."""
    child = (
        # Tests that run in the background ignore Ctrl-C, and so would what they start.
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from voidlab.run import jobs\njobs.end_with_parent()\n"
        "open('begun', 'w').write(str(os.getpid()))\n"
        "try:\n time.sleep(60)\nexcept KeyboardInterrupt:\n open('ended', 'w').close()"
    )
    parent = (
        "import os, subprocess, sys, time\nfrom voidlab.run import jobs\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}], env={{**os.environ, jobs._PARENT: str(os.getpid())}})\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path) as process:
        wait_for(tmp_path / "begun")
        process.kill()
    wait_for(tmp_path / "ended")


def wait_for(file, seconds=120):
    end = time.monotonic() + seconds
    while not (file.exists() and (file.stat().st_size or file.name == "ended")):
        assert time.monotonic() < end, os.listdir(file.parent)
        time.sleep(0.05)
