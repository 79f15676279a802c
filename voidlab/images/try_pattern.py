"""A regular expression that somebody typed, tried on the names of files within a time limit.

Some expressions, such as (a+)+$, try so many ways to match a name that they never end, and nothing in Python stops
them from within. What could be of that kind is tried in a process of its own.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from voidlab.images.errors import ImagesError

_MOST_S = 10.0
# Two repeats one after the other are quick on any name; more, or a repeated group, may not be.
_REPEAT, _REPEATED_GROUP, _QUICK = re.compile(r"(?<!\()[*+?{]"), re.compile(r"\)[*+{]"), 2
_CHILD = (
    "import json, re, sys; pattern, names = json.load(sys.stdin); search = re.compile(pattern).search; "
    "json.dump([match and match.groups() for match in map(search, names)], sys.stdout)"
)
Groups = tuple[str | None, ...]


def groups_in(pattern: str, names: Sequence[str]) -> list[Groups | None]:
    """What the groups of ``pattern``, which compiles, match in each name; None where it does not match.

    Raises
    ------
    ImagesError
        If it takes too long.
    """
    if len(_REPEAT.findall(pattern)) <= _QUICK and not _REPEATED_GROUP.search(pattern):
        return _here(pattern, names)
    # Without packages of any kind it starts within some hundredths of a second.
    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _CHILD]
    try:
        done = subprocess.run(
            command, input=json.dumps([pattern, list(names)]), capture_output=True, text=True, timeout=_MOST_S,
            check=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ImagesError(
            f"frame_pattern '{pattern}' takes more than {_MOST_S:g} s on {len(names)} names such as '{names[0]}': it "
            "repeats what is repeated already, as (a+)+ does, so that there are endless ways to try. Write it so "
            r"that each letter is matched in one way only, such as frame_(\d+)."
        ) from None
    except (OSError, subprocess.CalledProcessError):  # no process to be had
        return _here(pattern, names)
    return [None if groups is None else tuple(groups) for groups in json.loads(done.stdout)]


def _here(pattern: str, names: Sequence[str]) -> list[Groups | None]:
    return [match and match.groups() for match in map(re.compile(pattern).search, names)]
