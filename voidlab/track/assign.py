"""Linking by one sparse assignment per frame: place, size and overlap in the cost, gates that grow with gaps.

The default for videos: sizes tell neighbours apart, and no voids are too dense for it, as they may be for trackpy
(`voidlab.track.link`). Which tracks merged is found afterwards: `voidlab.track.mergers`.
"""

from functools import partial

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from voidlab.drift.apply import position_columns
from voidlab.measure import circle_iou
from voidlab.track.link import refuse_others

_NATS = 4.5  # a cost of 1 in log-likelihood: the gate is three standard deviations of a step
_USUAL_SIZE_SIGMA, _LEAST_SIZE_SIGMA = 0.15, 0.03
_PAIRS_AT_ONCE = 3000
_MANY_COMPETE = 0.2  # of the voids of a frame
_FIRST_SIZE_SIGMA = 0.6  # what is linked to tell the errors must not leave out large ones
_ENOUGH_CHANGES, _VOIDS_THAT_TELL = 100, 20_000
# Radii are mostly as good as their median change tells, now and then far off: that must not break long tracks.
_SIZE_MARGIN, _SIZE_FREEDOM = 5 / 3, 3


def link_by_assignment(
    voids: pd.DataFrame,
    *,
    search_range_px: float,
    memory: int = 2,
    size_sigma: float | None = None,
    overlap: float = 0.0,
) -> pd.DataFrame:
    """Link the voids of all frames into tracks, the cheapest way from each frame to the next.

    The cost is minus the log-likelihood of a void that diffuses, whose steps from frame to frame reach as far as the
    search range once in a hundred times: over n frames its gate is √n times wider, and every place in it as many
    times less likely. Radii that differ cost as their errors say, which have long tails (Student's t). A track that
    is not continued costs as much as a step as long as the search range; what costs more is no link.

    Parameters
    ----------
    voids : DataFrame
        ``frame, label, radius_px`` and the positions, px: corrected ones are used when there.
    search_range_px
        Furthest a void may move from a frame to the next, px.
    memory
        Frames a void may be missing and still be the same.
    size_sigma
        Standard error of a change of log radius; infinite: sizes do not count. None: told from the voids themselves,
        the first 20,000 linked with 0.6; 0.15 where fewer than 100 changes are seen.
    overlap
        Cost of two circles that share nothing, in units of a step as long as the search range; what they share of
        their union takes as much of it off. Voids wider than they move then keep to where they lie. 0: no matter.

    Returns
    -------
    DataFrame
        ``voids``, rows and order as given, with ``particle`` added: tracks are numbered by their first frame, then by
        their first label, whatever the order of the rows. Every void has one, alone or not.

    Raises
    ------
    ValueError
        If a position or radius is not finite, a radius not above 0, or loops or dots are among the voids.
    """
    refuse_others(voids)
    numbers = voids[[*position_columns(voids), "radius_px"]].to_numpy(np.float64)
    wrong = int((~np.isfinite(numbers).all(axis=1) | ~(numbers[:, 2] > 0)).sum())
    if wrong:
        raise ValueError(f"{wrong} of {len(voids)} voids have no finite position or no radius above 0.")
    order = np.lexsort((voids["label"].to_numpy(), voids["frame"].to_numpy()))
    frame = voids["frame"].to_numpy(np.int64)[order]
    place, size = numbers[order, :2], np.log(numbers[order, 2])
    link = partial(_link, search_range_px=search_range_px, memory=memory, overlap=overlap)
    if size_sigma is None:
        some = _that_tell(frame, place)
        first = link(frame[some], place[some], size[some], size_sigma=_FIRST_SIZE_SIGMA)
        size_sigma = _scatter(first, size[some])
    particle = link(frame, place, size, size_sigma=size_sigma)
    result = np.empty(len(voids), np.int64)
    result[order] = particle
    return voids.assign(particle=result)


def _link(
    frame: np.ndarray,
    place: np.ndarray,
    size: np.ndarray,
    *,
    search_range_px: float,
    memory: int,
    size_sigma: float,
    overlap: float,
) -> np.ndarray:
    """Particle of each void, sorted by frame, from its place (n, 2) and log radius."""
    particle = np.full(len(frame), -1)
    open_rows = np.array([], np.int64)  # last row of every track that may go on
    starts = np.flatnonzero(np.diff(frame, prepend=frame[:1] - 1))
    count = 0
    for rows in np.split(np.arange(len(frame)), starts)[1:]:
        gap = frame[rows[0]] - frame[open_rows]
        open_rows, gap = open_rows[gap <= memory + 1], gap[gap <= memory + 1]
        gate = search_range_px * np.sqrt(gap)
        source, target, distance = _near(place[open_rows], place[rows], gate)
        change = (size[rows[target]] - size[open_rows[source]]) / size_sigma
        of_size = (_SIZE_FREEDOM + 1) / 2 * np.log1p(change**2 / _SIZE_FREEDOM)
        cost = (distance / gate[source]) ** 2 + (of_size + np.log(gap[source])) / _NATS
        if overlap:
            radii = (np.exp(size[open_rows[source]]), np.exp(size[rows[target]]))
            cost += overlap * (1 - circle_iou(distance, *radii))
        taken = _cheapest(source[cost < 1], target[cost < 1], cost[cost < 1], len(open_rows), len(rows))
        particle[rows[taken[:, 1]]] = particle[open_rows[taken[:, 0]]]
        born = rows[particle[rows] < 0]
        particle[born] = count + np.arange(len(born))
        count += len(born)
        open_rows = np.concatenate([np.delete(open_rows, taken[:, 0]), rows])
    return particle


def _that_tell(frame: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Which voids tell the error of sizes: the first 20,000; of a crowd a strip of the first two frames."""
    last = max([*frame[:_VOIDS_THAT_TELL][-1:], *np.unique(frame)[:2]], default=0)
    early = frame <= last
    if early.sum() <= 2 * _VOIDS_THAT_TELL:
        return early
    return early & (place[:, 0] <= np.quantile(place[early, 0], _VOIDS_THAT_TELL / early.sum()))


def _scatter(particle: np.ndarray, size: np.ndarray) -> float:
    """What counts as the standard error of a change of log radius, from the median change along tracks."""
    order = np.argsort(particle, kind="stable")
    change = np.abs(np.diff(size[order])[np.diff(particle[order]) == 0])
    if len(change) < _ENOUGH_CHANGES:
        return _USUAL_SIZE_SIGMA
    return max(_SIZE_MARGIN * 1.4826 * float(np.median(change)), _LEAST_SIZE_SIGMA)


def _near(
    before: np.ndarray, after: np.ndarray, gate: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs within the gate of the first: their numbers and distances, in the order of these."""
    found = [np.zeros((0, 2), np.int64)]
    tree = cKDTree(after)
    for width in np.unique(gate):  # one for each number of frames that voids have been missing
        rows = np.flatnonzero(gate == width)
        pairs = cKDTree(before[rows]).sparse_distance_matrix(tree, width, output_type="ndarray")
        found.append(np.stack([rows[pairs["i"]], pairs["j"]], axis=1))
    source, target = np.concatenate(found).T
    order = np.lexsort((target, source))
    source, target = source[order], target[order]
    return source, target, np.hypot(*(after[target] - before[source]).T)


def _cheapest(
    source: np.ndarray, target: np.ndarray, cost: np.ndarray, sources: int, targets: int
) -> np.ndarray:
    """Links (n, 2) of least total cost, where a source without a link costs 1; no ``cost`` is above that.

    A source takes the target that is best for it, unless that is best for another, too. Those that compete are solved
    together; where one of them would rather have a target that is taken, at the price of the second best for who has
    it, that one competes as well. Nobody is worse off for certain then than in the problem as a whole, so this is its
    answer; solving it as a whole takes minutes for a hundred thousand voids.
    """
    if not len(source):
        return np.zeros((0, 2), np.int64)
    gain = 1 - cost
    best, second = _two_best(source, gain, sources)
    has = best >= 0
    wanted = np.where(has, target[best], -1)
    liked = np.bincount(wanted[has], minlength=targets)
    competes = has & (liked[wanted] > 1)  # of -1, which is the last one, `has` is not true
    while True:
        if competes.sum() > _MANY_COMPETE * sources:
            competes = has  # once as a whole is sooner done than many times in part
        holder = np.full(targets, -1)
        kept = np.flatnonzero(has & ~competes)
        holder[wanted[kept]] = kept
        price = np.zeros(targets)
        price[wanted[kept]] = gain[best[kept]] - second[kept]
        edge = np.flatnonzero(competes[source] & (gain > price[target]))
        taken = edge[_most_gain(source[edge], target[edge], gain[edge] - price[target[edge]])]
        more = holder[target[taken]]
        more = more[more >= 0]
        if not len(more):
            break
        competes[more] = True
    linked = np.sort(np.append(taken, best[kept]))
    return np.stack([source[linked], target[linked]], axis=1)


def _two_best(source: np.ndarray, gain: np.ndarray, sources: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each source the pair with the most ``gain`` (-1: none), and the gain of the next best (0: none)."""
    order = np.lexsort((-gain, source))
    first = np.flatnonzero(np.diff(source[order], prepend=-1))
    best = np.full(sources, -1)
    best[source[order[first]]] = order[first]
    second = np.zeros(sources)
    next_one = first + 1
    next_one = next_one[next_one < len(order)]
    next_one = next_one[source[order[next_one]] == source[order[next_one - 1]]]
    second[source[order[next_one]]] = gain[order[next_one]]
    return best, second


def _most_gain(source: np.ndarray, target: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Which pairs to take for the most gain (all above 0) in all, each source and target once at most."""
    if not len(source):
        return np.zeros(0, np.int64)
    rows, row = np.unique(source, return_inverse=True)
    columns, column = np.unique(target, return_inverse=True)
    links = csr_matrix((np.ones(len(row)), (row, len(rows) + column)), shape=(len(rows) + len(columns),) * 2)
    piece = connected_components(links, directed=False)[1][row]
    # Pieces that share nothing, some together: the time of the solver grows as the square of their size.
    order = np.argsort(piece, kind="stable")
    starts = np.flatnonzero(np.diff(piece[order], prepend=-1))
    batch = starts // _PAIRS_AT_ONCE
    parts = np.split(order, starts[np.flatnonzero(np.diff(batch)) + 1])
    return np.concatenate([part[_solved(source[part], target[part], gain[part])] for part in parts])


def _solved(source: np.ndarray, target: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Which of the pairs to take, see `_most_gain`."""
    rows, row = np.unique(source, return_inverse=True)
    columns, column = np.unique(target, return_inverse=True)
    # Each source has a partner of its own that stands for none; a weight of 0 would not be stored.
    alone, known = np.arange(len(rows)), len(columns)
    weights = csr_matrix(
        (
            np.append(1 - gain + 1e-9, np.ones(len(rows))),
            (np.append(row, alone), np.append(column, known + alone)),
        ),
        shape=(len(rows), known + len(rows)),
    )
    chosen = min_weight_full_bipartite_matching(weights)[1]
    return np.flatnonzero(chosen[row] == column)
