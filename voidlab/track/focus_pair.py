"""Two images of one field, under focus and over it: which voids are seen in both, and their radii from both.

A void is bright under focus and dark over it. What only one of the images shows is doubtful. Where the beam is not
quite parallel an image over focus is magnified more than one under it, by some per cent.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy.spatial import KDTree
from scipy.special import pdtrc

from voidlab import tables
from voidlab.images.errors import ImagesError
from voidlab.tables.focus import is_pair
from voidlab.tables.listing import number_of
from voidlab.tables.matching import cheapest_pairs
from voidlab.tables.size_basis import NOT_A_SIZE
from voidlab.tables.units import IN_PX, HasPixelSize, unit_of
from voidlab.track.similarity import Similarity, likeliest, tried_shifts

BOTH, UNDER_ONLY, OVER_ONLY, OUTSIDE = "both", "under only", "over only", "outside the other"
_LEAST_REACH_PX, _REACH = 3.0, 0.5  # of a void's own radius
_LEAST_MATCHED = 2
_BY_LUCK = 0.01  # probability that images of two fields are taken for a pair
_ROUNDS = 10  # at most; mostly the second changes nothing
_SIGMA_OF_CORRELATION_PX = 1.5  # per axis, in 19 pairs of real micrographs; it says less

Reach = float | Literal["auto"]


@dataclass(frozen=True)
class Matched:
    """The voids of a pair.

    Attributes
    ----------
    table : DataFrame
        Table ``focus_pair``.
    move : Similarity
        Where the image over focus has what the one under focus shows.
    shift_sigma_px : float
        Standard error of its shift, per axis.
    ratio, ratio_sigma : float
        Radius over focus, divided by the magnification, over that under focus: median of the voids that are seen in
        both and have a size in both, and its standard error. NaN of none.
    """

    table: pd.DataFrame
    move: Similarity
    shift_sigma_px: float
    ratio: float
    ratio_sigma: float

    @property
    def shift_px(self) -> tuple[float, float]:
        """By how much the middle of the image lies elsewhere over focus than under it: x, y."""
        return float(self.move.shift[0]), float(self.move.shift[1])


def pair_of_series(
    voids: pd.DataFrame, drift: pd.DataFrame, shape: tuple[int, int], *, reach_px: Reach = "auto"
) -> Matched:
    """`match_pair` of the tables ``voids`` and ``drift``; the first frame is over focus, the last under it.

    The shift between them is that of the ``drift``, see `drift_of_pair`: there is one.
    """
    under, over, shift = _of_series(voids, drift)
    known = bool(np.isfinite(shift).all())
    found = match_pair(under, over, shift, shape, reach_px=reach_px, shift_is_known=known)
    return replace(found, shift_sigma_px=float(drift["drift_sigma_px"].max())) if known else found


def drift_of_pair(
    drift: pd.DataFrame,
    voids: pd.DataFrame,
    frames: pd.DataFrame,
    shape: tuple[int, int],
    calibration: HasPixelSize = IN_PX,
) -> tuple[pd.DataFrame, str]:
    """Table ``drift`` of a focus pair by the voids that both images show, and a sentence on it.

    What is bright in one image is dark in the other, which misleads a correlation by more than it says. Where the
    voids tell less, as they are few or scatter, its shift stays, with an error that is true of such pairs. Of any
    other series the ``drift`` stays as it was.
    """
    if not is_pair(frames):
        return drift, ""
    under, over, correlated = _of_series(voids, drift)
    sigma = np.fmax(float(drift["drift_sigma_px"].max()), _SIGMA_OF_CORRELATION_PX)
    shift, how, magnified = (
        correlated,
        "by correlation; no voids lie together, so it is not to be trusted",
        "",
    )
    try:
        found = match_pair(under, over, correlated, shape)
    except ImagesError:
        pass
    else:
        both = int((found.table["seen_in"] == BOTH).sum())
        magnified = (
            f" It is magnified by {found.move.magnification:.3f} and turned by {found.move.angle_deg:+.1f}° "
            "(clockwise): away from the middle voids lie elsewhere by that, too."
        )
        rest = f"by the {number_of(both, 'void')} that both show"
        if found.shift_sigma_px < sigma or not np.isfinite(correlated).all():
            by_correlation = f"; it would be {_shown(correlated, None, calibration)} by correlation"
            how = rest + (by_correlation if np.isfinite(correlated).all() else "")
            shift, sigma = found.shift_px, found.shift_sigma_px
        else:
            by_voids = _shown(found.shift_px, found.shift_sigma_px, calibration)
            how = f"by correlation; it would be {by_voids} {rest}"
    said = (
        f"Over focus the middle of the image lies at {_shown(shift, sigma, calibration)} (right, down) of where it "
        f"is under focus, {how}.{magnified}"
    )
    return _with_shift(drift, shift, float(sigma)), said


def _of_series(
    voids: pd.DataFrame, drift: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[float, float]]:
    """The voids under focus and over it, and the shift from there to here."""
    first, last = sorted(drift["frame"])
    at = drift.set_index("frame")[["drift_x_px", "drift_y_px"]]
    x, y = (at.loc[first] - at.loc[last]).tolist()
    under, over = (voids[voids["frame"] == frame].reset_index(drop=True) for frame in (last, first))
    return under, over, (x, y)


def _with_shift(drift: pd.DataFrame, shift: tuple[float, float], sigma: float) -> pd.DataFrame:
    """Table ``drift`` of two frames with this shift between them; its reference stays at rest."""
    if not np.isfinite(shift).all():
        return drift
    is_over = (drift["frame"] == drift["frame"].min()).to_numpy()
    still = is_over == bool((drift.loc[is_over, "flag"] == "reference").any())
    sign = np.where(still, 0.0, np.where(is_over, 1.0, -1.0))
    return drift.assign(
        drift_x_px=sign * shift[0],
        drift_y_px=sign * shift[1],
        drift_sigma_px=np.where(still, 0.0, sigma),
        flag=np.where(still, "reference", ""),
    )


def _shown(shift: tuple[float, float], sigma: float | None, calibration: HasPixelSize) -> str:
    """x and y of a shift as they are read, to two digits of its error, where none is given to a tenth of a pixel."""
    size, unit = unit_of(calibration)
    digits = max(1 - math.floor(math.log10((sigma or 1) * size)), 1)
    x, y = (f"{value * size:.{digits}f}" for value in shift)
    return f"{x}, {y} {unit}" if sigma is None else f"{x}, {y} ± {sigma * size:.{digits}f} {unit}"


def match_pair(
    under: pd.DataFrame,
    over: pd.DataFrame,
    shift_px: tuple[float, float],
    shape: tuple[int, int],
    *,
    reach_px: Reach = "auto",
    shift_is_known: bool = False,
) -> Matched:
    """Match the voids of two images of one field, one to one.

    Parameters
    ----------
    under, over : DataFrame
        Table ``voids`` of the image under focus and of the one over it.
    shift_px
        By how much the middle of the image lies elsewhere over focus, about: x, y.
    shift_is_known
        Take it as it is; else it becomes that of the matched voids.
    shape
        (H, W) of both, px.
    reach_px
        Furthest that the two images of a void may lie apart; "auto": half its radius, at least 3 px.

    Raises
    ------
    ImagesError
        If no more voids lie together than by chance.
    """
    height, width = shape
    shift = np.nan_to_num(np.asarray(shift_px, float))  # of images without a common void it is not known
    move = Similarity(((width - 1) / 2, (height - 1) / 2), shift)
    move = likeliest(
        _places(under), _places(over), move, _LEAST_REACH_PX, height * width, shift_is_known=shift_is_known
    )
    for _ in range(_ROUNDS):
        i, j, by_chance = _match(under, over, move, shape, reach_px)
        here, there = _places(under)[i], _places(over)[j]
        moved = move.fitted_to(here, there, shift_is_known=shift_is_known)
        if np.allclose(moved.of(here), move.of(here), atol=1e-3, rtol=0):
            break
        move = moved
    least = _least_matched(by_chance, 1 if shift_is_known else tried_shifts(_LEAST_REACH_PX))
    if len(i) < least:
        raise ImagesError(
            f"the images are no pair: of {number_of(len(under), 'void')} under focus and {len(over)} over focus "
            f"{len(i)} lie in the same places when one is moved by {move.shift[0]:.0f}, {move.shift[1]:.0f} px "
            f"(right, down). By chance {by_chance:.1f} would, and more at the best of many shifts: at least "
            f"{least} are expected. Do both files show one field, at one magnification to 6 % and turned by "
            "less than half a degree? Are voids found in both? Look at the overlays of the stage segment, and "
            "at the drift."
        )
    table = _table(under, over, i, j, move, shape)
    sized = table.dropna(subset=["radius_sigma_px"])
    sized = sized[(sized["seen_in"] == BOTH) & (sized["sizes"] == 2)]
    ratio = (sized["radius_over_px"] / sized["radius_under_px"]).to_numpy(float) / move.magnification
    sigma = 1.2533 * 1.4826 * float(np.median(np.abs(ratio - np.median(ratio)))) if len(ratio) > 1 else np.nan
    middle = float(np.median(ratio)) if len(ratio) else np.nan
    return Matched(
        tables.select(table, "focus_pair"),
        move,
        move.shift_sigma_px(here, there),
        middle,
        sigma / max(len(ratio), 1) ** 0.5,
    )


def _least_matched(by_chance: float, tries: float) -> int:
    """How many voids must lie together to be more than the best of some tries at random."""
    least = _LEAST_MATCHED
    while tries * pdtrc(least - 1, by_chance) > _BY_LUCK:
        least += 1
    return least


def _places(voids: pd.DataFrame) -> np.ndarray:
    return voids[["x_px", "y_px"]].to_numpy(float)


def _match(
    under: pd.DataFrame, over: pd.DataFrame, move: Similarity, shape: tuple[int, int], reach_px: Reach
) -> tuple[np.ndarray, np.ndarray, float]:
    """Rows of both that are one void, and how many would lie together by chance."""
    if under.empty or over.empty:
        return np.zeros(0, int), np.zeros(0, int), 0.0
    here, there = _places(under), move.back(_places(over))
    radius = under["radius_px"].to_numpy(float)
    reach = (
        np.maximum(_LEAST_REACH_PX, _REACH * radius) if reach_px == "auto" else np.full(len(here), reach_px)
    )
    near = KDTree(there).query_ball_point(here, reach)
    i = np.repeat(np.arange(len(here)), [len(each) for each in near])
    j = np.concatenate([np.asarray(each, int) for each in near]) if len(i) else np.zeros(0, int)
    distance = np.hypot(*(here[i] - there[j]).T)
    size = np.abs(np.log(over["radius_px"].to_numpy(float)[j] / (move.magnification * radius[i])))
    taken = cheapest_pairs(i, j, distance / reach[i] + size, unpaired=10.0)
    by_chance = float((np.pi * reach**2).sum() * len(there) / (shape[0] * shape[1]))
    return i[taken], j[taken], by_chance


def _table(
    under: pd.DataFrame,
    over: pd.DataFrame,
    i: np.ndarray,
    j: np.ndarray,
    move: Similarity,
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
    back = move.back(table[["x_over", "y_over"]].to_numpy(float))
    for axis, there in zip("xy", back.T, strict=True):
        table[f"{axis}_px"] = np.nanmean(np.stack([table[f"{axis}_under"], there]), axis=0)
    moved = move.of(table[["x_px", "y_px"]].to_numpy(float)).T
    one = np.where(rows_over < 0, UNDER_ONLY, OVER_ONLY)
    elsewhere = np.where(
        rows_over < 0,
        _outside(moved[0], moved[1], shape),
        _outside(table["x_px"].to_numpy(), table["y_px"].to_numpy(), shape),
    )
    both_seen = (rows_under >= 0) & (rows_over >= 0)
    table["seen_in"] = np.where(both_seen, BOTH, np.where(elsewhere, OUTSIDE, one))
    table = table.assign(**_radii(table, move.magnification)).sort_values(["y_px", "x_px"], ignore_index=True)
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
_NAMES = {
    "radius_under": "radius_under_px",
    "radius_over": "radius_over_px",
    "basis_under": "size_basis_under",
    "basis_over": "size_basis_over",
}


def _of_rows(values: pd.Series, rows: np.ndarray) -> np.ndarray:
    """Of each row its value; of none, −1, a missing one."""
    if not len(values):
        return np.full(len(rows), np.nan)
    taken = values.to_numpy()[np.maximum(rows, 0)]
    return np.where(rows >= 0, taken, "") if taken.dtype == object else np.where(rows >= 0, taken, np.nan)


def _outside(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    height, width = shape
    return np.asarray((x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5))


def _radii(table: pd.DataFrame, magnification: float) -> dict[str, np.ndarray]:
    """Radius from both images, px under focus, each by what it is sure of; what voids share is no smaller for it."""
    radius, sigma, shared = (
        table[[f"{name}_under", f"{name}_over"]].to_numpy(float) / [1, magnification]
        for name in ("radius", "sigma", "shared")
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
