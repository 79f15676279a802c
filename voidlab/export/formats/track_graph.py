"""Tracks as a graph: a node per void in a frame, an edge from each to its next, and from parents to their child."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components


def edges(linked: pd.DataFrame, merges: pd.DataFrame | None = None) -> np.ndarray:
    """Edges (n, 2) between rows of ``linked``, from the earlier to the later.

    Parameters
    ----------
    linked : DataFrame
        ``particle`` (may be missing), ``frame``.
    merges : DataFrame
        Events such as `voidlab.track.find_merges` gives: the last row of each parent before ``frame`` is
        tied to the child's first from it on.
    """
    rows = pd.DataFrame(
        {"particle": linked["particle"].to_numpy(), "frame": linked["frame"].to_numpy(np.int64)}
    )
    rows = rows.dropna(subset=["particle"]).sort_values(["particle", "frame"], kind="stable")
    particle, number = rows["particle"].to_numpy(np.int64), rows.index.to_numpy()
    same = particle[1:] == particle[:-1]
    found = [np.stack([number[:-1][same], number[1:][same]], axis=1)]
    of_particle = dict(iter(rows.groupby("particle"))) if merges is not None else {}
    for event in merges.to_dict("records") if merges is not None else []:
        child = of_particle[event["child"]]
        first = child.index[child["frame"] >= event["frame"]][0]
        for parent in {event["parent_a"], event["parent_b"]} - {event["child"]}:
            before = of_particle[parent]
            last = before.index[before["frame"] < event["frame"]][-1]
            found.append(np.array([[last, first]]))
    return np.unique(np.concatenate(found), axis=0).reshape(-1, 2).astype(np.int64)


def lineages(count: int, edge: np.ndarray) -> np.ndarray:
    """Number of the connected part that each of ``count`` nodes belongs to; -1 for a node without edges."""
    graph = csr_matrix((np.ones(len(edge)), (edge[:, 0], edge[:, 1])), shape=(count, count))
    part = connected_components(graph, directed=False)[1]
    tied = np.zeros(count, bool)
    tied[edge.ravel()] = True
    result = np.full(count, -1)
    result[tied] = np.unique(part[tied], return_inverse=True)[1]
    return result
