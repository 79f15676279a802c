"""Numbers at random, as a simulation draws them."""

import numpy as np


def log_uniform(random: np.random.Generator, least: float, most: float) -> float:
    """A number from ``least`` to ``most``, both above 0, of which each factor of two is as likely."""
    return float(np.exp(random.uniform(np.log(least), np.log(most))))
