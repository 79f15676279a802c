"""The scores of tracking that others use, each with its definition and a bootstrap interval.

Links, complete tracks, purity and fragments say how good the linking is; alpha, beta, the Jaccard similarities and
the RMSE are those of the ISBI particle tracking challenge, which count missed and false detections too. Always say
which gate was used: scores of different ones are not to be compared.
"""

import numpy as np
import pandas as pd

from voidlab.scores.matching import match_voids
from voidlab.tables.matching import cheapest_pairs

LEAST_FRAMES = 4
DEFINITIONS = {
    "link_precision": "share of the found links that join a true void to its next detection",
    "link_recall": "share of the true links, from a detected void to its next detection, that were found",
    "link_jsc": "links found and true / links found or true",
    "complete": f"share of the true tracks of {LEAST_FRAMES} detections or more all of whose links were found",
    "purity": "share of the detections in found tracks of two or more that are of their track's main true void",
    "fragments": f"found tracks and single detections per true track of {LEAST_FRAMES} detections or more",
    "alpha": "1 − d(X, Y) / d(X, ∅): 1 when all tracks lie on true ones, 0 when no position does",
    "beta": "as alpha, less what tracks that are paired with no true one cost: beta ≤ alpha",
    "jsc": "positions of paired tracks within the gate / these, the missed and the false positions",
    "jsc_tracks": "paired tracks / paired, missed and false tracks",
    "rmse_px": "root of the mean squared distance of the positions within the gate",
    "merge_precision": "share of the found mergers with the right two parents within so many frames",
    "merge_recall": "share of the true mergers that were found so",
    "merge_f1": "harmonic mean of the two",
}


def score_tracks(truth: pd.DataFrame, found: pd.DataFrame, *, share: float = 0.5) -> pd.Series:
    """Score the links of found tracks against true ones.

    Voids are matched first, see `match_voids`; linking is then judged on the voids that were found, so that what a
    segmenter missed is not held against the linker. A link joins a void to the next of its track, in whatever frame.

    Parameters
    ----------
    truth, found : DataFrame
        ``frame, x_px, y_px, radius_px, particle``; ``particle`` is missing where a void is in no track.

    Returns
    -------
    Series
        ``link_jsc, link_precision, link_recall, complete, purity, fragments``, see `DEFINITIONS`; NaN where a ratio
        has no ground.
    """
    units = _link_units(found, _names(truth, found, share))
    return pd.Series({name: float(value) for name, value in _link_ratios(_sums(units)).items()})


def score_tracks_in_full(
    truth: pd.DataFrame,
    found: pd.DataFrame,
    *,
    share: float = 0.5,
    gate_px: float = 5.0,
    mergers: tuple[pd.DataFrame, pd.DataFrame] | None = None,
    merge_frames: int = 3,
    resamples: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """All scores of found tracks against true ones, with 95 % intervals.

    Parameters
    ----------
    truth, found : DataFrame
        ``frame, x_px, y_px, radius_px, particle``; ``particle`` is missing where a void is in no track.
    share
        What a detected void is, see `voidlab.scores.match_voids`; links are judged on detected voids only.
    gate_px
        Distance from which on the challenge's scores count a position as missed.
    mergers
        True and found ones: ``frame, parent_a, parent_b``; None: not scored.
    merge_frames
        A merger found so many frames off, and with the right parents, counts.
    resamples
        Bootstrap samples: over true tracks, together with the false ones; over mergers.

    Notes
    -----
    In the challenge's scores two tracks without a position within the gate of each other are never paired; where
    pairing two costs just as much as pairing none, they are.

    Raises
    ------
    ValueError
        If a particle stands twice in a frame.

    Returns
    -------
    DataFrame
        Indexed by score, see `DEFINITIONS`: ``value, low, high`` (95 %) and ``meaning``. NaN where a ratio has no
        ground.

    References
    ----------
    Chenouard et al., Nat. Methods 11, 281 (2014), doi:10.1038/nmeth.2808
    """
    for said, table in (("truth", truth), ("found", found)):
        twice = int(table.dropna(subset=["particle"]).duplicated(["particle", "frame"]).sum())
        if twice:
            raise ValueError(f"{said}: {twice} rows give a particle a second void in the same frame.")
    names = _names(truth, found, share)
    parts = [
        (_link_units(found, names), _link_ratios),
        (_position_units(truth, found, gate_px), _position_ratios),
    ]
    if mergers is not None:
        parts.append((_merge_units(*mergers, found, names, merge_frames), _merge_ratios))
    random = np.random.default_rng(seed)
    rows = []
    for units, ratios in parts:
        values = ratios(_sums(units))
        even = np.full(max(len(units), 1), 1 / max(len(units), 1))
        drawn = random.multinomial(len(units), even, resamples)
        sums = drawn[:, : len(units)] @ units.to_numpy(float)
        spread = ratios(dict(zip(units.columns, sums.T, strict=True)))
        for name, value in values.items():
            known = spread[name][np.isfinite(spread[name])]
            low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
            rows.append((name, float(value), low, high, DEFINITIONS[name]))
    table = pd.DataFrame(rows, columns=["score", "value", "low", "high", "meaning"])
    return table.set_index("score")


def _names(truth: pd.DataFrame, found: pd.DataFrame, share: float) -> pd.Series:
    """True particle of every row of ``found``, by its position; missing where it is false."""
    matches = match_voids(truth, found, share=share)
    names = pd.Series(pd.NA, index=range(len(found)), dtype="Int64")
    names[matches["found"]] = truth["particle"].astype("Int64").to_numpy()[matches["truth"]]
    return names


def _link_units(found: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """What each true track, and each false one, adds to the sums of links and detections."""
    rows = pd.DataFrame({"frame": found["frame"].to_numpy(), "true": names})
    rows["found"] = found["particle"].astype("Int64").to_numpy()
    # A detection belongs to its true track, a false one to the track it was put in.
    false = rows["true"].isna()
    unit = 2 * rows["true"].where(~false, rows["found"]).fillna(-1).astype("int64") + false
    code = pd.factorize(unit)[0]
    count = int(code.max(initial=-1)) + 1
    true_links, found_links = _links(rows, "true"), _links(rows, "found")
    common = np.isin(true_links @ [len(rows), 1], found_links @ [len(rows), 1])
    whole = ~np.isin(np.arange(count), code[true_links[~common, 0]])
    tracked = rows["true"].notna().to_numpy()
    size = np.bincount(code[tracked], minlength=count)
    long = size >= LEAST_FRAMES
    pieces = rows[tracked].assign(code=code[tracked])
    single = pieces["found"].isna().groupby(pieces["code"]).sum()
    tracks = pieces.groupby("code")["found"].nunique()
    parts = (tracks + single).reindex(range(count)).fillna(0).to_numpy(float)
    several = rows.groupby("found")["found"].transform("size").ge(2).fillna(False).to_numpy(bool)
    linked = several & rows["found"].notna().to_numpy()
    # A track in which two true voids are as frequent has one main one all the same.
    often = rows[linked & tracked].groupby(["found", "true"]).size().reset_index(name="rows")
    often = often.sort_values("rows", ascending=False, kind="stable").drop_duplicates("found")
    main = dict(zip(often["found"], often["true"], strict=True))
    pure = (
        linked
        & tracked
        & (rows["found"].map(main).astype("Int64") == rows["true"]).fillna(False).to_numpy(bool)
    )
    return pd.DataFrame(
        {
            "true_links": np.bincount(code[true_links[:, 0]], minlength=count),
            "found_links": np.bincount(code[found_links[:, 0]], minlength=count),
            "common": np.bincount(code[true_links[common, 0]], minlength=count),
            "long": long,
            "whole": long & whole,
            "pieces": np.where(long, parts, 0),
            "linked": np.bincount(code, linked, minlength=count),
            "pure": np.bincount(code, pure, minlength=count),
        }
    ).astype(float)


def _links(rows: pd.DataFrame, by: str) -> np.ndarray:
    """Row numbers (n, 2) that follow each other in a track, the earlier first."""
    ordered = rows[rows[by].notna()].sort_values([by, "frame"], kind="stable")
    same = (ordered[by].to_numpy()[1:] == ordered[by].to_numpy()[:-1]).astype(bool)
    number = ordered.index.to_numpy(np.int64)
    return np.stack([number[:-1][same], number[1:][same]], axis=1)


def _position_units(truth: pd.DataFrame, found: pd.DataFrame, gate: float) -> pd.DataFrame:
    """What each true track, and each one paired with none, adds to the challenge's sums."""
    true, given = truth.dropna(subset=["particle"]), found.dropna(subset=["particle"])
    codes, given_codes = pd.factorize(true["particle"])[0], pd.factorize(given["particle"])[0]
    length, given_length = np.bincount(codes), np.bincount(given_codes)
    columns = ["frame", "x_px", "y_px"]
    both = true[columns].assign(a=codes).merge(given[columns].assign(b=given_codes), on="frame")
    both["distance"] = np.hypot(both["x_px_x"] - both["x_px_y"], both["y_px_x"] - both["y_px_y"])
    both["near"] = both["distance"] < gate
    both["saved"] = (gate - both["distance"]).clip(lower=0)
    both["square"] = np.where(both["near"], both["distance"] ** 2, 0.0)
    pairs = both.groupby(["a", "b"]).agg(
        frames=("frame", "size"), near=("near", "sum"), saved=("saved", "sum"), square=("square", "sum")
    )
    pairs = pairs.reset_index()
    # What pairing the two costs less than pairing the true track with none.
    pairs["gain"] = pairs["saved"] - gate * (given_length[pairs["b"].to_numpy(np.int64)] - pairs["frames"])
    pairs = _best(pairs[(pairs["gain"] >= 0) & (pairs["near"] > 0)])
    of_true = pairs.set_index("a").reindex(range(len(length))).fillna(0.0)
    partner = np.append(given_length, 0)[
        pairs.set_index("a")["b"].reindex(range(len(length))).fillna(-1).to_numpy(np.int64)
    ]
    lost = np.setdiff1d(np.arange(len(given_length)), pairs["b"])
    units = pd.DataFrame(
        {
            "nothing": gate * length,
            "distance": gate * length - of_true["gain"],
            "hits": of_true["near"],
            "misses": length - of_true["near"],
            "false": partner - of_true["near"],
            "square": of_true["square"],
            "paired": (of_true["near"] > 0).astype(float),
            "missed_tracks": (of_true["near"] == 0).astype(float),
        }
    )
    false = pd.DataFrame(
        {"spurious": gate * given_length[lost], "false": given_length[lost], "false_tracks": 1.0}
    )
    return pd.concat([units, false], ignore_index=True).fillna(0.0).astype(float)


def _best(pairs: pd.DataFrame) -> pd.DataFrame:
    """The rows that pair each track ``a`` and ``b`` once at most, with the largest sum of ``gain``."""
    a, b, gain = (pairs[name].to_numpy() for name in ("a", "b", "gain"))
    # Where pairing two tracks gains nothing, they are paired all the same.
    return pairs.iloc[cheapest_pairs(a, b, -gain, unpaired=1e-12 * (gain.max(initial=0) + 1))]


def _merge_units(
    true: pd.DataFrame, found: pd.DataFrame, detections: pd.DataFrame, names: pd.Series, frames: int
) -> pd.DataFrame:
    """A row per merger, true or false: whether it is true, found, or both."""
    rows = pd.DataFrame({"found": detections["particle"].astype("Int64").to_numpy(), "true": names})
    name_of = rows.dropna().groupby("found")["true"].agg(lambda values: values.mode().iloc[0]).to_dict()
    columns = ["frame", "parent_a", "parent_b"]
    left = [(when, {a, b}) for when, a, b in true[columns].to_numpy(np.int64).tolist()]
    hits = 0
    for when, a, b in found[columns].to_numpy(np.int64).tolist():
        parents = {name_of.get(a), name_of.get(b)}
        fits = [known for known in left if known[1] == parents and abs(known[0] - when) <= frames]
        if fits:
            off = [abs(known[0] - when) for known in fits]
            left.remove(fits[off.index(min(off))])
            hits += 1
    kinds = [(1, 1, 1)] * hits + [(1, 0, 0)] * (len(true) - hits) + [(0, 1, 0)] * (len(found) - hits)
    return pd.DataFrame(kinds, columns=["true", "found", "hit"], dtype=float)


Sums = dict[str, np.ndarray]


def _sums(units: pd.DataFrame) -> Sums:
    return {str(name): np.asarray(total) for name, total in units.sum().items()}


def _link_ratios(sums: Sums) -> Sums:
    either = sums["true_links"] + sums["found_links"] - sums["common"]
    return {
        "link_jsc": _ratio(sums["common"], either),
        "link_precision": _ratio(sums["common"], sums["found_links"]),
        "link_recall": _ratio(sums["common"], sums["true_links"]),
        "complete": _ratio(sums["whole"], sums["long"]),
        "purity": _ratio(sums["pure"], sums["linked"]),
        "fragments": _ratio(sums["pieces"], sums["long"]),
    }


def _position_ratios(sums: Sums) -> Sums:
    saved = sums["nothing"] - sums["distance"]
    return {
        "alpha": _ratio(saved, sums["nothing"]),
        "beta": _ratio(saved, sums["nothing"] + sums["spurious"]),
        "jsc": _ratio(sums["hits"], sums["hits"] + sums["misses"] + sums["false"]),
        "jsc_tracks": _ratio(sums["paired"], sums["paired"] + sums["missed_tracks"] + sums["false_tracks"]),
        "rmse_px": np.sqrt(_ratio(sums["square"], sums["hits"])),
    }


def _merge_ratios(sums: Sums) -> Sums:
    return {
        "merge_precision": _ratio(sums["hit"], sums["found"]),
        "merge_recall": _ratio(sums["hit"], sums["true"]),
        "merge_f1": _ratio(2 * sums["hit"], sums["found"] + sums["true"]),
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(whole) > 0, np.divide(part, whole), np.nan)
