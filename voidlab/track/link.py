"""Link the voids of all frames into tracks with trackpy."""

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from voidlab.drift.apply import position_columns
from voidlab.errors import VoidlabError
from voidlab.tables.kinds import only_voids


class LinkError(VoidlabError):
    """Voids that cannot be linked as asked, with what would do."""


def linkable(voids: pd.DataFrame, *, link_edge_voids: bool = False) -> pd.DataFrame:
    """The voids to link: those away from the edge, whose centre and radius are whole, or all of them.

    Never loops or dots, where the table holds such.
    """
    voids = only_voids(voids)
    return voids if link_edge_voids else voids[~voids["touches_edge"]]


def refuse_others(voids: pd.DataFrame) -> None:
    """Raise a LinkError if there are loops or dots among the ``voids``: a void would be linked to a loop."""
    others = len(voids) - len(only_voids(voids))
    if others:
        raise LinkError(
            f"{others} of {len(voids)} rows are loops or dots; expected voids alone, as "
            "voidlab.tables.only_voids(voids) gives them."
        )


def link_voids(voids: pd.DataFrame, *, search_range_px: float, memory: int = 2) -> pd.DataFrame:
    """Link the voids of all frames into tracks with trackpy.

    Parameters
    ----------
    voids : DataFrame
        Table ``voids``; ``x_corrected_px``, ``y_corrected_px`` are used when there, else ``x_px``, ``y_px``.
    search_range_px : float
        Furthest a void may move from a frame to the next, px.
    memory : int
        Frames a void may be missing and still be the same.

    Returns
    -------
    DataFrame
        ``voids``, rows and order as given, with ``particle`` added: tracks are numbered by their first frame,
        then by their first label, whatever the order of the rows.

    Raises
    ------
    LinkError
        If positions are not finite, if voids are too dense for the search range, if loops or dots are among them, or
        if the search range is not positive or the memory negative.

    References
    ----------
    Crocker and Grier, J. Colloid Interface Sci. 179, 298 (1996), doi:10.1006/jcis.1996.0217
    """
    if not (np.isfinite(search_range_px) and search_range_px > 0) or memory < 0:
        raise LinkError(
            f"search_range_px = {search_range_px:g}, memory = {memory}: the search range has to be above 0 px, "
            "the memory 0 frames or more."
        )
    refuse_others(voids)
    if voids.empty:
        return voids.assign(particle=pd.Series(dtype="int64"))
    x, y = position_columns(voids)
    lost = int((~np.isfinite(voids[[x, y]].to_numpy())).any(axis=1).sum())
    if lost:
        raise LinkError(
            f"{lost} of {len(voids)} voids have no finite position ({x}, {y}); leave them out first."
        )
    from trackpy.linking import SubnetOversizeException  # it imports much that only linking needs

    # In one order whatever the caller's: trackpy's answer depends on it where two links cost the same.
    order = np.lexsort((voids["label"].to_numpy(), voids["frame"].to_numpy()))
    ordered = voids.iloc[order]
    try:
        with warnings.catch_warnings():
            # trackpy 0.7 still uses what pandas 3 deprecates; nothing in its answer hangs on it.
            warnings.simplefilter("ignore")
            linked = _trackpy(ordered, [y, x], search_range_px, memory)
    except SubnetOversizeException:
        raise LinkError(_too_dense(ordered, x, y, search_range_px)) from None
    particle = np.empty(len(voids), np.int64)
    particle[order] = pd.factorize(linked)[0]
    return voids.assign(particle=particle)


def _trackpy(voids: pd.DataFrame, positions: list[str], search_range_px: float, memory: int) -> np.ndarray:
    """Particle of each of the ``voids``, which are sorted by frame."""
    from trackpy.linking import link

    plain = voids[["frame", *positions]].reset_index(drop=True)
    # trackpy goes through missing frames one by one; after the memory has run out, one more changes nothing.
    step = np.diff(plain["frame"].to_numpy(np.int64), prepend=plain["frame"].iloc[0])
    plain["frame"] = np.cumsum(np.minimum(step, memory + 2))
    logger = logging.getLogger("trackpy")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        linked = link(
            plain, search_range_px, pos_columns=positions, memory=memory, link_strategy=least_total_cost
        )
    finally:
        logger.setLevel(level)
    return linked.sort_index()["particle"].to_numpy()


def least_total_cost(
    before: set[Any], after: set[Any], search_range: float, max_size: int
) -> tuple[list[Any], list[Any]]:
    """Links between voids that compete for one another: least sum of squared distances, the range for a lost one.

    The links are those of trackpy's own search, whose time grows exponentially (a minute for 25 voids on a grid),
    and depend on no order in memory where two answers cost the same.
    """
    from trackpy.linking import SubnetOversizeException

    if len(before) <= 1 and len(after) == 1:
        return [*before] or [None], [*after]
    if len(before) > max_size:
        raise SubnetOversizeException
    sources, targets = (sorted(points, key=lambda point: point.uuid) for points in (before, after))
    column = {target: number for number, target in enumerate(targets)}
    cost = np.full((len(sources), len(targets) + len(sources)), np.inf)
    cost[:, len(targets) :] = (search_range + 1e-7) ** 2  # trackpy's tree lets links be that much longer
    for row, source in enumerate(sources):
        for target, distance in source.forward_cands:
            cost[row, column[target]] = distance**2
    found = [targets[number] if number < len(targets) else None for number in linear_sum_assignment(cost)[1]]
    born = [target for target in targets if target not in found]
    return [*sources, *[None] * len(born)], [*found, *born]


def _too_dense(voids: pd.DataFrame, x: str, y: str, search_range_px: float) -> str:
    apart = [
        cKDTree(rows[[x, y]].to_numpy()).query(rows[[x, y]].to_numpy(), k=2)[0][:, 1]
        for _, rows in voids.groupby("frame")
        if len(rows) > 1
    ]
    nearest = float(np.median(np.concatenate(apart)))
    # Below the range that failed, also where most voids lie far apart and a few in clusters.
    fewer = min(nearest, search_range_px) / 2
    return (
        f"search_range_px = {search_range_px:g} reaches past too many neighbours to tell voids apart: the median "
        f"distance to the nearest void in a frame is {nearest:.1f} px. Try search_range_px = {fewer:.3g} or "
        "less, or auto; if voids really move further, only a higher frame rate tells them apart."
    )
