"""Foils with spheres in them, and what a microscope shows of these: known truth for the stereology."""

import numpy as np
import pandas as pd


def spheres(random, *, shape, thickness, density, diameter, spread=0.3, resolved=0.0):
    """Circles that a foil shows in an image, as a table of voids; all lengths in px.

    Spheres with log-normal diameters lie evenly in and beyond the foil, ``density`` per px³; of one whose centre is
    not in the foil a cap is left. ``spread`` is that of the logarithm; ``diameter`` the mean. Caps narrower than
    ``resolved`` cannot be seen.
    """
    far = 4 * diameter
    size = np.array([shape[1], shape[0], thickness]) + 2 * far
    count = random.poisson(density * np.prod(size))
    x, y, z = (random.uniform(-far, -far + length, count) for length in size)
    radius = random.lognormal(np.log(diameter) - spread**2 / 2, spread, count) / 2
    outside = np.maximum(np.maximum(-z, z - thickness), 0)
    seen = np.sqrt(np.maximum(radius**2 - outside**2, 0))
    in_image = (
        (x + seen > -0.5) & (x - seen < shape[1] - 0.5) & (y + seen > -0.5) & (y - seen < shape[0] - 0.5)
    )
    kept = in_image & (seen > resolved / 2)
    return pd.DataFrame(
        {"frame": 1, "x_px": x[kept], "y_px": y[kept], "radius_px": seen[kept], "kind": "void"}
    )


def volume_fraction(density, diameter, spread=0.3):
    """Volume fraction of spheres with log-normal diameters of mean ``diameter``."""
    return density * np.pi / 6 * diameter**3 * np.exp(3 * spread**2)
