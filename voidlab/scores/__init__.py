"""How good detections, tracks and depths are against a truth."""

from voidlab.measure import circle_iou
from voidlab.scores.depths import against_truth, compare_depths, read_truth
from voidlab.scores.matching import match_voids
from voidlab.scores.tracks import score_tracks, score_tracks_in_full
from voidlab.scores.voids import judge_detections, objects, recall_by_size, score_intervals, score_voids
