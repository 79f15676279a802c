"""From voids to tracks: linking, the summary of each void's life, growth, motion and mergers."""

from voidlab.track.link import LinkError, interpolate_tracks, link_voids, linkable, summarize_tracks

__all__ = ["LinkError", "interpolate_tracks", "link_voids", "linkable", "summarize_tracks"]
