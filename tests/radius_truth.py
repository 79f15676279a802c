"""Radii of images by another program, whose radii are known, as the defaults measure them."""

from dataclasses import replace

import numpy as np
import pandas as pd

from voidlab import segment
from voidlab.images.series import read_image
from voidlab.segment.defocus import defocus_nm, wavelength_nm
from voidlab.segment.radius import decide_focus


def measured(folder):
    """A row per image of ``folder``: its conditions, and what of it the defaults measure."""
    conditions = pd.read_csv(folder / "conditions.csv")
    truth = dict(iter(pd.read_csv(folder / "truth.csv").groupby("image")))
    method = segment.load_segmenter("voids")
    rows = [_measured(method, folder, each, truth[each["image"]]) for _, each in conditions.iterrows()]
    return conditions.merge(pd.DataFrame(rows), on="image")


def _measured(method, folder, condition, truth):
    image = read_image(folder / "images" / condition["image"])
    found = method.with_contrast_from([image]).detect(image)
    focus = decide_focus([(image, found.discs)], under=found.contrast == "bright")
    voids = replace(method, focus=focus).with_radii(found, image).voids
    x, y, true = (truth[name].to_numpy() for name in ("x_px", "y_px", "r_px"))
    pixel, off = condition["pixel_nm"], abs(condition["defocus_nm"])
    seen = np.nan if focus is None or not off else defocus_nm(focus.fringe_px * pixel, condition["kv"]) / off
    row = {
        "image": condition["image"],
        "defocus": seen,
        "fringe_over_radius": np.sqrt(wavelength_nm(condition["kv"]) * abs(condition["defocus_nm"]))
        / condition["r_nm"],
        "not_a_size": float((voids["size_basis"] == "not a size").mean()) if len(voids) else np.nan,
        "volume": float((voids["radius_px"] ** 3).sum() / (true**3).sum()),
    }
    if voids.empty:
        return row | {"recall": 0.0}
    away = np.hypot(x[:, None] - voids["x_px"].to_numpy(), y[:, None] - voids["y_px"].to_numpy())
    hit, at = away.min(axis=1) < np.maximum(3, true / 2), away.argmin(axis=1)
    radius, sigma = (voids[name].to_numpy()[at[hit]] for name in ("radius_px", "radius_sigma_px"))
    return row | {
        "recall": hit.mean(),
        "detected": np.median(found.voids["radius_px"].to_numpy()[at[hit]] / true[hit]),
        "ratio": np.median(radius / true[hit]),
        "inside": np.mean(np.abs(radius - true[hit]) <= sigma),
    }
