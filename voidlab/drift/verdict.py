"""How far a drift can be trusted, in words: what the pairs, the triangles of pairs and the frames say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from voidlab.drift.apply import subtract_drift
from voidlab.drift.breaks import find_breaks, find_turns
from voidlab.tables.kinds import only_voids
from voidlab.tables.listing import name_first
from voidlab.tables.tilts import is_tilted
from voidlab.tables.units import IN_PX, HasPixelSize, length
from voidlab.tables.verdict import CHECK, DO_NOT_USE, GOOD, VERDICTS

_MOST_TRIANGLES = 3000
_THIRD_FRAMES = 3  # looked at for each pair
_AGREEING = (2 / 3, 1 / 3)  # share of the pairs: good from the first on, not to be used below the second
_SIGMA_PX = (0.5, 2.0)
_CLOSURE_PX = (1.0, 3.0)
_ANOTHER_FIELD = 0.5  # of the usual likeness: below, what is found across is chance
_TURNED_PX = 5.0  # about half a small void
_VOIDS = (5, 3)  # that a frame rests on
_DOUBTFUL = (0.0, 0.2)  # share of the frames


@dataclass(frozen=True)
class Verdict:
    """``grade``: "good", "check" or "do not use"; ``reasons``: a sentence for each thing that was looked at."""

    grade: str
    reasons: list[str]


def triangle_closures(pairs: pd.DataFrame) -> np.ndarray:
    """Closure error, px, of three frames: how far the shifts from a to b to c and back miss the start.

    Of at most 3,000 triangles of kept pairs, spread over the series. No solution is needed for it: it is the pairs'
    own word on how well they agree.
    """
    kept = pairs[pairs["weight"] > 0]
    shift = {
        (a, b): np.array([dx, dy])
        for a, b, dx, dy in kept[["frame_a", "frame_b", "dx_px", "dy_px"]].itertuples(index=False)
    }
    shift |= {(b, a): -d for (a, b), d in shift.items()}
    beside: dict[int, set[int]] = {}
    for a, b in shift:
        beside.setdefault(a, set()).add(b)
    edges = sorted((a, b) for a, b in shift if a < b)
    step = max(1, len(edges) * _THIRD_FRAMES // _MOST_TRIANGLES)
    closures = [
        float(np.hypot(*(shift[a, b] + shift[b, c] + shift[c, a])))
        for a, c in edges[::step]
        for b in sorted(b for b in beside[a] & beside[c] if a < b < c)[:_THIRD_FRAMES]  # each triangle once
    ]
    return np.array(closures)


def assess_drift(
    drift: pd.DataFrame,
    pairs: pd.DataFrame,
    *,
    voids: pd.DataFrame | None = None,
    frames: pd.DataFrame | None = None,
    calibration: HasPixelSize = IN_PX,
) -> Verdict:
    """Judge a drift; the worst of what is found decides.

    Parameters
    ----------
    drift, pairs, voids, frames
        The tables of these names. With ``voids`` it is looked whether the field turns or is magnified, which no drift
        takes away; not where the ``frames`` are those of a tilt series.
    calibration
        Lengths in the reasons are in nm where the pixel size is known.
    """
    if len(drift) < 2:
        return Verdict(GOOD, ["There are no two frames that could drift."])
    found = [_breaks(pairs), _pattern(drift), _frames(drift, calibration), _pairs(pairs)]
    found += [_triangles(drift, pairs, calibration), _error(drift, calibration)]
    if voids is not None and not (frames is not None and is_tilted(frames["tilt_deg"])):
        found.append(_turns(subtract_drift(only_voids(voids), drift), calibration))
    return _worst_of(found)


def assess_drift_of_voids(
    drift: pd.DataFrame, voids: pd.DataFrame, *, calibration: HasPixelSize = IN_PX
) -> Verdict:
    """Judge a drift that the voids themselves tell, as `voidlab.track.drift_from_tracks` gives it.

    ``pairs_kept`` of the table ``drift`` counts the voids that a frame rests on. Frames without any do not count: in
    them there is nothing to correct.
    """
    seen = drift[drift["frame"].isin(voids["frame"])]
    if len(seen) < 2:
        return Verdict(GOOD, ["There are no two frames with voids that could drift."])
    turns = _turns(subtract_drift(voids, drift), calibration)
    return _worst_of([_frames(seen, calibration), _voids(seen), _error(seen, calibration), turns])


def _worst_of(found: Sequence[tuple[str, str]]) -> Verdict:
    """The worst of what was ``found`` decides, and is said first; what has no reason says nothing."""
    said = [(grade, reason) for grade, reason in found if reason]
    worst = max((grade for grade, _ in said), key=VERDICTS.index)
    order = sorted(said, key=lambda item: -VERDICTS.index(item[0]))
    return Verdict(worst, [reason for _, reason in order])


def _voids(drift: pd.DataFrame) -> tuple[str, str]:
    middle = float(drift.loc[drift["flag"] != "reference", "pairs_kept"].median())
    grade = GOOD if middle >= _VOIDS[0] else CHECK if middle >= _VOIDS[1] else DO_NOT_USE
    few = "" if grade == GOOD else ": a void or two that move take the frame with them"
    return grade, f"The drift of a frame rests on {middle:g} voids (median){few}."


def _grade(value: float, limits: tuple[float, float]) -> str:
    """Of something that should be small."""
    return GOOD if value <= limits[0] else CHECK if value <= limits[1] else DO_NOT_USE


def _breaks(pairs: pd.DataFrame) -> tuple[str, str]:
    breaks = find_breaks(pairs)
    if not breaks:
        return GOOD, ""
    least = min(each.likeness for each in breaks)
    first = name_first([each.frame for each in breaks], 5)
    return DO_NOT_USE if least < _ANOTHER_FIELD else CHECK, (
        f"From frame {first} on the images are only {least:.0%} as like those before as others in a row are: "
        "turned, mirrored, at another magnification or of another place, which no drift "
        "can put right. Make a dataset of each part, or leave one out (excluded_frames)."
    )


def _turns(placed: pd.DataFrame, calibration: HasPixelSize) -> tuple[str, str]:
    turns = find_turns(placed)
    if not turns:
        return GOOD, ""
    worst = max(turns, key=lambda turn: turn.rim_px)
    when = "from the first frame to the last"
    if worst.frame is not None:
        when = f"from one frame to the next, at frame {name_first([turn.frame for turn in turns], 5)}"
    return DO_NOT_USE if worst.rim_px > _TURNED_PX else CHECK, (
        f"The field turns or is magnified {when}: by up to {worst.rotation_deg:+.2f} deg (clockwise) and "
        f"{100 * (worst.zoom - 1):+.2f} %, {length(worst.rim_px, calibration, 1)} at its rim: no drift puts that "
        "right. What voids move against their neighbours holds; their drift-corrected positions do not."
    )


def _pairs(pairs: pd.DataFrame) -> tuple[str, str]:
    if pairs.empty:
        return DO_NOT_USE, "No pair of frames could be compared: there is nothing to see in them."
    kept = int((pairs["weight"] > 0).sum())
    if kept == len(pairs) == 1:
        return GOOD, ""  # it agrees with itself
    again = int(pairs["remeasured"].sum())
    grade = _grade(1 - kept / len(pairs), (1 - _AGREEING[0], 1 - _AGREEING[1]))
    more = f"; {again} {'was' if again == 1 else 'were'} measured again near the solution" if again else ""
    return grade, f"{kept} of {len(pairs)} pairs of frames agree with one another{more}."


def _triangles(drift: pd.DataFrame, pairs: pd.DataFrame, calibration: HasPixelSize) -> tuple[str, str]:
    closures = triangle_closures(pairs)
    if len(drift) == 2:
        return (
            CHECK,
            "There are only two images: nothing checks the shift between them. Look whether they lie in register.",
        )
    if not closures.size:
        return CHECK, "No three frames were all compared with each other: nothing checks the pairs."
    middle = float(np.median(closures))
    return _grade(middle, _CLOSURE_PX), (
        f"The closure error of three frames is {length(middle, calibration)} (median)."
    )


def _error(drift: pd.DataFrame, calibration: HasPixelSize) -> tuple[str, str]:
    others = drift.loc[drift["flag"] != "reference", "drift_sigma_px"]
    middle = float(others.median())
    text = f"The standard error of the shift is {length(middle, calibration)}, per axis."
    if len(others) > 1:
        usual, worst = (length(value, calibration) for value in (middle, others.max()))
        text = f"The standard error of a frame is {usual} (median), {worst} at worst."
    return _grade(middle, _SIGMA_PX), text


def _frames(drift: pd.DataFrame, calibration: HasPixelSize) -> tuple[str, str]:
    doubtful = drift[~drift["flag"].isin(["", "reference", "fixed pattern"])]
    if doubtful.empty:
        return GOOD, ""
    kinds = ", ".join(f"{count} {flag}" for flag, count in doubtful["flag"].value_counts().items())
    named = [
        f"{frame} (± {length(sigma, calibration, 1)})" if flag == "large error" else frame
        for frame, sigma, flag in doubtful[["frame", "drift_sigma_px", "flag"]].itertuples(index=False)
    ]
    grade = _grade(len(doubtful) / len(drift), _DOUBTFUL)
    first = name_first(named, 5)
    return grade, f"{len(doubtful)} of {len(drift)} frames cannot be relied on ({kinds}): frame {first}."


def _pattern(drift: pd.DataFrame) -> tuple[str, str]:
    if not (drift["flag"] == "fixed pattern").any():
        return GOOD, ""
    return DO_NOT_USE, (
        "Something in the images stays put, such as a pattern of the camera, and they drift too little to tell it "
        "from the specimen: correct the gain of the camera, or correlate masks (drift.source: masks)."
    )
