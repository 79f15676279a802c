"""How good is what was found: voids matched one to one with a truth, and what follows from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

_LEAST_REACH_PX = 3.0


def match_voids(truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5) -> pd.DataFrame:
    """Match found voids one to one with true ones, frame by frame where both tables have ``frame``.

    A match is a found centre within max(3 px, ``share`` × true radius) of a true centre. Of all ways to match, one
    with the most matches and, among these, the least sum of distances is taken.

    Parameters
    ----------
    truth, found : DataFrame
        ``x_px, y_px, radius_px``, and ``frame`` for series.

    Returns
    -------
    DataFrame
        A row per match: ``truth`` and ``found`` (positions of the rows in their tables), ``distance_px``.
    """
    if "frame" not in truth or "frame" not in found:
        return _match_frame(truth, found, np.arange(len(truth)), np.arange(len(found)), share)
    rows_of = {frame: np.asarray(rows) for frame, rows in found.groupby("frame").indices.items()}
    parts = [
        _match_frame(truth, found, np.asarray(rows), rows_of[frame], share)
        for frame, rows in truth.groupby("frame").indices.items()
        if frame in rows_of
    ]
    return pd.concat([_matches([], [], []), *parts], ignore_index=True)


def score_voids(truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5) -> pd.Series:
    """Score found voids against a truth; see `match_voids` for what a match is.

    Parameters
    ----------
    truth : DataFrame
        As for `match_voids`. Rows whose column ``ignored`` is true count for nothing: not as missed, and what is
        found there not as false.

    Returns
    -------
    Series
        ``hits, misses, false_finds, precision, recall, f1``; over the hits ``radius_error`` (median of |relative
        error|), ``radius_bias`` (median relative error); ``count_error`` and ``volume_error`` (sum of r³), relative.
        NaN where a ratio has no ground.
    """
    matches = match_voids(truth, found, share=share)
    ignored = truth["ignored"].to_numpy(bool) if "ignored" in truth else np.zeros(len(truth), bool)
    beside = matches[ignored[matches["truth"]]]
    hits = matches[~ignored[matches["truth"]]]
    judged = np.setdiff1d(np.arange(len(found)), beside["found"])
    true_radius = truth["radius_px"].to_numpy()[hits["truth"]]
    error = found["radius_px"].to_numpy()[hits["found"]] / true_radius - 1
    wanted = truth.loc[~ignored, "radius_px"].to_numpy()
    given = found["radius_px"].to_numpy()[judged]
    return pd.Series(
        {
            "hits": len(hits),
            "misses": len(wanted) - len(hits),
            "false_finds": len(judged) - len(hits),
            "precision": _ratio(len(hits), len(judged)),
            "recall": _ratio(len(hits), len(wanted)),
            "f1": _ratio(2 * len(hits), len(wanted) + len(judged)),
            "radius_error": float(np.median(np.abs(error))) if len(error) else np.nan,
            "radius_bias": float(np.median(error)) if len(error) else np.nan,
            "count_error": _ratio(len(judged), len(wanted)) - 1,
            "volume_error": _ratio(float((given**3).sum()), float((wanted**3).sum())) - 1,
        }
    )


def _match_frame(
    truth: pd.DataFrame, found: pd.DataFrame, true_rows: np.ndarray, found_rows: np.ndarray, share: float
) -> pd.DataFrame:
    """Matches within a frame, whose rows are given."""
    if not len(true_rows) or not len(found_rows):
        return _matches([], [], [])
    here, there = (t[["x_px", "y_px"]].to_numpy()[r] for t, r in ((truth, true_rows), (found, found_rows)))
    reach = np.maximum(share * truth["radius_px"].to_numpy()[true_rows], _LEAST_REACH_PX)
    near = cKDTree(there).query_ball_point(here, reach)
    a = np.repeat(np.arange(len(here)), [len(n) for n in near])
    b = np.concatenate([np.asarray(n, np.int64) for n in near])
    chosen = _assign(a, b, np.hypot(*(here[a] - there[b]).T), len(here), len(there))
    return _matches(true_rows[a[chosen]], found_rows[b[chosen]], np.hypot(*(here[a] - there[b]).T)[chosen])


def _assign(a: np.ndarray, b: np.ndarray, distance: np.ndarray, left: int, right: int) -> np.ndarray:
    """Which of the candidate pairs (a, b) to take: most pairs first, then least distance."""
    graph = csr_matrix((np.ones(len(a)), (a, left + b)), shape=(left + right, left + right))
    group = connected_components(graph, directed=False)[1][a] if len(a) else a
    chosen = []
    for rows in pd.Series(group).groupby(group).indices.values():
        rows = np.asarray(rows)
        us, i = np.unique(a[rows], return_inverse=True)
        vs, j = np.unique(b[rows], return_inverse=True)
        # So dear that no sum of distances is worth leaving a pair out.
        none = 1e3 * (distance.max() + 1)
        cost = np.full((len(us), len(vs)), none)
        cost[i, j] = distance[rows]
        pair = dict(zip(zip(i, j, strict=True), rows, strict=True))
        taken = zip(*linear_sum_assignment(cost), strict=True)
        chosen += [pair[u, v] for u, v in taken if (u, v) in pair]
    return np.array(sorted(chosen), np.int64)


def _matches(truth: object, found: object, distance: object) -> pd.DataFrame:
    columns = {"truth": np.asarray(truth, np.int64), "found": np.asarray(found, np.int64)}
    return pd.DataFrame({**columns, "distance_px": np.asarray(distance, np.float64)})


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def score_tracks(truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5) -> pd.Series:
    """Score found tracks against true ones.

    Voids are matched first, see `match_voids`; linking is then judged on the voids that were found, so that what a
    segmenter missed is not held against the linker. A link joins a void to the next of its track, in whatever frame.

    Parameters
    ----------
    truth, found : DataFrame
        ``frame, x_px, y_px, radius_px, particle``; ``particle`` is missing where a void is in no track.

    Returns
    -------
    Series
        ``link_jsc`` (links in common / links in either), ``link_precision``, ``link_recall``; ``complete`` (share of
        the true tracks of four found voids or more, all of whose links were found); ``purity`` (of the voids in
        found tracks of two or more, the share that belongs to its track's most frequent true particle);
        ``fragments`` (found tracks and unlinked voids per true track of four or more). NaN where a ratio has no
        ground.
    """
    matches = match_voids(truth, found, share=share)
    particle = pd.Series(pd.NA, index=range(len(found)), dtype="Int64")
    particle[matches["found"]] = truth["particle"].astype("Int64").to_numpy()[matches["truth"]]
    rows = pd.DataFrame({"frame": found["frame"].to_numpy(), "true": particle})
    rows["found"] = found["particle"].astype("Int64").to_numpy()
    true_links, found_links = _links(rows, "true"), _links(rows, "found")
    common = true_links & found_links
    tracks = rows.dropna(subset="true").groupby("true")
    long = tracks.size()[lambda size: size >= 4]
    missed = set(rows["true"].to_numpy()[[a for a, _ in true_links - found_links]])
    linked = rows.dropna(subset="found")
    linked = linked[linked.groupby("found")["found"].transform("size") >= 2]
    main = linked.groupby(["found", "true"]).size().groupby(level="found").max().sum()
    pieces = tracks["found"].agg(lambda ids: ids.nunique() + ids.isna().sum())
    return pd.Series(
        {
            "link_jsc": _ratio(len(common), len(true_links | found_links)),
            "link_precision": _ratio(len(common), len(found_links)),
            "link_recall": _ratio(len(common), len(true_links)),
            "complete": _ratio(len(long) - len(missed & set(long.index)), len(long)),
            "purity": _ratio(float(main), len(linked)),
            "fragments": float(pieces[long.index].mean()) if len(long) else np.nan,
        }
    )


def _links(rows: pd.DataFrame, by: str) -> set[tuple[int, int]]:
    """Pairs of row numbers that follow each other in a track."""
    ordered = rows.dropna(subset=by).sort_values([by, "frame"], kind="stable")
    same = (ordered[by].to_numpy()[1:] == ordered[by].to_numpy()[:-1]).astype(bool)
    numbers = ordered.index.to_numpy()
    return set(zip(numbers[:-1][same].tolist(), numbers[1:][same].tolist(), strict=True))
