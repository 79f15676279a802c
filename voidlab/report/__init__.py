"""Figures, key figures and wording of the reports, as notebooks use them; `voidlab.report.pages` writes the HTML.

A function called ``show_…`` shows a whole figure below a notebook cell; the others draw into an ``Axes``.
"""

from voidlab.report import key_figures
from voidlab.report.figures.base import circles, micrograph, scale_bar, show, show_movie, show_table
from voidlab.report.figures.drift import (
    drift_curve,
    error_curve,
    residual_matrix,
    show_drift,
    show_mean_images,
    show_pairs,
    show_verdict,
    show_worst_frames,
    traffic_light,
)
from voidlab.report.figures.movie import show_track_movie
from voidlab.report.figures.rotating_gif import show_rotating_voids
from voidlab.report.figures.swelling import (
    over_series,
    show_density_and_sizes,
    show_over_series,
    show_size_distribution,
    show_sizes_over_series,
    size_distribution,
    sizes_over_series,
)
from voidlab.report.figures.tilt import (
    depth_histogram,
    residual_by_view,
    show_against_truth,
    show_depths,
    show_flattened_tracks,
    show_three_sides,
    show_views,
    three_sides,
)
from voidlab.report.figures.tracks import (
    displacement_field,
    growth_over_radius,
    radius_over_frame,
    show_growth_and_motion,
    show_track_lengths,
    show_tracks_over_image,
    track_lengths,
    tracks_over_image,
)
from voidlab.report.figures.voids import (
    count_and_fraction,
    hits_and_misses,
    overlay,
    overlay_sheet,
    positions_by_frame,
    show_count_and_fraction,
    show_frames,
    show_middle_frame,
    show_positions_before_and_after,
    show_sizes,
    show_voids_before_and_after,
    size_histogram,
    voids_by_frame,
)
from voidlab.report.key_figures import corrections_in_words
from voidlab.report.swelling_words import readable
from voidlab.report.tilt_words import gauges_in_words, linker_in_words, verdict_in_words

__all__ = [
    "circles",
    "corrections_in_words",
    "count_and_fraction",
    "depth_histogram",
    "displacement_field",
    "drift_curve",
    "error_curve",
    "gauges_in_words",
    "growth_over_radius",
    "hits_and_misses",
    "key_figures",
    "linker_in_words",
    "micrograph",
    "over_series",
    "overlay",
    "overlay_sheet",
    "positions_by_frame",
    "radius_over_frame",
    "readable",
    "residual_by_view",
    "residual_matrix",
    "scale_bar",
    "show",
    "show_against_truth",
    "show_count_and_fraction",
    "show_density_and_sizes",
    "show_depths",
    "show_drift",
    "show_flattened_tracks",
    "show_frames",
    "show_growth_and_motion",
    "show_mean_images",
    "show_middle_frame",
    "show_movie",
    "show_over_series",
    "show_pairs",
    "show_positions_before_and_after",
    "show_rotating_voids",
    "show_size_distribution",
    "show_sizes",
    "show_sizes_over_series",
    "show_table",
    "show_three_sides",
    "show_track_lengths",
    "show_track_movie",
    "show_tracks_over_image",
    "show_verdict",
    "show_views",
    "show_voids_before_and_after",
    "show_worst_frames",
    "size_distribution",
    "size_histogram",
    "sizes_over_series",
    "three_sides",
    "track_lengths",
    "tracks_over_image",
    "traffic_light",
    "verdict_in_words",
    "voids_by_frame",
]
