"""The figure of docs/radii.md, drawn anew: profiles of voids by whom they are, and radii against the truth."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from projects import REPOSITORY
from voidlab import segment
from voidlab.images.series import read_image
from voidlab.segment.azimuthal import azimuthal_profiles
from voidlab.segment.discs import Discs
from voidlab.segment.fringe_profiles import profiles
from voidlab.segment.radius import decide_focus, measure_sizes
from voidlab.training.radius_truth import measured

TRUTH = "c06_r8nm_0.4nmpx_200kV_Ni_sphere_uf1000.tif"
REAL = "17_02.jpg"
AROUND = np.linspace(0, 1.7, 86)
FAR = 1.5  # radii from the centre: beyond, there is nothing of the void
MOST_BYTES = 150_000


def test_draw_the_figure(benchmark, shared):
    """Written to docs/radii.png."""
    file = REPOSITORY / "docs" / "radii.png"
    benchmark.pedantic(draw, (shared, file), rounds=1)
    assert file.stat().st_size < MOST_BYTES


def draw(shared, file):
    folder = shared / "multislice_truth"
    truth = pd.read_csv(folder / "truth.csv").query("image == @TRUTH")
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    known = Discs(*(truth[name].to_numpy(float) for name in ("x_px", "y_px", "r_px")), np.ones(len(truth)))
    beside_each_other(read_image(folder / "images" / TRUTH), known, axes[0], "multislice, r 8 nm, −1 µm")
    image = read_image(shared / "focus_pairs" / REAL)
    discs = segment.load_segmenter("voids", contrast="bright").detect(image).discs
    beside_each_other(image, discs, axes[1], "a real micrograph under focus", refit=True)
    radii_against_truth(measured(folder, segment.load_segmenter("voids")), axes[2])
    figure.savefig(file, dpi=90)
    plt.close(figure)


def beside_each_other(image, discs, ax, title, *, refit=False):
    """The median profile of the voids of an image, and that of round voids of their radii at the focus inferred."""
    focus = decide_focus([(image, discs)], under=True)
    if refit:
        sizes = measure_sizes(image, discs, focus)
        sized = sizes.basis == "fringe"
        discs = Discs(discs.x[sized], discs.y[sized], sizes.radius[sized], discs.confidence[sized])
    found = azimuthal_profiles(image, discs, reach=2.7 * discs.radius, halo=focus.fringe_px)
    seen = [
        np.interp(AROUND, each.distance / radius, each.brightness, right=np.nan)
        for each, radius in zip(found, discs.radius, strict=True)
        if each is not None and each.distance[-1] > 1.1 * FAR * radius  # a neighbour may end it before
    ]
    made = [
        profiles(True).at(AROUND, focus.fringe_px / r, focus.blur_px / r, focus.phase_per_px * r)
        for r in discs.radius
    ]
    for each, label, colour, style in (
        (seen, title, "black", "-"),
        (made, "voidlab's round voids", "#d55e00", "--"),
    ):
        middle = np.nanmedian([_scaled(profile) for profile in each], axis=0)
        ax.plot(AROUND, middle, color=colour, ls=style, label=label)
    ax.axvline(1, color="grey", lw=0.8)
    ax.set(xlabel="distance from the centre / radius", ylabel="brightness, far 0, middle 1", ylim=(-2.2, 2.6))
    ax.legend(fontsize=7, loc="upper right")


def _scaled(profile):
    """0 far from the void, 1 in its middle."""
    far = np.nanmedian(profile[AROUND > FAR])
    return (profile - far) / (np.nanmean(profile[AROUND < 0.3]) - far)


def radii_against_truth(images, ax):
    """Radius over true one against the fringe over the radius, of the images that are off focus."""
    far = images[images["fringe_over_radius"].between(0.05, 1.3)]
    for name, label, colour in (("detected", "as detected", "grey"), ("ratio", "by the fringe", "#0072b2")):
        for over, marker in ((False, "o"), (True, "^")):
            rows = far[(far["defocus_nm"] > 0) == over]
            side = "over" if over else "under"
            ax.plot(
                rows["fringe_over_radius"],
                rows[name],
                marker,
                color=colour,
                ms=4,
                label=f"{label}, {side} focus",
            )
    ax.axhline(1, color="black", lw=0.8)
    ax.set(xlabel="fringe / radius", ylabel="radius / true radius, multislice", ylim=(0.8, 1.25))
    ax.legend(fontsize=7)
