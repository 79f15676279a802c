"""Whether voids are bright or dark: what a few images speak for, by how much, and whether that decides it.

Each detection speaks for its contrast with the logarithm of the odds that it is a void, so that a few sure ones
outweigh many doubtful ones. A void out of focus has a Fresnel fringe of the opposite sign around it; dislocation
loops, precipitates and black dots are dark without one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from voidlab.segment.discs import Discs
from voidlab.tables.listing import number_of
from voidlab.tables.verdict import CHECK, GOOD

SURE = 0.5
_CLOSE = 0.6  # the weaker contrast over the stronger one, from which on nothing is decided
_LEAST_FRINGE = 0.12  # its share in a void's contrast: loops and dots have -0.1 to 0.05, voids 0.2 to 2
_FEW = 5  # detections, which alone do not say that the images are of bright field
_FAR_MORE = 10  # times as many voids in dark field as there are detections: then it may well be dark field
_MOST = 150  # voids whose fringe is looked at
_SHARE = 0.99  # a detection is never surer than this


@dataclass(frozen=True)
class Evidence:
    """What some images say: log-odds for bright and for dark voids, how many of each, and the fringes of dark.

    ``both`` is how many were detected as bright ones and as dark ones at one place, ``bright_fringes`` the fringes
    that the former have. ``if_dark_field`` is how many dark voids there would be if the images were of a dark-field
    detector: that is asked only of an image that does not decide by itself.
    """

    bright: float = 0.0
    dark: float = 0.0
    bright_count: int = 0
    dark_count: int = 0
    fringes: tuple[float, ...] = field(default=(), repr=False)
    both: int = 0
    bright_fringes: tuple[float, ...] = field(default=(), repr=False)
    if_dark_field: int = 0

    @property
    def decides(self) -> bool:
        """Whether it alone says which contrast the voids have, and that the image is of bright field."""
        return max(self.bright_count, self.dark_count) >= _FEW and choose([self]).verdict == GOOD

    @classmethod
    def of(cls, image: np.ndarray, bright: Discs, dark: Discs) -> Self:
        """Evidence of an ``image`` (H, W), from what was detected in it as bright voids and as dark ones."""
        bright, dark = bright.at_least(SURE), dark.at_least(SURE)
        # Around bubbles smaller than their fringe it is not where it is looked for.
        large = dark.where(dark.radius >= np.median(dark.radius)) if len(dark) else dark
        fringes = fringes_of(-np.asarray(image, np.float32), large)
        twice = bright.where(_beside(bright, dark))
        bright_fringes = fringes_of(np.asarray(image, np.float32), twice)
        for_bright, for_dark = (_log_odds(found.where(_whole(found, image))) for found in (bright, dark))
        of_dark = len(dark), tuple(fringes.tolist())
        return cls(for_bright, for_dark, len(bright), *of_dark, len(twice), tuple(bright_fringes.tolist()))

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(
            self.bright + other.bright,
            self.dark + other.dark,
            self.bright_count + other.bright_count,
            self.dark_count + other.dark_count,
            self.fringes + other.fringes,
            self.both + other.both,
            self.bright_fringes + other.bright_fringes,
            self.if_dark_field + other.if_dark_field,
        )


@dataclass(frozen=True)
class ContrastChoice:
    """Which contrast was chosen from images, and why; ``images`` is how many were looked at.

    Attributes
    ----------
    contrast : str
        "bright" or "dark".
    verdict : str
        "good", or "check" where the images do not decide it.
    bright_count, dark_count : int
        Detections of either contrast in the images looked at.
    reason : str
        What goes on from: the contrast is.
    undecided : bool
        Whether the detections do not tell which it is; else, if it is to be checked, the mode is in question.
    """

    contrast: str
    verdict: str
    bright_count: int
    dark_count: int
    reason: str
    images: int
    undecided: bool = False


def choose(evidence: Iterable[Evidence]) -> ContrastChoice:
    """The contrast that images speak for; the stronger one, to be checked, where they do not decide."""
    each = list(evidence)
    total = sum(each, Evidence())
    counts = (total.bright_count, total.dark_count)
    contrast = "bright" if (total.bright, counts[0]) >= (total.dark, counts[1]) else "dark"

    def choice(verdict: str, reason: str, *, undecided: bool = False) -> ContrastChoice:
        return ContrastChoice(contrast, verdict, *counts, reason, len(each), undecided)

    stronger, weaker, most = max(total.bright, total.dark), min(total.bright, total.dark), max(counts)
    said = _detections(*counts)
    set_it = "set segment.contrast to bright or dark if you know it"
    if not any(counts):
        nothing = "assumed: no void of either contrast was detected"
        hint = _if_dark_field(total, _FEW)
        return choice(CHECK if hint else GOOD, nothing + hint)
    if not stronger:
        return choice(CHECK, f"undecided: {said}, none of them whole in the images; {set_it}", undecided=True)
    if weaker >= _CLOSE * stronger:
        if total.both > most / 2 and _is_over_focus(total):
            contrast = "dark"
            return choice(
                GOOD, f"{said}, most of them the same: bright inside, with the bright fringe of over focus"
            )
        hint = _if_dark_field(total, most + 1)
        return choice(CHECK, f"undecided: {said}, about equally sure; {set_it}{hint}", undecided=True)
    if contrast == "dark" and not np.median(total.fringes) >= _LEAST_FRINGE:
        lacking = "the dark ones have no bright fringe, and neither have dislocation loops and precipitates"
        hint = _if_dark_field(total, most)
        return choice(CHECK, f"undecided: {said}; {lacking}; {set_it}{hint}", undecided=True)
    if hint := _if_dark_field(total, max(_FAR_MORE * most, _FEW)):
        return choice(CHECK, f"in question: {said}{hint}")
    return choice(GOOD, said)


def _if_dark_field(total: Evidence, least: int) -> str:
    """What would be voids if the images were not of bright field, where there are that many."""
    if total.if_dark_field < least:
        return ""
    return (
        f". Only if the images are of HAADF or another dark-field detector, {total.if_dark_field} dark spots in them "
        "are voids: then give microscope: {mode: HAADF}, else {mode: bright field}"
    )


def in_dark_field(evidence: Iterable[Evidence]) -> ContrastChoice:
    """The contrast in images of a dark-field detector: dark, to be checked where they speak for bright voids."""
    each = list(evidence)
    total = sum(each, Evidence())
    counts = (total.bright_count, total.dark_count)
    if total.bright > total.dark:
        reason = (
            "taken for dark, as voids are in images of a dark-field detector, but these hold "
            f"{_detections(*counts)}; give microscope: {{mode: bright field}} if they are of another, or set "
            "segment.contrast"
        )
        return ContrastChoice("dark", CHECK, *counts, reason, len(each), undecided=True)
    reason = f"dark, as voids are in images of a dark-field detector: {_detections(*counts)}"
    return ContrastChoice("dark", GOOD, *counts, reason, len(each))


def _detections(bright: int, dark: int) -> str:
    return f"{number_of(bright, 'detection')} as bright voids, {dark} as dark ones"


def _is_over_focus(total: Evidence) -> bool:
    """Whether the voids that are seen as bright and as dark ones have the fringe that dark ones have."""
    return bool(np.median(total.fringes) >= _LEAST_FRINGE > np.median(total.bright_fringes))


def _beside(these: Discs, others: Discs) -> np.ndarray:
    """Which of some discs have one of the others at their place."""
    if not len(others):
        return np.zeros(len(these), bool)
    away, _ = cKDTree(np.column_stack([others.x, others.y])).query(np.column_stack([these.x, these.y]))
    return np.asarray(away < np.maximum(3, these.radius / 2))


def fringes_of(image: np.ndarray, discs: Discs) -> np.ndarray:
    """How far the fringe around each of the surest bright voids dips below the background, over the void's contrast.

    Infinite where the inside is no brighter than the background: then the fringe is all there is.
    """
    known = np.isfinite(image)
    if not len(discs) or not known.any():
        return np.zeros(0)
    smooth = ndimage.gaussian_filter(np.where(known, image, np.median(image[known])), 0.7)
    surest = np.argsort(-discs.confidence, kind="stable")[:_MOST]
    circles = zip(discs.x[surest], discs.y[surest], discs.radius[surest], strict=True)
    return np.array([_fringe(smooth, x, y, max(radius, 2.5)) for x, y, radius in circles])


def _log_odds(discs: Discs) -> float:
    share = np.clip(discs.confidence, SURE, _SHARE)
    return float(np.log(share / (1 - share)).sum())


def _whole(discs: Discs, image: np.ndarray) -> np.ndarray:
    """Which discs lie wholly in what shows the specimen: what border, bar or box cuts may be the cut itself."""
    known = np.isfinite(image)
    row, column = (
        np.clip(np.round(at).astype(int), 0, side - 1) + 1
        for at, side in zip((discs.y, discs.x), image.shape, strict=True)
    )
    if known.all():  # as of most images: no map of distances is needed for how far the border is
        inside = np.min([row, column, image.shape[0] + 1 - row, image.shape[1] + 1 - column], axis=0)
        return np.asarray(inside > discs.radius)
    distance = ndimage.distance_transform_edt(np.pad(known, 1))
    return np.asarray(distance[row, column] > discs.radius)


def _fringe(image: np.ndarray, x: float, y: float, radius: float) -> float:
    reach = int(2.3 * radius) + 1
    rows, columns = (slice(max(round(at) - reach, 0), round(at) + reach + 1) for at in (y, x))
    part = image[rows, columns]
    ys, xs = np.ogrid[: part.shape[0], : part.shape[1]]
    share = np.hypot(ys + rows.start - y, xs + columns.start - x) / radius

    def grey(low: float, high: float) -> float:
        ring = part[(share >= low) & (share < high)]
        return float(np.median(ring)) if ring.size else np.inf

    background, inside = grey(1.65, 2.3), grey(0, 0.6)
    if not inside > background:  # nothing around it in the image, or a ring
        return np.inf
    darkest = min(grey(low, low + 0.15) for low in np.arange(0.75, 1.5, 0.15))
    return (background - darkest) / (inside - background)
