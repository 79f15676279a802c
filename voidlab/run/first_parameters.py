"""The parameter file that a dataset begins with: what was found in its images, and what may have to be set."""

import textwrap
from collections.abc import Sequence

from voidlab.images.microscope import in_words
from voidlab.images.series import ImageSeries
from voidlab.run.images import proposed_boxes

_NEW = """\
{found}
# What is not set has its default. To set a line take away its #; `voidlab check` finds mistakes.
dataset: {name}
images: {source}
{pair}{pixel_size}
{of_series}{boxes}
{sample}
{microscope}

# segment: {{contrast: dark}}           # bright or dark, where auto errs; also threshold, {smallest}, ...
{stages_of_series}"""

# Of a single image these have nothing to say.
_OF_SERIES = """\
{angles}
{times}
# excluded_frames: [17, 30-42]        # frames to leave out
"""
_STAGES_OF_SERIES = """\
# drift: {source: images}             # images, where voids do not tell the drift
# track: {search_range_px: 12, memory: 5}   # what else than auto, 2; linker: auto, trackpy, assign or tilt
# export: {min_frames: 20}            # shortest track in the table of coordinates
"""


def first_parameters(
    name: str, source: str, series: ImageSeries, sample: str = "", pair: Sequence[str] = ()
) -> str:
    """Text of the parameter file of dataset ``name``.

    Parameters
    ----------
    source
        That of its images, from where the file lies.
    sample
        Name of the specimen, which its other fields of view bear too; empty where it is not known.
    pair
        Of two images that may be a focus pair, the file under focus and the one over it, from where the file lies.
    """
    size = series.calibration.pixel_size_nm
    of_series = _OF_SERIES.format(angles=_tilts(series), times=_times(series))
    return _NEW.format(
        found="\n".join(map(_comment, [series.describe(), *series.notes])),
        name=quoted(name),
        source=quoted(source),
        pair=line_of_pair(*pair) if pair else "",
        pixel_size=_pixel_size(series),
        of_series=of_series if len(series) > 1 else "",
        stages_of_series=_STAGES_OF_SERIES if len(series) > 1 else "",
        boxes=_boxes(series),
        sample=_sample(sample),
        microscope=_microscope(series),
        smallest="min_radius_px: 2.5" if size is None else f"min_diameter_nm: {5 * size:.2g}",
    )


def line_of_pair(under: str, over: str) -> str:
    """The line that makes two files a focus pair, commented out."""
    files = f"{{under: {quoted(under)}, over: {quoted(over)}}}"
    return f"# focus_pair: {files}   # in place of images: one field under focus and over it\n"


def _pixel_size(series: ImageSeries) -> str:
    size = series.calibration.pixel_size_nm
    if size is None:
        return "# pixel_size_nm: 0.47                 # width of a pixel; without it all lengths are in px"
    if series.calibration.source == "parameters":
        return f"pixel_size_nm: {size:.6g}"
    return f"# the images say {size:.4g} nm per px; pixel_size_nm: ... outweighs them"


def _tilts(series: ImageSeries) -> str:
    if series.frames["tilt_deg"].notna().all():
        return "# tilt angles were found with the images; tilt_angles_deg: ... outweighs them"
    return "# tilt_angles_deg: tilt.rawtlt        # a tilt series: a file of angles, or a list"


def _times(series: ImageSeries) -> str:
    if len(series) > 1 and series.frames["time_s"].notna().all():
        last = series.frames["time_s"].iloc[-1]
        return f"# times up to {last:.6g} s were found with the images; frame_interval_s: ... outweighs them"
    return "# frame_interval_s: 0.5               # a video: time between frames"


def _boxes(series: ImageSeries) -> str:
    found = proposed_boxes(series)
    if found:
        return f"# ignore_boxes_px: {found}   # burnt-in text, bars or vacuum? Look, and remove the first #"
    return "# ignore_boxes_px: [[10, 480, 120, 30]]   # burnt-in text and bars: left, top, width, height"


def _sample(name: str) -> str:
    if name:
        return f"sample: {{name: {quoted(name)}}}   # the same for all fields of a specimen"
    return "# sample: {name: A1, material: Ni, dose_dpa: 12.5, temperature_c: 600}   # columns of `voidlab compare`"


def _microscope(series: ImageSeries) -> str:
    said = in_words(series.microscope)
    if said:
        return f"# the images were taken {said}; microscope: {{voltage_kv: ..., mode: ...}} outweighs that"
    return (
        "# microscope: {voltage_kv: 300, mode: HAADF}   # else 200 kV, bright field; also defocus_nm: -1000"
    )


def _comment(text: str) -> str:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)  # YAML takes no others
    return textwrap.fill(plain, 110, initial_indent="# ", subsequent_indent="#   ", break_long_words=False)


def quoted(text: str) -> str:
    """``text`` as a YAML string."""
    return "'" + text.replace("'", "''") + "'"
