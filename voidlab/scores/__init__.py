"""How good detections, tracks and depths are against a truth."""

from voidlab.scores.voids import (
    circle_iou,
    match_voids,
    objects,
    recall_by_size,
    score_intervals,
    score_tracks,
    score_voids,
)

__all__ = [
    "circle_iou",
    "match_voids",
    "objects",
    "recall_by_size",
    "score_intervals",
    "score_tracks",
    "score_voids",
]
