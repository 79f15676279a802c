"""From voids to tracks: linking, the summary of each void's life, growth, motion and mergers."""

from voidlab.track.assign import link_by_assignment
from voidlab.track.conservation import (
    Conservation,
    clear_events,
    compare_laws,
    law_in_words,
    with_reading_errors,
)
from voidlab.track.corrections import correct_tracks, flag_tracks
from voidlab.track.drift_from_voids import drift_from_tracks
from voidlab.track.fates import describe_fates, fates_in_words
from voidlab.track.focus_pair import drift_of_pair, match_pair, pair_of_series
from voidlab.track.history import History, describe_tracks
from voidlab.track.link import LinkError, link_voids, linkable
from voidlab.track.mergers import find_merges, find_splits, follow_larger, followed_in_words
from voidlab.track.motion import diffusion, pooled_diffusion
from voidlab.track.neighbours import local_displacements
from voidlab.track.outcomes import compare_linking, count_outcomes, find_outcomes
from voidlab.track.search_range import search_range_of
from voidlab.track.series import Linking, corrected_points, link_series
from voidlab.track.summary import (
    growth_in_words,
    interpolate_tracks,
    least_frames,
    left_out_in_words,
    summarize_tracks,
    tracks_with_size,
)
