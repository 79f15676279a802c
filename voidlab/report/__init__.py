"""Figures, key figures and wording of the reports, as notebooks use them; `voidlab.report.pages` writes the HTML.

A function called ``show_…`` shows a whole figure below a notebook cell; those that draw into an ``Axes`` are in
`voidlab.report.figures`. All is imported when it is asked for: the command that runs a dataset and writes its pages
draws nothing.
"""

import importlib
from typing import Any

_MODULES = {
    "detections": ("segmentation_in_words",),
    "figures.base": (
        "show",
        "show_movie",
    ),
    "figures.drift": (
        "show_drift",
        "show_mean_images",
        "show_pairs",
        "show_verdict",
        "show_worst_frames",
    ),
    "figures.focus_pair": (
        "show_focus_pair",
        "show_pair_radii",
    ),
    "figures.for_papers": ("figures_for_papers", "figures_of_positions"),
    "figures.movie": ("show_track_movie",),
    "figures.positions": (
        "show_first_and_last_positions",
        "show_positions_before_and_after",
        "show_voids_before_and_after",
    ),
    "figures.rotating_gif": ("show_rotating_voids",),
    "figures.swelling": (
        "show_density_and_sizes",
        "show_over_series",
        "show_size_distribution",
        "show_sizes_over_series",
    ),
    "figures.table": ("show_table",),
    "figures.tilt": (
        "show_against_truth",
        "show_density_by_depth",
        "show_depths",
        "show_flattened_tracks",
        "show_three_sides",
        "show_views",
    ),
    "figures.tracks": (
        "show_growth_and_motion",
        "show_track_lengths",
        "show_tracks_over_image",
    ),
    "figures.voids": (
        "show_count_and_fraction",
        "show_frames",
        "show_middle_frame",
        "show_sizes",
        "write_overlays_of_series",
    ),
    "key_figures": (
        "corrections_in_words",
        "pairs_in_words",
    ),
    "kinds": (
        "detections_in_words",
        "of_kinds",
    ),
    "pair_words": (
        "of_pair",
        "pair_in_words",
    ),
    "swelling_words": (
        "facts_of_sample",
        "readable",
    ),
    "tilt_words": (
        "gauges_in_words",
        "linker_in_words",
        "verdict_in_words",
    ),
}
_MODULE_OF = {name: f"voidlab.report.{module}" for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    if name in ("detections", "growth", "key_figures", "radii"):
        return importlib.import_module(f"voidlab.report.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF, "detections", "growth", "key_figures", "radii"])
