"""What the images of a series say of each other's voids: what lasts is more likely one, what is seen once is less."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.special import expit, logit

from voidlab.drift import assess_drift, estimate_drift
from voidlab.images.label_stack import PackedLabels
from voidlab.segment.decode import once
from voidlab.segment.frame import OK, FrameResult
from voidlab.tables.kinds import VOID
from voidlab.tables.verdict import GOOD

_SURE = 0.5
_REACH = 2  # images looked at before and after
_LASTS = 0.98  # chance that a void is still there
_MOST = 1.5  # log-odds that either side adds: a loop lasts as well, and is no void for that
_LEAST_IMAGES = 3
_LEAST_PX = 2.0  # within which, or half the radius, two are at the same place


@dataclass(frozen=True)
class Shown:
    """What the images of a series show of the specimen.

    Attributes
    ----------
    shape
        (H, W) of the images, px.
    pixels
        That show the specimen, of all images together.
    valid
        Gives the pixels that show it, (H, W), bool, in the image of a row; None: all do.
    """

    shape: tuple[int, int]
    pixels: int
    valid: Callable[[int], np.ndarray] | None = None

    def holds(self, row: int, xy: np.ndarray) -> np.ndarray:
        """Which places (n, 2), px, the image of this row shows."""
        inside = np.all((xy >= 0) & (xy <= np.array(self.shape)[::-1] - 1), axis=1)
        if self.valid is not None and inside.any():
            column, line = np.rint(xy[inside]).astype(int).T
            inside[inside] = self.valid(row)[line, column]
        return inside


def confidence_over_series(voids: pd.DataFrame, drift_px: np.ndarray, shown: Shown) -> np.ndarray:
    """Confidence of each void once the images before and after it have been heard.

    How much it says that there is, or is not, a candidate at the same place follows from how often the likely voids
    of this series have one, and how often chance has: in noise absence says little. A void may come or go, so absence
    on one side says nothing where the other confirms it.

    Parameters
    ----------
    voids : DataFrame
        ``row`` of the series, ``x_px, y_px, radius_px, confidence``, of all candidates.
    drift_px : ndarray of shape (rows, 2)
        x and y of each image's drift; NaN where nothing is known of it, or it was not looked at.
    shown
        Where something can be seen: a void that leaves that is not missed.

    Returns
    -------
    ndarray of shape (n,)
    """
    rows = voids["row"].to_numpy(np.int64)
    confidence = np.clip(voids["confidence"].to_numpy(float), 0.003, 0.997)
    sides = {side: np.full((_REACH, len(rows)), np.nan) for side in (-1, 1)}
    for side, step, here, found in _looks(voids, drift_px, shown):
        sides[side][step, here] = found
    likely = confidence >= _SURE
    of_likely = np.concatenate([found[:, likely] for found in sides.values()])
    missed = (np.nansum(of_likely == 0) + 1) / (np.isfinite(of_likely).sum() + 2)
    reach = np.maximum(_LEAST_PX, voids["radius_px"].to_numpy(float) / 2)
    chance = np.clip(np.pi * reach**2 * len(rows) / max(shown.pixels, 1), 1e-3, 0.5)
    seen, not_seen = np.log((1 - missed) / chance), np.log(missed / (1 - chance))
    of_sides = []
    for found in sides.values():
        said = np.where(found == 1, np.maximum(seen, 0), np.minimum(not_seen, 0))
        there = np.log(_LASTS) + np.where(np.isfinite(found), said, 0).sum(axis=0)
        speaks = np.minimum(np.logaddexp(there, np.log(1 - _LASTS)), _MOST)
        of_sides.append(np.where(np.isfinite(found).any(axis=0), speaks, 0))
    weaker, stronger = np.sort(of_sides, axis=0)
    # Where one side confirms it, absence on the other is its coming or going, in this image as likely as in the next.
    return np.asarray(
        expit(logit(confidence) + stronger + np.where(stronger > 0, np.maximum(weaker, 0), weaker))
    )


def _looks(
    voids: pd.DataFrame, drift_px: np.ndarray, shown: Shown
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Side, step and which voids; 1 where that other image has a candidate too, 0 where none, NaN outside of it."""
    rows = voids["row"].to_numpy(np.int64)
    places = voids[["x_px", "y_px"]].to_numpy(float)
    reach = np.maximum(_LEAST_PX, voids["radius_px"].to_numpy(float) / 2)
    of_row = [np.flatnonzero(rows == row) for row in range(len(drift_px))]
    for row, here in enumerate(of_row):
        for side in (-1, 1):
            for step in range(_REACH):
                other = row + side * (step + 1)
                if not len(here) or not 0 <= other < len(drift_px):
                    continue
                at = places[here] + drift_px[other] - drift_px[row]
                inside = shown.holds(other, at)
                found = np.zeros(len(here))
                if len(of_row[other]) and inside.any():
                    distance, _ = cKDTree(places[of_row[other]]).query(np.where(inside[:, None], at, 0))
                    found = (distance <= reach[here]).astype(float)
                yield side, step, here, np.where(inside, found, np.nan)


@dataclass(frozen=True)
class Settled:
    """What came of each image once the series was heard.

    Attributes
    ----------
    results : list of FrameResult
        With the confidences after that; of voids and of what else there is only what is sure enough.
    added, removed : int
        Voids that the images before and after confirm, and those that they do not.
    reason : str
        Why the series was not used; empty where it was.
    """

    results: list[FrameResult]
    added: int = 0
    removed: int = 0
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"added": self.added, "removed": self.removed, "reason": self.reason}


def settle(results: Sequence[FrameResult], threshold: float, *, read: Callable[[int], np.ndarray]) -> Settled:
    """The voids of a series that other images confirm, of all candidates.

    Where the drift, of the voids that are sure by themselves, is not good, each image stands by itself. ``read``
    gives the image of a row, not finite where it does not show the specimen.
    """
    placed = [each.voids.assign(row=row) for row, each in enumerate(results) if each.status == OK]
    if len(placed) < _LEAST_IMAGES:
        return _by_itself(
            results, threshold, f"it has {len(placed)} images, expected {_LEAST_IMAGES} or more"
        )
    drift = estimate_drift(_SureMasks(results, threshold))
    numbers = range(len(results))
    verdict = assess_drift(drift.table(numbers), drift.pairs_table(numbers))
    if verdict.grade != GOOD:
        return _by_itself(results, threshold, f"its drift is not good: {verdict.reasons[0]}")
    looked_at = np.array([each.status == OK for each in results])
    known = np.where(looked_at[:, None], drift.drift_px, np.nan)
    every = pd.concat(placed, ignore_index=True)
    voids = every[every["kind"] == VOID]
    after = every["confidence"].to_numpy(float).copy()
    after[voids.index] = confidence_over_series(voids, known, _shown(results, read))
    is_void, of_row = (every["kind"] == VOID).to_numpy(), every["row"].to_numpy()
    for row in np.unique(of_row[~is_void]):
        here = of_row == row
        voids_here, others = here & is_void & (after >= threshold), here & ~is_void
        after[np.flatnonzero(others)[~_apart(every[others], every[voids_here])]] = 0
    settled = [_with(each, after[of_row == row], threshold) for row, each in enumerate(results)]
    before = every["confidence"].to_numpy(float)
    added, removed = (after >= threshold) & (before < threshold), (after < threshold) & (before >= threshold)
    return Settled(settled, int(added.sum()), int((removed & is_void).sum()))


def _apart(others: pd.DataFrame, voids: pd.DataFrame) -> np.ndarray:
    """Which loops and dots are not where a void is, as `voidlab.segment.decode` has it of a single image."""
    both = pd.concat([voids, others])
    radius = both["edge_radius_px"].fillna(both["radius_px"])
    kept = once(*(each.to_numpy(float) for each in (both["x_px"], both["y_px"], radius)))
    return np.isin(np.arange(len(voids), len(both)), kept)


def _by_itself(results: Sequence[FrameResult], threshold: float, reason: str) -> Settled:
    kept = [_with(each, each.voids["confidence"].to_numpy(float), threshold) for each in results]
    return Settled(kept, reason=reason)


def _with(result: FrameResult, confidence: np.ndarray, threshold: float) -> FrameResult:
    """What is sure enough with these confidences, labelled from 1 on."""
    if result.status != OK:
        return result
    keep = confidence >= threshold
    old = result.voids["label"].to_numpy(np.int64)
    new = np.zeros(int(old.max(initial=0)) + 1, np.int32)
    new[old[keep]] = np.arange(1, keep.sum() + 1)
    voids = result.voids.assign(confidence=confidence, label=new[old])[keep].reset_index(drop=True)
    labels = new[_unpacked(result)]
    return replace(
        result, voids=voids, labels=PackedLabels.of(labels), labelled_px=int(np.count_nonzero(labels))
    )


def _unpacked(result: FrameResult) -> np.ndarray:
    labels = result.labels
    assert labels is not None  # an image that was looked at has labels
    return labels.unpacked() if isinstance(labels, PackedLabels) else labels


def _shape(results: Sequence[FrameResult]) -> tuple[int, int]:
    height, width = next(_unpacked(each).shape for each in results if each.status == OK)
    return height, width


def _shown(results: Sequence[FrameResult], read: Callable[[int], np.ndarray]) -> Shown:
    shape, valid_px = _shape(results), [each.valid_px for each in results if each.status == OK]
    if min(valid_px) == shape[0] * shape[1]:
        return Shown(shape, sum(valid_px))

    # Each image is asked for by those beside it: kept so long, and no longer, as a series may be large.
    @lru_cache(maxsize=2 * _REACH + 1)
    def valid(row: int) -> np.ndarray:
        return np.isfinite(read(row))

    return Shown(shape, sum(valid_px), valid)


class _SureMasks(Sequence[np.ndarray]):
    """Masks of the voids that are sure by themselves, made when asked for; empty where an image was not looked at."""

    def __init__(self, results: Sequence[FrameResult], threshold: float) -> None:
        self._results, self._threshold = results, threshold
        self._empty = np.zeros(_shape(results), bool)

    def __len__(self) -> int:
        return len(self._results)

    def __getitem__(self, row: Any) -> Any:
        result = self._results[row]
        if result.status != OK:
            return self._empty
        voids = result.voids
        sure = voids.loc[voids["confidence"] >= self._threshold, "label"].to_numpy(np.int64)
        is_sure = np.zeros(int(voids["label"].max()) + 1 if len(voids) else 1, bool)
        is_sure[sure] = True
        return is_sure[_unpacked(result)]
