"""What the radius of a void rests on: the values of the column ``size_basis``, and how far off each radius may be."""

import numpy as np
import pandas as pd

FRINGE = "fringe"  # a sphere was fitted to what is seen around the void, out of focus
NETWORK, EDGE = "network", "edge"  # as it was detected: what a network says, or an edge
NOT_A_SIZE = "not a size"  # the fringe is wider than the void
# Relative standard errors that the voids of an image share: two of three simulated images are nearer to the truth.
SIGMA_AS_DETECTED = 0.09
SIGMA_OF_SHAPE = 0.03  # of each void by itself: facets, and what it lies on


def sigma_of_fringe(fringe_over_radius: np.ndarray) -> np.ndarray:
    """Relative standard error of radii by the fringe that the voids of an image share: of focus, phase and shape."""
    return np.asarray(0.035 + 0.1 * np.minimum(fringe_over_radius, 0.65))


def is_size(voids: pd.DataFrame) -> np.ndarray:
    """Of which voids (n,) the radius is a size: all but those smaller than the fringe around them."""
    if "size_basis" not in voids:
        return np.ones(len(voids), bool)
    return (voids["size_basis"] != NOT_A_SIZE).to_numpy(bool)


def are_edges(voids: pd.DataFrame) -> bool:
    """Whether each radius of ``voids`` is as it was detected: no fringe tells of another."""
    return not voids["size_basis"].isin([FRINGE, NOT_A_SIZE]).any()


def basis_of_particles(linked: pd.DataFrame) -> pd.Series:
    """What the radii of each particle rest on, indexed by ``particle``.

    `NOT_A_SIZE` where that is so in half of its frames or more; else what most of the others rest on.
    """
    if linked.empty or "size_basis" not in linked:
        return pd.Series("", index=pd.Index(linked["particle"].unique(), name="particle"), dtype="str")
    sized = linked[is_size(linked)]
    share = pd.Series(is_size(linked), index=linked["particle"]).groupby(level=0).mean()
    counts = sized.groupby(["particle", "size_basis"]).size().sort_values(kind="stable")
    usual = counts.reset_index().drop_duplicates("particle", keep="last").set_index("particle")["size_basis"]
    basis = usual.reindex(share.index).where(share > 0.5, NOT_A_SIZE)
    return basis.astype("str").rename_axis("particle")
