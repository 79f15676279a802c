"""How good detections are against a truth: precision, recall, and the errors of the radii, with intervals."""

import numpy as np
import pandas as pd

from voidlab.scores.matching import match_voids

_BIN_EDGES_PX = (4, 8, 16, 32)  # of diameters


def score_voids(
    truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5, iou: float | None = None
) -> pd.Series:
    """Score found voids against a truth; see `match_voids` for what a match is.

    Parameters
    ----------
    truth : DataFrame
        As for `match_voids`. Rows whose column ``ignored`` is true count for nothing: not as missed, and what is
        found there not as false.

    Returns
    -------
    Series
        ``hits, misses, false_positives, precision, recall, f1``; over the hits ``radius_error`` (median of |relative
        error|), ``radius_bias`` (median relative error), ``radius_spread`` (1.4826 × median absolute deviation of the
        relative error); ``count_error`` and ``volume_error`` (sum of r³), relative. NaN where a ratio has no ground.
    """
    return _score(objects(truth, found, share=share, iou=iou))


def objects(
    truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5, iou: float | None = None
) -> pd.DataFrame:
    """Every void that counts, true or found: a row per hit, miss and false positive.

    Returns
    -------
    DataFrame
        ``frame`` (0 where the tables have none), ``outcome`` (hit, miss, false), ``true_radius_px`` and
        ``found_radius_px`` (NaN where there is none), ``x_px, y_px`` (of the true void, else of the found one).
    """
    matches = match_voids(truth, found, share=share, iou=iou)
    ignored = truth["ignored"].to_numpy(bool) if "ignored" in truth else np.zeros(len(truth), bool)
    partner = np.full(len(truth), -1)
    partner[matches["truth"]] = matches["found"]
    wanted, false = np.flatnonzero(~ignored), _false(truth[ignored], found, matches, share)
    hit = partner[wanted] >= 0
    radius = np.append(found["radius_px"].to_numpy(float), np.nan)  # -1, no partner, takes the NaN
    framed = "frame" in truth and "frame" in found
    count = len(wanted) + len(false)

    def of_both(name: str) -> np.ndarray:
        return np.append(truth[name].to_numpy(float)[wanted], found[name].to_numpy(float)[false])

    return pd.DataFrame(
        {
            "frame": of_both("frame").astype(np.int64) if framed else np.zeros(count, np.int64),
            "outcome": np.append(np.where(hit, "hit", "miss"), np.full(len(false), "false")).astype(object),
            "true_radius_px": np.append(
                truth["radius_px"].to_numpy(float)[wanted], np.full(len(false), np.nan)
            ),
            "found_radius_px": radius[np.append(partner[wanted], false)],
            "x_px": of_both("x_px"),
            "y_px": of_both("y_px"),
        }
    )


def judge_detections(
    truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Which detections are right and which are false; those where a void counts neither way are neither.

    Parameters
    ----------
    truth, found
        As for `score_voids`; ``truth`` with the column ``ignored``.

    Returns
    -------
    right, false : ndarray of shape (n,), bool
        A value for each row of ``found``.
    """
    matches, ignored = match_voids(truth, found, share=share), truth["ignored"].to_numpy(bool)
    right, false = np.zeros((2, len(found)), bool)
    right[matches["found"][~ignored[matches["truth"]]]] = True
    false[_false(truth[ignored], found, matches, share)] = True
    return right, false


def _false(ignored: pd.DataFrame, found: pd.DataFrame, matches: pd.DataFrame, share: float) -> np.ndarray:
    """Rows of what was found that match nothing.

    What is found where a void counts neither way is not false, whatever the size it is given: also near by its own
    radius, as of a void that the border cuts a label has the part that is left, and a detection may be of the whole.
    """
    false = np.setdiff1d(np.arange(len(found)), matches["found"])
    near = match_voids(ignored, found.iloc[false], share=share)["found"]
    near_itself = match_voids(found.iloc[false], ignored, share=share)["truth"]
    return np.delete(false, np.union1d(near, near_itself))


def score_intervals(
    truth: pd.DataFrame,
    found: pd.DataFrame,
    *,
    share: float = 0.5,
    iou: float | None = None,
    resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Scores with intervals from a bootstrap: over images where there are eight or more, else over voids.

    Returns
    -------
    DataFrame
        Indexed by score, see `score_voids`: ``value, low, high``.

    References
    ----------
    Efron, Ann. Statist. 7, 1 (1979), doi:10.1214/aos/1176344552.
    """
    every = objects(truth, found, share=share, iou=iou)
    random = np.random.default_rng(seed)
    by_image = every["frame"].nunique() >= 8
    of = every["frame"].to_numpy() if by_image else np.arange(len(every))
    groups = [np.asarray(rows) for rows in pd.Series(of).groupby(of).indices.values()]
    drawn = []
    for _ in range(resamples if groups else 0):
        chosen = random.integers(len(groups), size=len(groups))
        drawn.append(_score(every.iloc[np.concatenate([groups[i] for i in chosen])]))
    value = _score(every)
    tails = pd.DataFrame(drawn, columns=value.index).quantile([(1 - level) / 2, (1 + level) / 2])
    return pd.DataFrame({"value": value, "low": tails.iloc[0], "high": tails.iloc[1]})


def recall_by_size(truth: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Recall of true voids by size bin.

    Returns
    -------
    DataFrame
        ``from_px, to_px`` (diameter; 0 and inf at the ends), ``voids, hits, recall``.
    """
    every = objects(truth, found)
    true = every[every["outcome"] != "false"]
    bounds = [0.0, *_BIN_EDGES_PX, np.inf]
    size = np.digitize(2 * true["true_radius_px"], _BIN_EDGES_PX)
    hit = (true["outcome"] == "hit").to_numpy()
    voids = np.bincount(size, minlength=len(bounds) - 1)
    hits = np.bincount(size, hit, minlength=len(bounds) - 1).astype(int)
    recall = np.divide(hits, voids, out=np.full(len(voids), np.nan), where=voids > 0)
    return pd.DataFrame(
        {"from_px": bounds[:-1], "to_px": bounds[1:], "voids": voids, "hits": hits, "recall": recall}
    )


def _score(every: pd.DataFrame) -> pd.Series:
    """Scores of the rows `objects` gives."""
    hit = (every["outcome"] == "hit").to_numpy()
    wanted = every["true_radius_px"].dropna().to_numpy()
    given = every["found_radius_px"].dropna().to_numpy()
    error = (every["found_radius_px"] / every["true_radius_px"]).to_numpy()[hit] - 1
    hits = int(hit.sum())
    bias = float(np.median(error)) if hits else np.nan
    return pd.Series(
        {
            "hits": hits,
            "misses": len(wanted) - hits,
            "false_positives": len(given) - hits,
            "precision": _ratio(hits, len(given)),
            "recall": _ratio(hits, len(wanted)),
            "f1": _ratio(2 * hits, len(wanted) + len(given)),
            "radius_error": float(np.median(np.abs(error))) if hits else np.nan,
            "radius_bias": bias,
            "radius_spread": 1.4826 * float(np.median(np.abs(error - bias))) if hits else np.nan,
            "count_error": _ratio(len(given), len(wanted)) - 1,
            "volume_error": _ratio(float((given**3).sum()), float((wanted**3).sum())) - 1,
        }
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
