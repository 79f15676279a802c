"""`voidlab watch` as a process that stands still at a moment, to be killed there: PLACE NTH MARK, then its arguments.

The file MARK appears when PLACE is reached for the NTH time; nothing goes on behind it.
"""

import os
import sys
import time
from pathlib import Path

from voidlab import cli
from voidlab.live import decide, follower, look
from voidlab.live.index import Index
from voidlab.project import corrections


def stand_at(place, nth, mark):
    reached = 0

    def stand():
        nonlocal reached
        reached += 1
        if reached == nth:
            mark.touch()
            time.sleep(3600)

    def before(owner, name, when=lambda *args: True):
        really = getattr(owner, name)

        def waits(*args, **options):
            if when(*args):
                stand()
            return really(*args, **options)

        setattr(owner, name, waits)

    def behind(owner, name, undo):
        """Behind a write of which half is done."""
        really = getattr(owner, name)

        def waits(*args, **options):
            made = really(*args, **options)
            if reached + 1 == nth:
                undo(*args)
            stand()
            return made

        setattr(owner, name, waits)

    def is_of(suffix):
        return lambda source, target: str(target).endswith(suffix)

    places = {
        "segmenting": lambda: before(look, "segment_frame"),
        "keeping a frame": lambda: before(os, "replace", is_of(".bin")),
        "writing what came": lambda: behind(Index, "_append", lambda index, lines: halve(index.file)),
        "saving a correction": lambda: behind(corrections, "append_edit", lambda file, edits: halve(file)),
        "setting the threshold": lambda: before(os, "replace", is_of("x.yaml")),
        "deciding": lambda: before(decide, "keep_watched"),
        "taking up": lambda: before(follower.Following, "go_on_with"),
    }
    if place in places:
        places[place]()


def halve(file):
    """Cut the last line of ``file`` in two, as a crash amid it would."""
    content = file.read_bytes()
    start = content.rstrip(b"\n").rfind(b"\n") + 1
    file.write_bytes(content[: (start + len(content)) // 2])


if __name__ == "__main__":
    stand_at(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    sys.exit(cli.main(sys.argv[4:]))
