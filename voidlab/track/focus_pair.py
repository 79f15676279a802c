"""Two images of one field, under focus and over it: which voids are seen in both, and their radii from both.

A void is bright under focus and dark over it. What only one of the images shows is doubtful.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from voidlab import tables
from voidlab.images.errors import ImagesError
from voidlab.tables.matching import cheapest_pairs
from voidlab.tables.size_basis import NOT_A_SIZE

BOTH, UNDER_ONLY, OVER_ONLY, OUTSIDE = "both", "under only", "over only", "outside the other"
_LEAST_REACH_PX, _REACH = 3.0, 0.5  # of a void's own radius
_LEAST_MATCHED = 2
_BY_CHANCE = 3.0  # times as many as lie together by chance
_ROUNDS = 3

Reach = float | Literal["auto"]


@dataclass(frozen=True)
class Matched:
    """The voids of a pair.

    Attributes
    ----------
    table : DataFrame
        Table ``focus_pair``.
    shift_px : tuple of float
        Where the image over focus has what the one under focus has at the origin: x, y.
    ratio, ratio_sigma : float
        Radius over focus over that under focus: median of the voids that are seen in both and have a size in both,
        and its standard error. NaN of none.
    """

    table: pd.DataFrame
    shift_px: tuple[float, float]
    ratio: float
    ratio_sigma: float


def pair_of_series(
    voids: pd.DataFrame, drift: pd.DataFrame, shape: tuple[int, int], *, reach_px: Reach = "auto"
) -> Matched:
    """`match_pair` of the tables ``voids`` and ``drift``; the first frame is over focus, the last under it."""
    first, last = sorted(drift["frame"])
    at = drift.set_index("frame")[["drift_x_px", "drift_y_px"]]
    shift = at.loc[first] - at.loc[last]
    under, over = (voids[voids["frame"] == frame].reset_index(drop=True) for frame in (last, first))
    return match_pair(under, over, (shift["drift_x_px"], shift["drift_y_px"]), shape, reach_px=reach_px)


def match_pair(
    under: pd.DataFrame,
    over: pd.DataFrame,
    shift_px: tuple[float, float],
    shape: tuple[int, int],
    *,
    reach_px: Reach = "auto",
) -> Matched:
    """Match the voids of two images of one field, one to one.

    Parameters
    ----------
    under, over : DataFrame
        Table ``voids`` of the image under focus and of the one over it.
    shift_px
        Where the image over focus has what the one under focus has at the origin, about: x, y.
    shape
        (H, W) of both, px.
    reach_px
        Furthest that the two images of a void may lie apart; "auto": half its radius, at least 3 px.

    Raises
    ------
    ImagesError
        If no more voids lie together than by chance.
    """
    shift = np.nan_to_num(np.asarray(shift_px, float))  # of images without a common void it is not known
    for _ in range(_ROUNDS):
        i, j, by_chance = _match(under, over, shift, shape, reach_px)
        if not len(i):
            break
        shift = shift + np.median(_places(over)[j] - shift - _places(under)[i], axis=0)
    if len(i) < max(_LEAST_MATCHED, _BY_CHANCE * by_chance):
        raise ImagesError(
            f"the images are no pair: of {len(under)} voids under focus and {len(over)} over focus {len(i)} lie "
            f"in the same places when one is moved by {shift[0]:.0f}, {shift[1]:.0f} px (right, down); "
            f"{by_chance:.1f} would by chance, and at least {_LEAST_MATCHED} are expected. Do both files show one "
            "field, at one magnification and not turned? Are voids found in both? Look at the overlays of the stage "
            "segment, and at the drift."
        )
    table = _table(under, over, i, j, shift, shape)
    sized = table.dropna(subset=["radius_sigma_px"])
    sized = sized[(sized["seen_in"] == BOTH) & (sized["sizes"] == 2)]
    ratio = (sized["radius_over_px"] / sized["radius_under_px"]).to_numpy(float)
    sigma = 1.2533 * 1.4826 * float(np.median(np.abs(ratio - np.median(ratio)))) if len(ratio) > 1 else np.nan
    middle = float(np.median(ratio)) if len(ratio) else np.nan
    return Matched(
        tables.select(table, "focus_pair"),
        (float(shift[0]), float(shift[1])),
        middle,
        sigma / max(len(ratio), 1) ** 0.5,
    )


def _places(voids: pd.DataFrame) -> np.ndarray:
    return voids[["x_px", "y_px"]].to_numpy(float)


def _match(
    under: pd.DataFrame, over: pd.DataFrame, shift: np.ndarray, shape: tuple[int, int], reach_px: Reach
) -> tuple[np.ndarray, np.ndarray, float]:
    """Rows of both that are one void, and how many would lie together by chance."""
    if under.empty or over.empty:
        return np.zeros(0, int), np.zeros(0, int), 0.0
    here, there = _places(under), _places(over) - shift
    radius = under["radius_px"].to_numpy(float)
    reach = (
        np.maximum(_LEAST_REACH_PX, _REACH * radius) if reach_px == "auto" else np.full(len(here), reach_px)
    )
    near = KDTree(there).query_ball_point(here, reach)
    i = np.repeat(np.arange(len(here)), [len(each) for each in near])
    j = np.concatenate([np.asarray(each, int) for each in near]) if len(i) else np.zeros(0, int)
    distance = np.hypot(*(here[i] - there[j]).T)
    size = np.abs(np.log(over["radius_px"].to_numpy(float)[j] / radius[i]))
    taken = cheapest_pairs(i, j, distance / reach[i] + size, unpaired=10.0)
    by_chance = float((np.pi * reach**2).sum() * len(there) / (shape[0] * shape[1]))
    return i[taken], j[taken], by_chance


def _table(
    under: pd.DataFrame,
    over: pd.DataFrame,
    i: np.ndarray,
    j: np.ndarray,
    shift: np.ndarray,
    shape: tuple[int, int],
) -> pd.DataFrame:
    """A row per void of either image, at its place in the one under focus."""
    left = np.setdiff1d(np.arange(len(under)), i), np.setdiff1d(np.arange(len(over)), j)
    rows_under = np.concatenate([i, left[0], np.full(len(left[1]), -1)]).astype(int)
    rows_over = np.concatenate([j, np.full(len(left[0]), -1), left[1]]).astype(int)
    columns = {
        f"{name}_{side}": _of_rows(voids[column], rows)
        for side, voids, rows in (("under", under, rows_under), ("over", over, rows_over))
        for name, column in _TAKEN.items()
    }
    table = pd.DataFrame(columns)
    for axis, moved in zip("xy", shift, strict=True):
        both = np.stack([table[f"{axis}_under"], table[f"{axis}_over"] - moved])
        table[f"{axis}_px"] = np.nanmean(both, axis=0)
    one = np.where(rows_over < 0, UNDER_ONLY, OVER_ONLY)
    elsewhere = np.where(
        rows_over < 0,
        _outside(table["x_px"] + shift[0], table["y_px"] + shift[1], shape),
        _outside(table["x_px"], table["y_px"], shape),
    )
    both_seen = (rows_under >= 0) & (rows_over >= 0)
    table["seen_in"] = np.where(both_seen, BOTH, np.where(elsewhere, OUTSIDE, one))
    table = table.assign(**_radii(table)).sort_values(["y_px", "x_px"], ignore_index=True)
    return table.rename(columns=_NAMES).assign(
        void=np.arange(1, len(table) + 1),
        label_under=table["label_under"].astype("Int64"),
        label_over=table["label_over"].astype("Int64"),
    )


_TAKEN = {
    "label": "label",
    "x": "x_px",
    "y": "y_px",
    "radius": "radius_px",
    "sigma": "radius_sigma_px",
    "shared": "radius_shared_sigma_px",
    "basis": "size_basis",
    "confidence": "confidence",
}
_NAMES = {"radius_under": "radius_under_px", "radius_over": "radius_over_px"}


def _of_rows(values: pd.Series, rows: np.ndarray) -> np.ndarray:
    """Of each row its value; of none, −1, a missing one."""
    if not len(values):
        return np.full(len(rows), np.nan)
    taken = values.to_numpy()[np.maximum(rows, 0)]
    return np.where(rows >= 0, taken, "") if taken.dtype == object else np.where(rows >= 0, taken, np.nan)


def _outside(x: pd.Series, y: pd.Series, shape: tuple[int, int]) -> np.ndarray:
    height, width = shape
    return ((x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)).to_numpy()


def _radii(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Radius from both images, each by what it is sure of; what all voids share is no smaller for that."""
    radius, sigma, shared = (
        table[[f"{name}_under", f"{name}_over"]].to_numpy(float) for name in ("radius", "sigma", "shared")
    )
    is_size = np.isfinite(sigma) & (table[["basis_under", "basis_over"]] != NOT_A_SIZE).to_numpy()
    own = np.sqrt(np.maximum(sigma**2 - np.nan_to_num(shared) ** 2, 0))
    weight = np.where(is_size, 1 / np.maximum(sigma, 1e-9) ** 2, 0.0)
    none = weight.sum(axis=1) == 0
    seen = np.where(none[:, None], np.isfinite(radius), weight)
    part = seen / np.maximum(seen.sum(axis=1, keepdims=True), 1e-30)
    common = (part * np.nan_to_num(shared)).sum(axis=1)
    error = np.hypot(common, np.sqrt((part**2 * np.nan_to_num(own) ** 2).sum(axis=1)))
    return {
        "radius_px": (part * np.nan_to_num(radius)).sum(axis=1),
        "radius_sigma_px": np.where(none, np.nan, error),
        "sizes": is_size.sum(axis=1),
    }
