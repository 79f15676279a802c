"""Drift and tracks of the images so far, each image placed against those before it; all of it provisional."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from voidlab.drift.correlate import Shift
from voidlab.drift.one_by_one import DriftOneByOne, DriftSoFar
from voidlab.drift.pairs import partners_before
from voidlab.images.label_stack import PackedLabels
from voidlab.live.followed import Followed
from voidlab.live.tracks import Tracks
from voidlab.project.parameters.models import TrackParameters
from voidlab.segment.frame import FrameResult

Shifts = Mapping[str, Mapping[str, Shift]]  # of a mask from others, by what stands for both
ResultOf = Callable[[int], FrameResult | None]  # what came of a frame


class Following:
    """Follows the drift and the voids, in the order of the frames.

    Parameters
    ----------
    shape
        (H, W) of the images, px.
    asked
        Parameters of the stage track.
    result_of
        Gives what came of a frame before, where it is needed after a restart.
    shifts
        Shifts between images that are known.
    """

    def __init__(
        self, shape: tuple[int, int], asked: TrackParameters, result_of: ResultOf, shifts: Shifts
    ) -> None:
        self.shape = shape
        self.frames: list[int] = []
        self.tracks = Tracks(asked)
        self._result_of, self._shifts = result_of, dict(shifts)
        self._drift = DriftOneByOne(shape, self._mask_of)
        self._rows: list[int] = []  # frames whose drift is followed
        self._masks: list[str] = []

    def add(
        self, frame: int, mask: str, result: FrameResult
    ) -> tuple[Followed, list[Followed], dict[str, Shift]]:
        """Follow one more image; give it, those that are linked by now, and the shifts that were measured."""
        row = len(self._masks)
        known = self._known(row, mask)
        self._shifts.pop(mask, None)
        placed = self._drift.add(_mask(result, self.shape), known)
        self._masks.append(mask)
        self._rows.append(frame)
        self.frames.append(frame)
        new = {self._masks[a]: shift for a, shift in placed.shifts.items() if a not in known}
        followed = Followed(
            frame, mask, placed.x_px, placed.y_px, placed.is_lost, is_blank=self._drift.is_blank(row)
        )
        return followed, self.tracks.add(followed, result.voids), new

    def leave_out(self, frame: int) -> None:
        """Go on behind a frame of which nothing is kept."""
        self.frames.append(frame)

    def go_on_with(self, past: Sequence[Followed]) -> None:
        """Take up what was followed before a restart; nothing is measured or, but for the last images, read again."""
        self.frames = [each.frame for each in past]
        self._rows = list(self.frames)
        for row, each in enumerate(past):
            self._masks.append(each.mask)
            self._drift.take_up((each.x_px, each.y_px), each.is_blank, self._known(row, each.mask))
        if past:
            last = [(each, self._result_of(each.frame)) for each in past[-self.tracks.needed :]]
            known = [(each, result.voids) for each, result in last if result is not None]
            self.tracks.go_on_with(past[-1].search_range_px, known)
        self._shifts.clear()

    def so_far(self) -> DriftSoFar:
        """What is known of the drift of all images; its ``solve``, in any thread, takes all pairs together."""
        return self._drift.so_far()

    def close(self) -> None:
        """Remove the temporary file of the masks."""
        self._drift.close()

    def _known(self, row: int, mask: str) -> dict[int, Shift]:
        of_image = self._shifts.get(mask, {})
        return {a: of_image[self._masks[a]] for a in partners_before(row) if self._masks[a] in of_image}

    def _mask_of(self, row: int) -> np.ndarray | None:
        result = self._result_of(self._rows[row])
        return None if result is None else _mask(result, self.shape)


def _mask(result: FrameResult, shape: tuple[int, int]) -> np.ndarray:
    labels = result.labels
    if labels is None:
        return np.zeros(shape, bool)
    return np.asarray((labels.unpacked() if isinstance(labels, PackedLabels) else labels) > 0)
