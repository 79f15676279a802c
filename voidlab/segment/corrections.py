"""How edits by hand act on voids and label images, in pure functions; those of tracks: `voidlab.track.corrections`.

A deleted void keeps its row, flagged in ``corrected``; what an edit makes gets a row of its own. An edit that no
longer fits (the void is gone, the pixels are taken) changes nothing and is given back with the reason. Edits are of
voids: loops and dots stay as they were detected, but in a frame marked as bad.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from voidlab import tables
from voidlab.measure import measure_voids
from voidlab.project.apply_edits import NoFit, find_void, why_not
from voidlab.project.edits import (
    AddVoid,
    BadFrame,
    DeleteVoid,
    MergeVoids,
    MoveVoid,
    RedrawVoid,
    SplitVoid,
    VoidEdit,
    frame_of,
)
from voidlab.project.spots import Ellipse, Run, Spot
from voidlab.tables.kinds import COUNT_OF, VOID
from voidlab.tables.outlines import ELLIPSE, reach
from voidlab.tables.size_basis import EDGE

_LOOKED_AT = ("ok", "blank")
# Between voids to merge: px, or this share of the smaller radius, whichever is more.
_GAP_PX, _GAP_SHARE = 3.0, 0.5


def correct_frame(
    voids: pd.DataFrame, labels: np.ndarray, edits: Sequence[VoidEdit], *, edge_buffer_px: int = 8
) -> tuple[pd.DataFrame, np.ndarray, list[str]]:
    """Apply ``edits`` of one frame, in order, to its voids and its label image.

    Parameters
    ----------
    voids : DataFrame
        Table ``voids`` of the frame.
    labels : ndarray of shape (H, W), integer
        Its label image.

    Returns
    -------
    voids : DataFrame
        With ``corrected``; deleted rows are there, new ones have labels above all others.
    labels : ndarray of shape (H, W), int32
        Without the deleted voids, with the new ones.
    reasons : list of str
        For each edit why it was not applied; empty when it was.
    """
    frame = _Frame(tables.check(voids, "voids"), labels.astype(np.int32), edge_buffer_px)
    reasons = [why_not(frame.apply, edit) for edit in edits]
    return frame.result(), frame.labels, reasons


def correct_series(
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    labels: Sequence[np.ndarray],
    edits: Sequence[VoidEdit],
    *,
    edge_buffer_px: int,
    keep_labels: Callable[[np.ndarray], None],
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Apply ``edits`` to all images of a series, one label image in memory at a time.

    Parameters
    ----------
    frames, voids : DataFrame
        The tables of these names; row i of ``frames`` belongs to ``labels[i]``.
    keep_labels
        Called with the label image of every row, in order.

    Returns
    -------
    frames, voids : DataFrame
        Counts and fractions are those of the remaining voids; a bad frame is "excluded".
    reasons : list of str
        For each edit why it was not applied; empty when it was.
    """
    frames, voids = frames.copy(), tables.check(voids, "voids")
    reasons = [f"there is no frame {frame_of(edit)}" for edit in edits]
    of_frame: dict[int, list[int]] = {}
    for number, edit in enumerate(edits):
        of_frame.setdefault(frame_of(edit), []).append(number)
    untouched = ~voids["frame"].isin(of_frame)
    mended = [voids[untouched]]
    for row, frame in enumerate(frames["frame"]):
        page, here = labels[row], of_frame.get(int(frame), [])
        if here and frames["status"].iloc[row] not in _LOOKED_AT:
            for number in here:
                reasons[number] = f"frame {frame} was left out: {frames['status'].iloc[row]}"
        elif here:
            mine = [edits[number] for number in here]
            rows = voids[voids["frame"] == frame]
            rows, page, said = correct_frame(rows, page, mine, edge_buffer_px=edge_buffer_px)
            for number, reason in zip(here, said, strict=True):
                reasons[number] = reason
            mended.append(rows)
            _count(frames, row, rows, page, bad=any(isinstance(edit, BadFrame) for edit in mine))
        keep_labels(page)
    return frames, tables.check(pd.concat(mended, ignore_index=True), "voids"), reasons


def _count(frames: pd.DataFrame, row: int, voids: pd.DataFrame, labels: np.ndarray, *, bad: bool) -> None:
    at = frames.index[row]
    if bad:
        frames.loc[at, "status"], frames.loc[at, "void_fraction"] = "excluded", np.nan
        for count in set(COUNT_OF.values()) & set(frames.columns):
            frames.loc[at, count] = pd.NA
        return
    remaining = len(tables.only_voids(tables.kept(voids)))
    if remaining or pd.notna(frames["void_count"].iloc[row]):  # not where voids were not looked for
        frames.loc[at, "void_count"] = remaining
        frames.loc[at, "void_fraction"] = np.count_nonzero(labels) / frames["valid_px"].iloc[row]


class _Frame:
    """Voids and labels of a frame while edits are applied to them."""

    def __init__(self, voids: pd.DataFrame, labels: np.ndarray, edge_buffer_px: int) -> None:
        self.voids = voids.reset_index(drop=True)
        self.labels = labels
        self._edge_buffer_px = edge_buffer_px
        self._bad = False
        self._highest = max(int(voids["label"].max()) if len(voids) else 0, int(labels.max(initial=0)))

    def apply(self, edit: VoidEdit) -> None:
        if self._bad:
            raise NoFit(f"frame {frame_of(edit)} is marked as bad")
        match edit:
            case DeleteVoid(at=at):
                self._delete(self._row(at))
            case AddVoid(at=at, runs=runs):
                pixels = _of_runs(runs, self.labels.shape) if runs else self._free_outline(at, edit.ellipse)
                self._add(pixels, "added", at, runs, edit.ellipse)
            case RedrawVoid(at=at, runs=runs):
                row, pixels = self._row(at), _of_runs(runs, self.labels.shape)
                self._delete(row)
                self._add(pixels, "redrawn", at, runs)
            case MoveVoid(at=at, to=to):
                if to.frame != at.frame:
                    raise NoFit(f"a void in frame {at.frame} cannot be moved to frame {to.frame}")
                row = self._row(at)
                pixels = self._free_outline(to, edit.ellipse, own=int(self.voids["label"].iloc[row]))
                self._delete(row)
                self._add(pixels, "moved", to, ellipse=edit.ellipse)
            case SplitVoid(at=at, line=line):
                self._split(self._row(at), at, line)
            case MergeVoids(at=spots):
                frames = sorted({at.frame for at in spots})
                if len(frames) > 1:
                    named = " and ".join(map(str, frames))
                    raise NoFit(f"the voids to merge lie in frames {named}; expected voids of one image")
                self._merge([self._row(at) for at in spots], spots[0])
            case BadFrame():
                self._bad = True
                self.voids["corrected"] = "deleted"
                self.labels[:] = 0

    def result(self) -> pd.DataFrame:
        """The voids, with the pixels each has now."""
        if len(self.voids):
            area = np.bincount(self.labels.ravel(), minlength=self._highest + 1)
            stands = (self.voids["corrected"] != "deleted") & (self.voids["kind"] == VOID)
            self.voids.loc[stands, "area_px"] = area[self.voids.loc[stands, "label"]]
        return tables.check(self.voids, "voids")

    def _row(self, at: Spot) -> int:
        row = find_void(self.voids, at)
        if row is None:
            raise NoFit(f"there is no void of about {at.radius_px:.1f} px radius at {at}")
        return row

    def _delete(self, row: int) -> None:
        self.labels[self.labels == self.voids.loc[row, "label"]] = 0
        self.voids.loc[row, "corrected"] = "deleted"

    def _free_outline(self, at: Spot, ellipse: Ellipse | None, *, own: int = 0) -> np.ndarray:
        """Pixels of the circle, or of the ``ellipse``, that belong to no void but that of the label ``own``."""
        y, x = np.ogrid[: self.labels.shape[0], : self.labels.shape[1]]
        what, a = ("circle", "a") if ellipse is None else ("ellipse", "an")
        axes = np.array([_axes_of(ellipse) if ellipse else (at.radius_px, at.radius_px, 0.0)])
        if axes[0, 0] > max(self.labels.shape):
            raise NoFit(f"{a} {what} of {axes[0, 0]:g} px radius at {at} is larger than the image")
        inside = reach(axes, x - at.x_px, y - at.y_px) <= 1
        if not inside.any():
            raise NoFit(f"the {what} at {at} covers no pixel of the image")
        free = inside & np.isin(self.labels, (0, own))
        if not free.any():
            raise NoFit(f"the {what} at {at} lies wholly on other voids")
        return free

    def _add(
        self,
        pixels: np.ndarray,
        how: str,
        at: Spot,
        runs: Sequence[Run] = (),
        ellipse: Ellipse | None = None,
    ) -> None:
        """A void of these ``pixels``; its circle is that of ``at``, or with ``runs`` that of the pixels."""
        self._highest += 1
        self.labels[pixels] = self._highest
        measured = measure_voids(pixels, frame=at.frame, edge_buffer_px=self._edge_buffer_px)
        measured = measured.assign(label=self._highest, corrected=how)
        if how in ("added", "moved") and not runs:
            measured = measured.assign(x_px=at.x_px, y_px=at.y_px, radius_px=at.radius_px)
        if ellipse is not None:
            measured[ELLIPSE] = _axes_of(ellipse)
        # What is drawn by hand is an edge: where there is a fringe, smaller than the physical radius.
        measured = measured.assign(edge_radius_px=measured["radius_px"], size_basis=EDGE)
        self.voids = pd.concat([self.voids, tables.select(measured, "voids")], ignore_index=True)

    def _split(self, row: int, at: Spot, line: tuple[float, float, float, float]) -> None:
        x0, y0, x1, y1 = line
        pixels = self.labels == self.voids.loc[row, "label"]
        y, x = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
        side = (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
        if not (pixels & side).any() or not (pixels & ~side).any():
            raise NoFit(f"the line does not cross the void at {at}")
        self._delete(row)
        for part in (pixels & side, pixels & ~side):
            self._add(part, "split", at)

    def _merge(self, rows: Sequence[int], at: Spot) -> None:
        if len(set(rows)) < len(rows):
            raise NoFit(f"two of the voids to merge at {at} are one already")
        pixels = np.isin(self.labels, self.voids.loc[list(rows), "label"])
        if not pixels.any():
            raise NoFit(f"no pixel is left of the voids to merge at {at}")
        self._check_near(rows, pixels)
        for row in rows:
            self._delete(row)
        self._add(pixels, "merged", at)

    def _check_near(self, rows: Sequence[int], pixels: np.ndarray) -> None:
        """Refuse to merge voids of which neither the circles nor the ``pixels`` are near each other."""
        x, y, radius = self.voids.loc[list(rows), ["x_px", "y_px", "radius_px"]].to_numpy(float).T
        gaps = np.hypot(x[:, None] - x, y[:, None] - y) - radius[:, None] - radius
        most = np.maximum(_GAP_PX, _GAP_SHARE * np.minimum(radius[:, None], radius))
        near = gaps <= most
        # What was drawn by hand is no circle.
        pieces, count = ndimage.label(ndimage.binary_dilation(pixels, iterations=2))
        labels = self.voids.loc[list(rows), "label"].to_numpy()
        within = np.array(
            [np.isin(np.arange(1, count + 1), pieces[self.labels == label]) for label in labels]
        )
        parts, part = connected_components(near | (within @ within.T))
        if parts > 1:
            one, other = np.flatnonzero(part == part[0]), np.flatnonzero(part != part[0])
            i, j = np.unravel_index(np.argmin(gaps[np.ix_(one, other)]), (len(one), len(other)))
            a, b = one[i], other[j]
            raise NoFit(
                f"the voids at ({x[a]:.1f}, {y[a]:.1f}) and ({x[b]:.1f}, {y[b]:.1f}) are {gaps[a, b]:.1f} px apart; "
                f"expected pieces of one void, at most {most[a, b]:.1f} px apart"
            )


def _axes_of(ellipse: Ellipse) -> tuple[float, float, float]:
    """Semi-axes, px, and orientation in (−90, 90], deg."""
    turned = 90 - (90 - ellipse.orientation_deg) % 180
    return ellipse.semi_major_px, ellipse.semi_minor_px, turned


def _of_runs(runs: Sequence[Run], shape: tuple[int, ...]) -> np.ndarray:
    """Mask of the pixels that ``runs`` name."""
    mask = np.zeros(shape, bool)
    for y, x, length in runs:
        if y >= shape[0] or x + length > shape[1]:
            raise NoFit(f"pixels at ({x}, {y}) lie outside the image")
        mask[y, x : x + length] = True
    return mask


def runs_of(mask: np.ndarray) -> tuple[Run, ...]:
    """The pixels of ``mask`` (H, W) as runs."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    y, start = np.nonzero(edges == 1)
    _, stop = np.nonzero(edges == -1)
    lengths = stop - start
    return tuple((int(a), int(b), int(c)) for a, b, c in zip(y, start, lengths, strict=True))
