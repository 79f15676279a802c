"""All scripts of ../shared/faults/hostile in one go, each with what it says when it ends right.

As a command it runs them one after the other and prints a line for each: ``python tests/test_shared_faults.py``, with
``--only 14 27`` some of them. As tests only the quick ones are run: the faults of the others have tests of their own.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "shared" / "faults" / "hostile"
PYTHON = Path(sys.executable)


@dataclass(frozen=True)
class Right:
    """Regular expressions that what a script says holds, all of them, when it ends right, and those it does not."""

    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    quick: bool = False


# Never: a traceback, the end of a time limit, an error that nobody foresaw.
_NEVER = (r"Traceback", r"\w+(Error|Exception|ArrowInvalid): ", r"rc=124", r"should not have been possible")

EXPECTED = {
    "01": Right((r"not run: stage 'segment' was run with other parameters \(pixel_size_nm 0.5, now 5.0\)", "rc=1")),
    "02": Right((r"says threshold \['0.5'\] but it ran with 0.5", r"segment \['0.5 nm", r"export \['0.5 nm")),
    "04": Right((r"(?s)10 hot columns of 1024 at 65535 scale \(\d+\.?\d*, 4\d\d\d\.",), (r", 65535\.0\) network",)),
    "05": Right((r"packed with gzip, though its name ends in .mrc",), (r"values \[",), quick=True),
    "07": Right((r"^own pixels",), ("GARBAGE",), quick=True),
    "08": Right((r"holds complex numbers",), (r"max 0\.0",), quick=True),
    "09": Right((r"jpg .*: 1\.0", r"tif .*: 1\.0"), quick=True),
    "11": Right((r"are no finite numbers|there is no file parameters/e.safetensors",), ("Nothing stood out",)),
    "12": Right((r"lies in the report that is to be written", r"tilt01.tif\ntilt02.tif(?s:.*)tilt06"), quick=True),
    "13": Right((r"7 images of 256 × 192|holds images of several sizes",), (r"^1 image of 50 × 50",), quick=True),
    "14": Right((r"(?s)rc=0.*rc=0",), ("rc=1",)),
    "15": Right((r"reports/y/index.html", r"reports/x/run.json")),
    "16": Right((r"(?s)(report: reports/x/index.html.*){4}",)),
    "17": Right((r"m: good", "rc=0"), quick=True),
    "18": Right((), quick=True),
    "19": Right((r"(?s)(holds no positions and radii.*){6}", r"report: reports/v/positions.html",)),
    "20": Right((r"report: reports/v/positions.html",)),
    "21": Right(),
    "22": Right((r"table 'voids' cannot be read",)),
    "23": Right((r"some were replaced, added or removed",)),
    "24": Right((r"billion laughs by --set: rc=2",)),
    "25": Right((r"(?s)report: reports/x/index.html.*report: reports/x/index.html",)),
    "26": Right((r"^0\b",), ("MemoryError",), quick=True),
    "27": Right((r"radius_px: Input should be less than", r"FIFO: rc=2")),
    "28": Right((r" 1$",)),
    "29": Right((r"report: reports/x/index.html",)),
    "31": Right((r"(?s)report: reports/x/index.html.*report: reports/x/index.html",)),
    "32": Right((r"'index.html' cannot name a dataset", r"report: reports/x/index.html"), ("FAILED",)),
    "33": Right((r"must be ≤ 10000", "rc=2")),
    "34": Right((r"pipe or a device", r"FIFO: rc=2"), quick=True),
    "36": Right((r"False ",), ("True ",), quick=True),
    "37": Right((r"^8 images of 256 × 192",), quick=True),
    "38": Right((r"4 of 6 images cannot be read",), quick=True),
    "39": Right((r"'=HYPERLINK", r"'=1\+cmd_1.tif")),
    "40": Right((r"(?s)No space left.*total 0\n.*wrote parameters/y.yaml",), ("is there already",), quick=True),
    "41": Right((r"rc=0", r"^[1-9]\d*$")),
    "43": Right((r"must end in .yaml", r"expected a whole number, 0 to", r"times in s that go up", r"in radians")),
}  # fmt: skip


def run_script(script: Path, seconds: float) -> str:
    """What a script says; it works in a temporary folder of its own."""
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "HOSTILE": str(FOLDER), "V": str(PYTHON.parent), "PYTHONPATH": paths}
    command = ["bash", str(script)] if script.suffix == ".sh" else [str(PYTHON), str(script)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return f"rc=124: still running after {seconds:g} s"
    return done.stdout.decode("utf-8", "replace").strip()


def what_is_wrong(number: str, said: str) -> str:
    """Why what a script said is not what it says when it ends right; empty when it is."""
    right = EXPECTED[number]
    # A refusal of the package is shown by Python with its traceback; 11 looks for the weights where they once lay.
    never = right.never if number in ("05", "08", "11") else (*_NEVER, *right.never)
    lacking = [f"it does not say {words!r}" for words in right.says if not re.search(words, said, re.M)]
    wrong = [f"it says {words!r}" for words in never if re.search(words, said, re.M)]
    return "; ".join(lacking + wrong)


def scripts() -> dict[str, Path]:
    """The scripts by their number."""
    found = sorted(path for path in FOLDER.glob("[0-9]*") if path.suffix in (".sh", ".py"))
    return {path.name.split("-")[0]: path for path in found}


@pytest.mark.slow
@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the scripts are not on this machine (../shared/faults/hostile)"
)
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="some scripts mount file systems: Linux, root"
)
@pytest.mark.parametrize("number", [number for number, right in EXPECTED.items() if right.quick])
def test_script(number):
    said = run_script(scripts()[number], 300)
    assert not what_is_wrong(number, said), said


@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the scripts are not on this machine (../shared/faults/hostile)"
)
def test_every_script_has_an_end_that_is_right():
    assert set(scripts()) == set(EXPECTED)


def main(arguments: list[str]) -> int:
    """Run all scripts, or those behind ``--only``; print right or wrong for each."""
    only = set(arguments[1:]) if arguments[:1] == ["--only"] else set(EXPECTED)
    bad = 0
    for number, script in scripts().items():
        if number in only:
            wrong = what_is_wrong(number, run_script(script, 900))
            bad += bool(wrong)
            sys.stdout.write(
                f"{'wrong' if wrong else 'right'}  {script.name}{': ' + wrong if wrong else ''}\n"
            )
            sys.stdout.flush()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
