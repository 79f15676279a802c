"""Once all views are placed: predict, link again, merge what is one, drop what is none; until settled; then cut."""

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import bdtr

from voidlab.tilt.solver.bundle import Prior
from voidlab.tilt.solver.grow import Linked, adjusted, depths, pairs_or_more
from voidlab.tilt.solver.link import GATE, Series, TrackEstimate, estimate_tracks, extend, in_field, match
from voidlab.tilt.solver.split_tracks import split_doubtful

_ROUNDS = 6
_SETTLED = 0.002
_MERGE_GATE = 3.5
_CERTAIN_VIEWS = 4  # that chance does not line up
_UNLIKELY = 0.03
_PART = 0.35


def settle(series: Series, linked: Linked, prior: Prior) -> Linked:
    """Predict every point in every view, link all again, merge what is one; once settled, cut what is two."""
    now = linked
    for _ in range(_ROUNDS):
        track = _linked_again(series, now)
        track = _merged(series, now, track)
        track = _pruned(series, now, track)
        after = adjusted(series, track, now.solution.cameras, prior, now.solution.sigma_px)
        # Detections whose next of kin has changed: the detection before them in their track.
        changed = (_previous(now.track) != _previous(after.track)).sum()
        now = after
        if not now.count:
            return now
        if changed < _SETTLED * max(len(series.view), 1):
            break
    track = pairs_or_more(split_doubtful(series, now))
    return adjusted(series, track, now.solution.cameras, prior, now.solution.sigma_px)


def _linked_again(series: Series, now: Linked) -> np.ndarray:
    """Links of every detection to the point that is expected there, and new tracks from what is left."""
    cameras, sigma = now.solution.cameras, now.solution.sigma_px
    expected = depths(now)
    estimate = estimate_tracks(series, cameras, now.track, sigma, expected)
    track = np.full(len(series.view), -1)
    everyone = np.arange(now.count)
    for view in np.flatnonzero(cameras.placed).tolist():
        chosen, rows = match(series, cameras, estimate, everyone, series.rows(view), view, sigma, GATE)
        track[rows] = chosen
    lost = np.bincount(track[track >= 0], minlength=now.count) < 2
    track[(track >= 0) & lost[track]] = -1
    for view in np.argsort(np.abs(series.tilt - np.median(series.tilt)), kind="stable"):
        if cameras.placed[view]:
            track = extend(series, cameras, track, int(view), sigma, expected)
    return track


def _merged(series: Series, now: Linked, track: np.ndarray) -> np.ndarray:
    """Tracks that lie at one place and share no view, as one."""
    links, rows, numbered = series.links(pairs_or_more(track))
    estimate = estimate_tracks(series, now.solution.cameras, numbered, now.solution.sigma_px, depths(now))
    count = len(estimate.seen)
    a, b = same_place(estimate)
    views = np.zeros((count, len(series.tilt)), bool)
    views[links.point, links.view] = True
    apart = ~(views[a] & views[b]).any(axis=1)
    into = np.arange(count)
    taken = np.zeros(count, bool)
    for one, other in zip(a[apart], b[apart], strict=True):
        if not taken[one] and not taken[other]:
            into[other] = one
            taken[[one, other]] = True
    numbered[rows] = into[links.point]
    return numbered


def same_place(estimate: TrackEstimate) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of tracks whose places differ by no more than their errors allow, the nearest first."""
    sigma = np.sqrt(np.diagonal(estimate.covariance, axis1=1, axis2=2))
    if len(sigma) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    tree = cKDTree(estimate.points[:, :2])
    pairs = tree.query_pairs(2 * _MERGE_GATE * float(np.quantile(sigma[:, :2], 0.98)), output_type="ndarray")
    a, b = pairs[:, 0], pairs[:, 1]
    apart = estimate.points[a] - estimate.points[b]
    both = estimate.covariance[a] + estimate.covariance[b]
    distance = np.einsum("na,na->n", apart, np.linalg.solve(both, apart[:, :, None])[:, :, 0])
    near = np.flatnonzero(distance < _MERGE_GATE**2)
    near = near[np.argsort(distance[near], kind="stable")]
    return a[near], b[near]


def _pruned(series: Series, now: Linked, track: np.ndarray) -> np.ndarray:
    """Tracks without those that no void would leave: seen in few of many views that show their place."""
    _, _, numbered = series.links(pairs_or_more(track))
    estimate = estimate_tracks(series, now.solution.cameras, numbered, now.solution.sigma_px, depths(now))
    visible = in_field(series, now.solution.cameras, estimate, now.solution.sigma_px).sum(axis=1)
    visible = np.maximum(visible, estimate.seen)
    sure = estimate.seen >= _CERTAIN_VIEWS
    recall = estimate.seen[sure].sum() / max(visible[sure].sum(), 1)
    likely = bdtr(estimate.seen, visible, min(recall, 0.95)) >= _UNLIKELY
    # Part of a track that was torn is still a void's; a line by chance through a few of many views is not.
    likely |= sure & (estimate.seen >= _PART * recall * visible)
    # The last answers for −1, no track.
    return np.where(np.append(likely, False)[numbered], numbered, -1)


def _previous(track: np.ndarray) -> np.ndarray:
    """The detection before each in its track; −1 for the first."""
    order = np.argsort(track, kind="stable")
    previous = np.full(len(track), -1)
    same = (track[order][1:] == track[order][:-1]) & (track[order][1:] >= 0)
    previous[order[1:][same]] = order[:-1][same]
    return previous
