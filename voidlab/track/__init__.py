"""From voids to tracks: linking, the summary of each void's life, growth, motion and mergers."""

from voidlab.track.corrections import correct_tracks, flag_tracks
from voidlab.track.link import LinkError, interpolate_tracks, link_voids, linkable, summarize_tracks

__all__ = [
    "LinkError",
    "correct_tracks",
    "flag_tracks",
    "interpolate_tracks",
    "link_voids",
    "linkable",
    "summarize_tracks",
]
