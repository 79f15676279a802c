"""How right radii are: in images by another program, whose radii are known, and in both exposures of focus pairs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from voidlab.images.errors import ImagesError
from voidlab.images.series import read_image
from voidlab.segment.defocus import defocus_nm, wavelength_nm
from voidlab.segment.segmenter import Segmenter
from voidlab.segment.sphere_fit import Focus
from voidlab.tables.size_basis import FRINGE, NOT_A_SIZE
from voidlab.track.focus_pair import BOTH, OVER_ONLY, UNDER_ONLY, match_pair

_OFF_FOCUS = 0.1  # fringe over radius from which on voids are seen out of focus
_LEAST_NM = 2.0  # smaller ones are less than three pixels in radius, or smaller than their fringe
_SURE = 0.7
_COLUMNS = ["seen_in", "confidence_under", "ratio"]


def measured(folder: Path, method: Segmenter) -> pd.DataFrame:
    """A row per image of ``folder``: its conditions, and what of it a segmenter measures.

    Parameters
    ----------
    folder
        ``conditions.csv`` (``image, r_nm, pixel_nm, kv, defocus_nm, shape``), ``truth.csv`` (``image, x_px, y_px,
        r_px``) and the images in ``images/``.

    Returns
    -------
    DataFrame
        Beside the conditions ``recall``; medians over the voids of ``detected`` and ``ratio``, radii as detected and
        by the fringe over the true one; ``volume`` (Σ r³ of all detections over that of all true voids);
        ``not_a_size`` (share of the true voids that are found), ``inside`` (share whose standard error holds the
        truth), ``fringe_over_radius`` (the true one), ``defocus`` (that of the image over the true one).
    """
    conditions = pd.read_csv(folder / "conditions.csv")
    truth = dict(iter(pd.read_csv(folder / "truth.csv").groupby("image")))
    rows = [_measured(method, folder, each, truth[each["image"]]) for _, each in conditions.iterrows()]
    return conditions.merge(pd.DataFrame(rows), on="image")


def _measured(method: Segmenter, folder: Path, condition: pd.Series, truth: pd.DataFrame) -> dict[str, Any]:
    image = read_image(folder / "images" / condition["image"])
    decided = method.with_contrast_from([image]).with_focus_from([image])
    focus = decided.focus if isinstance(decided.focus, Focus) else None
    found = decided.detect(image)
    voids = decided.with_radii(found, image).voids
    x, y, true = (truth[name].to_numpy(float) for name in ("x_px", "y_px", "r_px"))
    pixel, off = condition["pixel_nm"], abs(condition["defocus_nm"])
    seen = np.nan if focus is None or not off else defocus_nm(focus.fringe_px * pixel, condition["kv"]) / off
    row = {
        "image": condition["image"],
        "defocus": seen,
        "fringe_over_radius": np.sqrt(wavelength_nm(condition["kv"]) * off) / condition["r_nm"],
        "volume": float((voids["radius_px"] ** 3).sum() / (true**3).sum()),
    }
    if voids.empty:
        return row | {"recall": 0.0}
    away = np.hypot(x[:, None] - voids["x_px"].to_numpy(), y[:, None] - voids["y_px"].to_numpy())
    hit, at = away.min(axis=1) < np.maximum(3, true / 2), away.argmin(axis=1)
    radius, sigma = (voids[name].to_numpy()[at[hit]] for name in ("radius_px", "radius_sigma_px"))
    return row | {
        "recall": hit.mean(),
        "not_a_size": np.mean(voids["size_basis"].to_numpy()[at[hit]] == NOT_A_SIZE),
        "detected": np.median(found.voids["radius_px"].to_numpy()[at[hit]] / true[hit]),
        "ratio": np.median(radius / true[hit]),
        "inside": np.mean(np.abs(radius - true[hit]) <= sigma),
    }


def off_focus(images: pd.DataFrame) -> pd.DataFrame:
    """Those of the `measured` images that voids of 2 nm and more are seen out of focus in."""
    return images[(images["fringe_over_radius"] > _OFF_FOCUS) & (images["r_nm"] >= _LEAST_NM)]


def truth_scores(folder: Path, method: Segmenter) -> dict[str, float]:
    """Radii of `measured` images over the true ones: by shape, by focus and by the width of the fringe."""
    images = measured(folder, method)
    far = off_focus(images)
    made = {"mean": far["ratio"].mean()}
    for shape, rows in far.groupby("shape"):
        made |= {f"{shape}_least": rows["ratio"].min(), f"{shape}_most": rows["ratio"].max()}
    wide = pd.cut(far["fringe_over_radius"], [0, 0.3, 0.6, np.inf], labels=["narrow", "middle", "wide"])
    made |= {
        f"fringe_{name}": value for name, value in far.groupby(wide, observed=True)["ratio"].mean().items()
    }
    for side, rows in (("under", far[far["defocus_nm"] < 0]), ("over", far[far["defocus_nm"] > 0])):
        made |= {f"{side}_focus": rows["ratio"].mean(), f"{side}_volume": rows["volume"].mean()}
    in_focus = images[(images["defocus_nm"] == 0) & (images["r_nm"] == _LEAST_NM)]
    return made | {
        "recall": far["recall"].min(),
        "recall_in_focus_2_nm": in_focus["recall"].mean(),
        "defocus": far["defocus"].median(),
        "inside": far["inside"].mean(),
    }


def pair_scores(folder: Path, method: Segmenter) -> dict[str, float]:
    """What of the voids under focus is found over focus too, and the radii of those that have a size in both.

    Parameters
    ----------
    folder
        Images, and ``pairs.csv`` (``under_focus, over_focus, dy_px, dx_px``): what is at (x, y) in the first is at
        (x + dx, y + dy) in the second.

    Returns
    -------
    dict
        ``pairs`` and ``refused`` (those in which no voids lie together); ``under`` and ``over`` (voids found in the
        part that both show); ``found_again`` and ``sure_found_again`` (shares of those under focus, of all and of
        those of confidence 0.7 and more); ``sized`` and ``radius_over_under`` (voids with a size in both, and the
        median of their ratio, divided by the magnification).
    """
    pairs, refused = [], 0
    for _, each in pd.read_csv(folder / "pairs.csv").iterrows():
        try:
            pairs.append(_pair(folder, each, method))
        except ImagesError:
            refused += 1
    every = pd.concat(pairs, ignore_index=True) if pairs else pd.DataFrame(columns=_COLUMNS)
    under = every[every["seen_in"].isin([BOTH, UNDER_ONLY])]
    both = every[every["seen_in"] == BOTH]
    sure = under[under["confidence_under"] >= _SURE]
    return {
        "pairs": len(pairs),
        "refused": refused,
        "under": len(under),
        "over": int(every["seen_in"].isin([BOTH, OVER_ONLY]).sum()),
        "found_again": (under["seen_in"] == BOTH).mean(),
        "sure_found_again": (sure["seen_in"] == BOTH).mean(),
        "sized": int(both["ratio"].notna().sum()),
        "radius_over_under": both["ratio"].median(),
    }


def _pair(folder: Path, pair: pd.Series, method: Segmenter) -> pd.DataFrame:
    """Table ``focus_pair`` of a pair; ``ratio``: of the radii, divided by the magnification, where both are sizes."""
    files = [folder / pair[name] for name in ("under_focus", "over_focus")]
    images = [read_image(file) for file in files]
    under, over = (
        replace(method, contrast=sign).find(image)
        for sign, image in zip(("bright", "dark"), images, strict=True)
    )
    found = match_pair(under, over, (pair["dx_px"], pair["dy_px"]), images[0].shape)
    sized = [
        found.table[f"label_{side}"].isin(voids.loc[voids["size_basis"] == FRINGE, "label"])
        for side, voids in (("under", under), ("over", over))
    ]
    ratio = found.table["radius_over_px"] / found.table["radius_under_px"] / found.move.magnification
    return found.table.assign(ratio=ratio.where(sized[0] & sized[1]))
