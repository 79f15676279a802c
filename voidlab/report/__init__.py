"""Figures, key figures and wording of the reports, as notebooks use them; `voidlab.report.pages` writes the HTML.

A function called ``show_…`` shows a whole figure below a notebook cell; those that draw into an ``Axes`` are in
`voidlab.report.figures`.
"""

from voidlab.report import key_figures, radii
from voidlab.report.detections import segmentation_in_words
from voidlab.report.figures.base import show, show_movie
from voidlab.report.figures.drift import (
    show_drift,
    show_mean_images,
    show_pairs,
    show_verdict,
    show_worst_frames,
)
from voidlab.report.figures.for_papers import figures_for_papers
from voidlab.report.figures.movie import show_track_movie
from voidlab.report.figures.rotating_gif import show_rotating_voids
from voidlab.report.figures.swelling import (
    show_density_and_sizes,
    show_over_series,
    show_size_distribution,
    show_sizes_over_series,
)
from voidlab.report.figures.table import show_table
from voidlab.report.figures.tilt import (
    show_against_truth,
    show_density_by_depth,
    show_depths,
    show_flattened_tracks,
    show_three_sides,
    show_views,
)
from voidlab.report.figures.tracks import show_growth_and_motion, show_track_lengths, show_tracks_over_image
from voidlab.report.figures.voids import (
    show_count_and_fraction,
    show_frames,
    show_middle_frame,
    show_positions_before_and_after,
    show_sizes,
    show_voids_before_and_after,
    write_overlays_of_series,
)
from voidlab.report.key_figures import corrections_in_words
from voidlab.report.kinds import detections_in_words, of_kinds
from voidlab.report.swelling_words import facts_of_sample, readable
from voidlab.report.tilt_words import gauges_in_words, linker_in_words, verdict_in_words
