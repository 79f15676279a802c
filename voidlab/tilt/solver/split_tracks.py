"""Is a track one void? Cuts tracks that are as likely two, or one and a detection by chance.

A track fits the point that it made itself: a lone detection far off in tilt fits nearly any depth, and then is what
that depth rests on. So each track is held, at every gap between two of its views, against the other reading, that the
detections on either side have nothing to do with each other: by how well the sides agree and how closely chance would
have done, in place, depth and radius; by the views that show the place and do not have the void; and by the other
detections that a lone one could be exchanged for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voidlab.tilt.geometry import to_axis
from voidlab.tilt.solver.assign import within
from voidlab.tilt.solver.grow import Linked, depths
from voidlab.tilt.solver.link import GATE, Depths, Series, TrackEstimate, in_field, size_error

_LEAST = 2.0  # logarithm of the odds: a wrong link does more harm than a right one does good
_CERTAIN = 10.0  # odds of a detection that is no other void's
_ROUNDS = 4
_MOST_SIZE = 9.0
_BEYOND = -(GATE**2) - _MOST_SIZE  # fit of a detection outside the gate: worse than any inside
_LEAST_MISSED = 0.1
_LEAST_FALSE = 0.02


@dataclass(frozen=True)
class _Group:
    """Detections taken together, for each of n groups: normal equations of X, Y, Z about a point, px.

    ``matrix`` (n, 3, 3), ``side`` (n, 3); ``size`` (n,) sum of the logarithms of the radii; ``seen`` (n, views).
    """

    matrix: np.ndarray
    side: np.ndarray
    size: np.ndarray
    seen: np.ndarray

    @property
    def _parts(self) -> tuple[np.ndarray, ...]:
        return self.matrix, self.side, self.size, self.seen

    def __getitem__(self, which: np.ndarray) -> _Group:
        return _Group(*(part[which] for part in self._parts))

    def __sub__(self, other: _Group) -> _Group:
        return _Group(*(mine - theirs for mine, theirs in zip(self._parts, other._parts, strict=True)))

    def summed(self) -> _Group:
        """Sums over all groups before each; one more than there are groups."""
        return _Group(*(np.concatenate([np.zeros_like(v[:1]), np.cumsum(v, axis=0)]) for v in self._parts))

    @property
    def count(self) -> np.ndarray:
        return self.seen.sum(axis=1)


def split_doubtful(series: Series, now: Linked) -> np.ndarray:
    """Track of every detection, −1 for none, once those that are hardly one void are cut in two."""
    rows = now.rows[np.lexsort((now.links.view, now.links.point))]
    point = now.track[rows]
    starts = np.diff(point, prepend=-1) > 0
    each = _each(series, now, rows)
    for _ in range(_ROUNDS):
        gaps, odds = _odds(series, now, rows, each, starts)
        track = np.cumsum(starts)[gaps]
        order = np.lexsort((odds, track))
        worst = order[np.diff(track[order], prepend=-1) > 0]
        cut = gaps[worst[odds[worst] < _LEAST]] + 1
        if not len(cut):
            break
        starts[cut] = True
    track = np.full(len(series.view), -1)
    track[rows] = np.cumsum(starts) - 1
    return track


def _each(series: Series, now: Linked, rows: np.ndarray) -> _Group:
    """Every linked detection as a group of its own, about the point of its track."""
    cameras, sigma = now.solution.cameras, now.solution.sigma_px
    view = series.view[rows]
    off = to_axis(series.xy[rows], cameras.axis) - cameras.see(now.solution.points[now.track[rows]], view)
    c, s = np.cos(cameras.tilt[view]), np.sin(cameras.tilt[view])
    across = np.column_stack([c, np.zeros(len(rows)), s])
    along = np.array([0.0, 1.0, 0.0])
    matrix = across[:, :, None] * across[:, None, :] + np.outer(along, along)
    side = off[:, :1] * across + off[:, 1:] * along
    seen = np.zeros((len(rows), len(series.tilt)), np.int64)
    seen[np.arange(len(rows)), view] = 1
    return _Group(matrix / sigma**2, side / sigma**2, np.log(series.radius[rows]), seen)


def _odds(
    series: Series, now: Linked, rows: np.ndarray, each: _Group, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows before a gap of a track, and the logarithm of the odds that what lies on its sides is one void."""
    number = np.cumsum(starts) - 1
    first = np.flatnonzero(starts)
    last = np.append(first[1:], len(starts))
    gaps = np.flatnonzero(~np.append(starts[1:], True))
    sums = each.summed()
    whole = (sums[last] - sums[first])[number[gaps]]
    left = sums[gaps + 1] - sums[first[number[gaps]]]
    right = whole - left
    points = now.solution.points[now.track[rows[gaps]]]
    odds = _agreement(series, now, whole, left, right, points) + _sizes(series, now, left, right)
    odds += _missed(series, now, (whole, left, right), points)
    # A lone detection at the one end, or at the other.
    for alone, others, row in ((left, right, rows[gaps]), (right, left, rows[gaps + 1])):
        weak = np.flatnonzero((alone.count == 1) & (others.count > 1) & (odds < _CERTAIN))
        lead = _lead(series, now, others[weak], points[weak], row[weak])
        odds[weak] = -np.logaddexp(-odds[weak], -lead)
    return gaps, odds


def _agreement(
    series: Series, now: Linked, whole: _Group, left: _Group, right: _Group, points: np.ndarray
) -> np.ndarray:
    """Logarithm of how much likelier the places are of one void than of two by chance."""
    expected = depths(now)
    area = float(np.prod(series.corners[1] - series.corners[0]))
    density = len(series.view) / len(series.tilt) / area
    total = np.full(len(points), -np.log(2 * np.pi * density / expected.sigma))
    for group, sign in ((whole, -0.5), (left, 0.5), (right, 0.5)):
        matrix, side = _with_prior(group, expected, points)
        best = np.linalg.solve(matrix, side[:, :, None])[:, :, 0]
        # Of the squared distance from the prior what does not depend on the group is the same on all three.
        rest = (expected.mean - points[:, 2]) ** 2 / expected.sigma**2
        total += sign * (rest - (side * best).sum(axis=1) + np.linalg.slogdet(matrix)[1])
    return total


def _with_prior(group: _Group, expected: Depths, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    matrix, side = group.matrix.copy(), group.side.copy()
    matrix[:, 2, 2] += 1 / expected.sigma**2
    side[:, 2] += (expected.mean - points[:, 2]) / expected.sigma**2
    return matrix, side


def _sizes(series: Series, now: Linked, left: _Group, right: _Group) -> np.ndarray:
    """Logarithm of how much likelier the radii are of one void than of two by chance."""
    size, error = _size_error(series, now)
    if not np.isfinite(error):
        return np.zeros(len(left.size))
    own = error**2 * (1 / left.count + 1 / right.count)
    by_chance = own + 2 * size.var()
    squared = (left.size / left.count - right.size / right.count) ** 2
    # A radius can be far off where voids overlap: beyond some errors it says no more.
    return 0.5 * (squared / by_chance - np.minimum(squared / own, _MOST_SIZE) + np.log(by_chance / own))


def _size_error(series: Series, now: Linked) -> tuple[np.ndarray, float]:
    """Logarithms of the radii of all linked detections, and their error."""
    size = np.log(series.radius[now.rows])
    return size, size_error(size, now.links.point, np.bincount(now.links.point))[0]


def _lead(series: Series, now: Linked, others: _Group, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Logarithm of how much likelier the detections in ``rows`` fit ``others`` than all that could stand for them.

    Those are the detections on no track, and those in ``rows``, which are as weakly tied to theirs.
    """
    cameras, sigma = now.solution.cameras, now.solution.sigma_px
    belief = _believed(now, others, points)
    _, error = _size_error(series, now)
    lead = np.full(len(rows), np.inf)
    loose = now.track < 0
    loose[rows] = True
    for view in np.unique(series.view[rows]).tolist():
        here = np.flatnonzero(series.view[rows] == view)
        rivals = np.flatnonzero(loose & (series.view == view))
        predicted = cameras.see(belief.points[here], view)
        reach = belief.reach(cameras, view, sigma)[here]
        detected = to_axis(series.xy[rivals], cameras.axis)
        i, j = within(predicted, detected, GATE * reach)
        apart = (np.log(series.radius[rivals[j]]) - belief.size[here[i]] / belief.seen[here[i]]) / error
        fit = -0.5 * (((detected[j] - predicted[i]) / reach[i]) ** 2).sum(axis=1)
        fit -= 0.5 * np.minimum(apart**2 / (1 + 1 / belief.seen[here[i]]), _MOST_SIZE)
        own = rivals[j] == rows[here[i]]
        best = np.full(len(here), -np.inf)
        np.logaddexp.at(best, i[~own], fit[~own])
        mine = np.full(len(here), _BEYOND)
        mine[i[own]] = fit[own]
        lead[here] = mine - best
    return lead


def _missed(
    series: Series, now: Linked, groups: tuple[_Group, _Group, _Group], points: np.ndarray
) -> np.ndarray:
    """Logarithm of how much likelier the views that show the place but not the void are of one void than of two."""
    cameras, sigma = now.solution.cameras, now.solution.sigma_px
    # Which views certainly show the place of each group.
    shows = [in_field(series, cameras, _believed(now, group, points), sigma) for group in groups]
    found, shown = groups[0].count.sum(), (shows[0] | (groups[0].seen > 0)).sum()
    share = np.log(max(1 - found / shown, _LEAST_MISSED))
    # A few detections that should have been seen again may be false.
    false = np.log(max(1 - len(now.rows) / len(series.view), _LEAST_FALSE))
    of_whole, *of_sides = (
        share * (visible & (group.seen == 0)).sum(axis=1)
        for visible, group in zip(shows, groups, strict=True)
    )
    left, right = (
        np.maximum(missing, false * group.count) for missing, group in zip(of_sides, groups[1:], strict=True)
    )
    return np.asarray(of_whole - left - right)


def _believed(now: Linked, group: _Group, points: np.ndarray) -> TrackEstimate:
    """Where each group is by its own detections; ``size`` is the sum of their radii's logarithms."""
    matrix, side = _with_prior(group, depths(now), points)
    inverse = np.linalg.inv(matrix)
    place = points + np.einsum("nab,nb->na", inverse, side)
    return TrackEstimate(place, inverse, group.count, group.size, np.full(len(points), np.inf))
