"""The page of a watch over HTTP, and the command: one address, a token, strict JSON, a lock, Ctrl-C, kill."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.resources import files

import pandas as pd
import pytest

from voidlab import cli
from voidlab.live.dataset import open_watched
from voidlab.live.session import Session
from voidlab.project import corrections
from voidlab.project.lock import DatasetBusy, held
from voidlab.project.paths import ProjectError, RunPaths

DEADLINE_S = 60


@pytest.fixture
def session(project, camera):
    for number in range(6):
        camera.file(number).write_bytes(camera.content(number))
    with Session(str(project / "images"), "x") as made:
        yield made


def got(session, where, body=None, token=None):
    """Status, content type and body of an answer."""
    base = session.address.partition("?")[0]
    token = session.address.partition("token=")[2] if token is None else token
    address = f"{base}{where}{'&' if '?' in where else '?'}token={token}"
    try:
        with urllib.request.urlopen(urllib.request.Request(address, body), timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def asked(session, **what):
    status, _, body = got(session, "command", json.dumps(what).encode())
    return status, json.loads(body)["said"]


def events(session, enough):
    """Events of the page until one is ``enough``, read as strictly as a browser does."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    address = session.address.replace("/?", "/events?")
    end, rows = time.monotonic() + DEADLINE_S, {}
    with urllib.request.urlopen(address, timeout=10) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        while time.monotonic() < end:
            line = stream.readline()
            if line.startswith(b"data: "):
                event = json.loads(line[6:], parse_constant=refuse)
                rows |= {row[1]: row for row in event.get("rows", [])}
                if enough(event, rows):
                    return event, rows
    raise AssertionError("no such event")


def is_done(event, rows):
    return len(rows) == 6 and all(row[2] == "ok" and row[13] is not None for row in rows.values())


def test_the_page_needs_the_token_and_no_other_address(session):
    assert session.address.startswith("http://127.0.0.1:")
    status, kind, page = got(session, "")
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert b"http://" not in page
    assert b"https://" not in page
    for where in ("", "events", "picture", "numbers.csv", "command"):
        for token in ("", "wrong", "é".encode().decode("latin1")):
            status, _, said = got(
                session, where, b"{}" if where == "command" else None, urllib.parse.quote(token)
            )
            assert status == 403
            assert b"with its token" in said
    assert oct((session.paths.folder / "live" / "page.json").stat().st_mode)[-3:] == "600"


def test_numbers_pictures_and_commands(session):
    event, rows = events(session, is_done)
    assert event["status"]["unit"] == "nm"
    assert event["status"]["state"] == "watching"
    assert sorted(row[0] for row in rows.values()) == list(range(6))
    assert got(session, "picture")[2][:2] == b"\xff\xd8"
    for change in ("999", "x", "9" * 5000, "-1"):
        status, _, body = got(session, f"picture?change={change}")
        assert (status, body) == (204, b"")
    status, kind, body = got(session, "numbers.csv")
    table = pd.read_csv(io.BytesIO(body))
    assert (status, kind) == (200, "text/csv; charset=utf-8")
    assert table["provisional"].all()
    assert table["frame"].tolist() == list(range(6))
    assert table["count"].tolist() == [rows[name][3] for name in table["name"]]
    assert table["diameter_nm"].tolist() == [rows[name][5] for name in table["name"]]
    assert {"fraction_percent", "fraction_sigma_percent", "swelling_low_percent", "tracks"} <= set(table)
    assert asked(session, do="pause", on=True) == (200, "paused: images are counted, not looked at")
    events(session, lambda event, _: event["status"]["state"] == "paused")
    assert asked(session, do="bad", frame=3, on=True) == (200, "frame 3 is marked as bad")
    assert corrections.bad_frames(corrections.read_log(session.paths.corrections)) == {3}
    _, rows = events(session, lambda _, rows: any(row[-1] for row in rows.values()))
    assert [row[0] for row in rows.values() if row[-1]] == [3]
    assert asked(session, do="bad", frame=77, on=True) == (400, "there is no frame 77.")
    status, said = asked(session, do="threshold", value=7, all=True)
    assert status == 400
    assert "threshold" in said
    assert asked(session, do="threshold", value="x")[0] == 400
    assert asked(session, do="rm")[0] == 400
    assert asked(session, do="threshold", value=0.7, all=False)[0] == 200


def test_nonsense_is_refused_in_a_sentence_and_changes_nothing(session, project, capfd):
    events(session, is_done)
    before = (project / "parameters" / "x.yaml").read_bytes()
    for body in (b"not json", b"", b"\xff", b"null", b"[1]", b"[" * 9_000, b'{"a":' * 1_900):
        status, _, said = got(session, "command", body)
        assert (status, json.loads(said)["said"][:18]) == (400, "that is no command")
    for what in (
        *({"do": "bad", "frame": frame, "on": True} for frame in (True, None, -1, 1.0, 10**400, "3", [3])),
        *(
            {"do": "threshold", "value": value}
            for value in (True, None, 0, 1, -1, 10**400, "0.5", float("nan"))
        ),
        *({"do": what} for what in (None, "rm", ["pause"], {"a": 1}, "x" * 5000)),
    ):
        status, said = asked(session, **what)
        assert status == 400
        assert len(said) < 120
        assert re.search("there is no frame|is no threshold; expected|is not known; expected", said)
    assert got(session, "command", b"x" * 20_000)[0] == 413
    assert (project / "parameters" / "x.yaml").read_bytes() == before
    assert (session.watch.bad, session.watch.paused) == (set(), False)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_huge_body_is_not_even_read(session, token):
    token = token or session.address.partition("token=")[2]
    with socket.create_connection(
        ("127.0.0.1", int(re.search(r":(\d+)/", session.address)[1])), 10
    ) as viewer:
        head = f"POST /command?token={token} HTTP/1.1\r\nHost: x\r\nContent-Length: 900000000\r\n\r\n"
        viewer.sendall(head.encode())
        assert b"400 Bad Request" in viewer.recv(1000)
    assert got(session, "numbers.csv")[0] == 200


def test_on_a_full_disk_a_correction_and_a_threshold_are_refused_in_words_and_nothing_is_changed(
    session, project, monkeypatch
):
    events(session, is_done)
    files = [project / "parameters" / name for name in ("x.corrections.jsonl", "x.yaml")]
    assert asked(session, do="bad", frame=1, on=True)[0] == 200
    before = [file.read_bytes() for file in files]

    def full(*of):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        patch.setattr(os, "replace", full)
        for what in ({"do": "bad", "frame": 3, "on": True}, {"do": "threshold", "value": 0.8, "all": True}):
            status, said = asked(session, **what)
            assert status == 400
            assert said == (
                f"nothing was changed, as {project / 'parameters'} cannot be written to: No space left on device."
            )
    assert [file.read_bytes() for file in files] == before
    assert (session.watch.bad, session.watch.looker.segmenter.threshold) == ({1}, 0.5)
    assert asked(session, do="bad", frame=3, on=True) == (200, "frame 3 is marked as bad")


def test_a_second_watch_and_a_run_are_refused_and_a_later_watch_has_the_same_address(session):
    busy = pytest.raises(DatasetBusy, match=f"x is being watched by process {os.getpid()}")
    with busy, held(RunPaths(session.paths.root, "x")):
        pass
    address = session.address
    done = subprocess.run(
        [sys.executable, "-m", "voidlab", "watch", "images", "--name", "x"],
        cwd=session.paths.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "is being watched by process" in done.stderr
    assert "stop that watch first" in done.stderr
    events(session, is_done)
    session.close()
    with Session("images", "x") as again:
        assert again.address == address
        events(again, is_done)


def test_mistakes_are_told_with_what_to_do(project, capsys):
    for arguments, said in (
        (["watch", "nowhere/at/all", "--name", "y"], "there is no folder"),
        (["watch", "parameters", "--name", "x"], "a dataset of other images already"),
        (["watch", "images", "--name", "a/b"], "cannot name a dataset"),
        (["watch", "reports/x", "--name", "x"], "lies in the report that is to be written"),
        (["watch", "images", "--name", "x", "--port", "1", "--host", "203.0.113.9"], "Choose another --port"),
    ):
        assert cli.main(arguments) == 2, arguments
        assert said in capsys.readouterr().err


def test_a_dataset_is_made_where_there_is_none(project, camera):
    found = open_watched("images", "new")
    assert found.paths.parameters.read_text().splitlines()[1:3] == ["dataset: 'new'", "images: '../images'"]
    assert found.wanted("a.tif")
    assert not found.wanted(".a.tif")
    assert not found.wanted("a.txt")
    camera.file(1).write_bytes(camera.content(1))
    assert "images: '../images/*.tif'" in open_watched("images", "newer").paths.parameters.read_text()
    globbed = open_watched("images/img*.tif", "newest")
    assert globbed.wanted("img_3.tif")
    assert not globbed.wanted("thumb_3.tif")
    (project / "images" / "a.png").write_bytes(b"x")
    with pytest.raises(ProjectError, match="several kinds: .png, .tif"):
        open_watched("images", "mixed")


def test_a_folder_may_be_given_from_another_one_as_the_notebook_does(project, monkeypatch):
    monkeypatch.chdir(project / "notebooks")
    for name in ("x", "new", "new"):
        assert open_watched("../images", name).folder == project / "images"
    assert open_watched("../images/../images/img*.tif", "globbed").wanted("img_3.tif")


def test_the_page_knows_the_columns_that_it_is_sent():
    from voidlab.live.told import COLUMNS

    page = files("voidlab.live").joinpath("page.html").read_text(encoding="utf-8")
    named = re.search(r"const COLUMNS = \[(.*?)\];", page, re.DOTALL)[1]
    assert tuple(re.findall(r'"(\w+)"', named)) == COLUMNS


def watch(project, log):
    return subprocess.Popen(
        [sys.executable, "-m", "voidlab", "watch", "images", "--name", "x"],
        cwd=project, stdout=log, stderr=log, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def wait_for(condition):
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it took too long")


@pytest.mark.slow
def test_killed_and_started_again_it_goes_on_and_ctrl_c_stops_it(project, camera):
    lines = project / "reports" / "x" / "live" / "images.jsonl"

    def looked_at():
        text = lines.read_text() if lines.exists() else ""
        return re.findall(r'"name": "(img_\d+.tif)"', text)

    log = project / "log"
    for number in range(6):
        camera.file(number).write_bytes(camera.content(number))
    with log.open("w") as stream:
        first = watch(project, stream)
        wait_for(lambda: len(looked_at()) >= 2)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        for number in range(6, 9):
            camera.file(number).write_bytes(camera.content(number))
        again = watch(project, stream)
        wait_for(lambda: len(set(looked_at())) == 9)
        os.killpg(again.pid, signal.SIGINT)
        assert again.wait(DEADLINE_S) == 0
    said = log.read_text().split()
    assert said[0] == said[1]  # one address each, the same
    assert log.read_text().strip().endswith("next: voidlab run parameters/x.yaml")
    assert len(looked_at()) == 9
