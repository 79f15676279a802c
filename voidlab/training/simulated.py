"""Voids of simulated micrographs beside those that a network finds in them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from voidlab.segment.network_segmenter import NetworkSegmenter
from voidlab.simulate.micrographs import micrograph


def without_smaller(voids: pd.DataFrame, least_px: float) -> pd.DataFrame:
    """True voids of which those with a smaller radius than that asked for count neither way."""
    return voids.assign(ignored=voids["ignored"] | (voids["radius_px"] < least_px))


def truth_and_found(
    method: NetworkSegmenter,
    seeds: Sequence[int],
    size: int,
    of_no_account: Callable[[pd.DataFrame], pd.Series],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Voids of simulated micrographs of ``size`` px, and what ``method`` finds, told which contrast each has.

    Parameters
    ----------
    of_no_account
        Which of the voids of a micrograph count neither way, beside those that cannot be seen.

    Returns
    -------
    truth, found : DataFrame
        ``frame`` counts the micrographs; ``hidden`` voids would count if they could be seen.
    """
    parts = []
    for frame, seed in enumerate(seeds):
        made = micrograph(seed, shape=(size, size))
        inside = made.voids["x_px"].between(0, size - 1) & made.voids["y_px"].between(0, size - 1)
        small = of_no_account(made.voids)
        hidden = made.voids["ignored"] & inside & ~small
        voids = made.voids.assign(ignored=made.voids["ignored"] | small, hidden=hidden)
        told = replace(method, contrast="dark" if made.upside_down else "bright")
        parts.append((voids.assign(frame=frame), told.find(made.as_shown).assign(frame=frame)))
    truth, found = (pd.concat(each, ignore_index=True) for each in zip(*parts, strict=True))
    return truth, found
