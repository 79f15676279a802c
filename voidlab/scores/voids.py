"""How good is what was found: voids matched one to one with a truth, and what follows from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from voidlab.measure import circle_iou

_LEAST_REACH_PX = 3.0


def match_voids(
    truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5, iou: float | None = None
) -> pd.DataFrame:
    """Match found voids one to one with true ones, frame by frame where both tables have ``frame``.

    A match is a found centre within max(3 px, ``share`` × true radius) of a true centre, or, with ``iou``, circles
    that share at least that part of their union. Of all ways to match, one with the most matches and, among these,
    the least sum of distances is taken.

    Parameters
    ----------
    truth, found : DataFrame
        ``x_px, y_px, radius_px``, and ``frame`` for series.
    iou
        Least intersection over union of the full circles; 0.1, 0.3 and 0.5 are usual. Never compare scores of
        different ones.

    Returns
    -------
    DataFrame
        A row per match: ``truth`` and ``found`` (positions of the rows in their tables), ``distance_px``.
    """
    if "frame" not in truth or "frame" not in found:
        return _match_frame(truth, found, np.arange(len(truth)), np.arange(len(found)), share, iou)
    rows_of = {frame: np.asarray(rows) for frame, rows in found.groupby("frame").indices.items()}
    parts = [
        _match_frame(truth, found, np.asarray(rows), rows_of[frame], share, iou)
        for frame, rows in truth.groupby("frame").indices.items()
        if frame in rows_of
    ]
    return pd.concat([_matches([], [], []), *parts], ignore_index=True)


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
        ``hits, misses, false_finds, precision, recall, f1``; over the hits ``radius_error`` (median of |relative
        error|), ``radius_bias`` (median relative error), ``radius_spread`` (1.4826 × median absolute deviation of the
        relative error); ``count_error`` and ``volume_error`` (sum of r³), relative. NaN where a ratio has no ground.
    """
    return _score(objects(truth, found, share=share, iou=iou))


def objects(
    truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5, iou: float | None = None
) -> pd.DataFrame:
    """Every void that counts, true or found: a row per hit, miss and false find.

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
    wanted = np.flatnonzero(~ignored)
    false = np.setdiff1d(np.arange(len(found)), matches["found"])
    # What is found where a void counts neither way is not false, whatever the size it is given.
    at_ignored = match_voids(truth[ignored], found.iloc[false], share=share)["found"]
    false = np.delete(false, at_ignored)
    hit = partner[wanted] >= 0
    radius = np.append(found["radius_px"].to_numpy(float), np.nan)  # -1, no partner, takes the NaN
    framed = "frame" in truth and "frame" in found
    parts = []
    for table, rows, outcome, true_radius, found_radius in (
        (
            truth,
            wanted,
            np.where(hit, "hit", "miss"),
            truth["radius_px"].to_numpy(float)[wanted],
            radius[partner[wanted]],
        ),
        (found, false, np.full(len(false), "false"), np.full(len(false), np.nan), radius[false]),
    ):
        parts.append(
            pd.DataFrame(
                {
                    "frame": table["frame"].to_numpy()[rows] if framed else np.zeros(len(rows), np.int64),
                    "outcome": outcome.astype(object),
                    "true_radius_px": true_radius,
                    "found_radius_px": found_radius,
                    "x_px": table["x_px"].to_numpy(float)[rows],
                    "y_px": table["y_px"].to_numpy(float)[rows],
                }
            )
        )
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


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


def recall_by_size(
    truth: pd.DataFrame,
    found: pd.DataFrame,
    *,
    diameters_px: tuple[float, ...] = (4, 8, 16, 32),
    share: float = 0.5,
    iou: float | None = None,
) -> pd.DataFrame:
    """Recall of true voids in classes of diameter, px.

    Returns
    -------
    DataFrame
        ``from_px, to_px`` (diameter; 0 and inf at the ends), ``voids, hits, recall``.
    """
    every = objects(truth, found, share=share, iou=iou)
    true = every[every["outcome"] != "false"]
    bounds = [0.0, *diameters_px, np.inf]
    size = np.digitize(2 * true["true_radius_px"], diameters_px)
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
            "false_finds": len(given) - hits,
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


def _match_frame(
    truth: pd.DataFrame,
    found: pd.DataFrame,
    true_rows: np.ndarray,
    found_rows: np.ndarray,
    share: float,
    iou: float | None,
) -> pd.DataFrame:
    """Matches within a frame, whose rows are given."""
    if not len(true_rows) or not len(found_rows):
        return _matches([], [], [])
    here, there = (t[["x_px", "y_px"]].to_numpy()[r] for t, r in ((truth, true_rows), (found, found_rows)))
    true_radius = truth["radius_px"].to_numpy()[true_rows]
    found_radius = found["radius_px"].to_numpy()[found_rows]
    reach = (
        np.maximum(share * true_radius, _LEAST_REACH_PX) if iou is None else true_radius + found_radius.max()
    )
    near = cKDTree(there).query_ball_point(here, reach)
    a = np.repeat(np.arange(len(here)), [len(n) for n in near])
    b = np.concatenate([np.asarray(n, np.int64) for n in near])
    distance = np.hypot(*(here[a] - there[b]).T)
    if iou is not None:
        enough = circle_iou(distance, true_radius[a], found_radius[b]) >= iou
        a, b, distance = a[enough], b[enough], distance[enough]
    chosen = _assign(a, b, distance, len(here), len(there))
    return _matches(true_rows[a[chosen]], found_rows[b[chosen]], distance[chosen])


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
