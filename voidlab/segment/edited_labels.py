"""A label image that was edited in another program, such as napari, turned into corrections."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from voidlab.images.readers import size_text
from voidlab.images.series import ImagesError
from voidlab.measure import measure_voids
from voidlab.project.apply_edits import spot_of
from voidlab.project.edits import AddVoid, DeleteVoid, RedrawVoid, VoidEdit
from voidlab.segment.corrections import runs_of
from voidlab.tables.catalogue import kept
from voidlab.tables.kinds import only_voids

_FEW = 3  # voids or labels: so few may all have been deleted on purpose


def edits_of_frame(
    voids: pd.DataFrame, before: np.ndarray, after: np.ndarray, *, frame: int
) -> list[VoidEdit]:
    """What was done by hand to a label image, as corrections that turn ``before`` into ``after``.

    Parameters
    ----------
    voids : DataFrame
        Table ``voids`` of the frame.
    before, after : ndarray of shape (H, W), integer
        The label image as it was written, and as it came back.

    Returns
    -------
    list
        Deleted voids first, then redrawn ones, then added ones: so the pixels come out as they are in ``after``.
    """
    row_of = {int(row["label"]): row for _, row in only_voids(kept(voids)).iterrows()}
    touched = before != after
    changed = (set(np.unique(before[touched])) | set(np.unique(after[touched]))) - {0}
    old, new = set(row_of), set(np.unique(after)) - {0}
    edits: list[VoidEdit] = [DeleteVoid(at=spot_of(row_of[label])) for label in sorted(changed & old - new)]
    edits += [
        RedrawVoid(at=spot_of(row_of[label]), runs=runs_of(after == label))
        for label in sorted(changed & old & new)
    ]
    for label in sorted(changed - old):
        if (after == label).any():
            (void,) = measure_voids(after == label, frame=frame).to_dict("records")
            edits.append(AddVoid(at=spot_of(void), runs=runs_of(after == label)))
    return edits


def edits_of_series(
    frames: pd.DataFrame, voids: pd.DataFrame, before: Sequence[np.ndarray], after: Sequence[np.ndarray]
) -> list[VoidEdit]:
    """The same for all frames of a series.

    Raises
    ------
    ImagesError
        If ``after`` has another number or size of images, or no label or a single one where there were many: such a
        file is a mask, or was converted, and every void would be lost.
    """
    if len(before) != len(after):
        raise ImagesError(
            f"the edited labels have {len(after)} images, labels.tif has {len(before)}: expected the same series."
        )
    edits: list[VoidEdit] = []
    left: set[int] = set()
    for row, frame in enumerate(frames["frame"].astype(int)):
        was, now = before[row], after[row]
        left |= set(np.unique(now).tolist()) - {0}
        if was.shape != now.shape:
            raise ImagesError(
                f"the edited labels are {size_text(now.shape)} in frame {frame}, labels.tif is "
                f"{size_text(was.shape)} (width × height): expected the same size."
            )
        if not np.array_equal(was, now):
            edits += edits_of_frame(voids[voids["frame"] == frame], was, now, frame=frame)
    count, labels = len(only_voids(kept(voids))), only_voids(kept(voids))["label"].nunique()
    if count > _FEW and (not left or (len(left) == 1 and labels > _FEW)):
        found = f"a single value, {left.pop()}, as a mask does" if left else "no label in any image"
        raise ImagesError(
            f"the edited labels hold {found}; expected labels.tif as it was edited, a value for each void of an "
            f"image. Nearly all {count} voids would be deleted: if that is meant, delete them in the explorer."
        )
    return edits
