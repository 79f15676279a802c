"""Whether images are a tilt series, by the tilts that are stated of them."""

from collections.abc import Iterable

import numpy as np

_LEAST_RANGE_DEG = 1.0  # a stage at rest reads out angles that differ by some hundredths


def is_tilted(tilts_deg: Iterable[float]) -> bool:
    """Whether the tilts (deg, NaN when unknown) differ by more than a stage at rest reads out."""
    known = np.fromiter(tilts_deg, float)
    known = known[np.isfinite(known)]
    return known.size > 1 and bool(np.ptp(known) >= _LEAST_RANGE_DEG)
