"""What was decided while the images were being taken (`voidlab watch`): a run of them afterwards goes by it.

So that what is kept of each image counts, and the numbers are those that were seen. The file is
reports/NAME/watched.json.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from voidlab.images.series import ImageSeries
from voidlab.project.paths import RunPaths
from voidlab.run.decided import Decided
from voidlab.segment.segmenter import Segmenter
from voidlab.segment.sphere_fit import Focus
from voidlab.tables.written import replacing

OTHERWISE = "by_all_images"  # in the record of the stage segment: what they would have otherwise
_LEFT_OPEN = ("contrast", "focus")  # settings that are read off the images where they are "auto"
_ALIKE = 0.01  # of the range of intensities
_SURE = 3.0  # standard errors


def keep_watched(paths: RunPaths, decided: Decided) -> None:
    """Keep what was ``decided``, for later runs.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with replacing(_file(paths)) as temporary:
        temporary.write_text(decided.as_json(), encoding="utf-8")


def read_watched(paths: RunPaths) -> Decided | None:
    """What was decided while watching; None where nothing was, or it is damaged."""
    try:
        return Decided.from_json(_file(paths).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def forget_watched(paths: RunPaths) -> None:
    """Let the next run decide by all images."""
    _file(paths).unlink(missing_ok=True)


def digest_of_watched(paths: RunPaths) -> str:
    """What stands for the decisions in the record of a run; empty where there are none."""
    watched = read_watched(paths)
    return "" if watched is None else watched.key


def as_watched(watched: Decided, series: ImageSeries, segmenter: Segmenter) -> Decided | None:
    """What was decided while watching, for the parameters of now: what they set themselves outweighs it.

    None where it says nothing of these images, as they are of another size, or of their fringes or their detector, as
    the defocus, the pixel size or the mode was set since.
    """
    fixed = watched.intensity_range if series.intensity_range is None else series.intensity_range
    now = Decided.as_given(replace(series, intensity_range=fixed), segmenter)
    if now is None or now.images["shape"] != watched.images["shape"]:
        return None
    if any(now.segmenter[name] != watched.segmenter.get(name) for name in ("fringe_px", "dark_field")):
        return None
    of_watch = {
        name: watched.segmenter[name]
        for name in _LEFT_OPEN
        if now.segmenter.get(name) == "auto" and name in watched.segmenter
    }
    choice = watched.choice if "contrast" in of_watch else None
    return replace(now, segmenter={**now.segmenter, **of_watch}, choice=choice)


def differences(watched: Decided, fresh: Decided) -> str:
    """What all images would have it otherwise than was decided while watching, with both; empty where nothing."""
    said = []
    if watched.contrast != fresh.contrast:
        said.append(f"{watched.contrast} voids, by all images {fresh.contrast} ones")
    focus, new_focus = watched.focus, fresh.focus
    if _differ(focus, new_focus):
        said.append(f"{_in_words(focus)}, by all images {_in_words(new_focus)}")
    (low, high), (new_low, new_high) = watched.intensity_range, fresh.intensity_range
    if max(abs(low - new_low), abs(high - new_high)) > _ALIKE * max(high - low, new_high - new_low):
        said.append(f"intensities {low:g} to {high:g}, by all images {new_low:g} to {new_high:g}")
    return "; ".join(said)


def figures_of(decided: Mapping[str, Any], dataset: str) -> list[dict[str, str]]:
    """A key figure, with its warning, where all images would have otherwise what was decided while watching.

    ``decided``: what the stage segment puts into the record. As a key figure it is told on the terminal, too.
    """
    from voidlab.report.key_figures import figure

    said = decided.get(OTHERWISE)
    if not said:
        return []
    warning = (
        f"As decided while the images were taken: {said}. To go by all images, and segment them anew: "
        f"voidlab run {dataset} --decide-again"
    )
    return [figure("Decided by the watch", "check", "all images would decide otherwise", warning=warning)]


def _differ(one: object, other: object) -> bool:
    """Whether two focuses are not the same within their errors."""
    if not isinstance(one, Focus) or not isinstance(other, Focus):
        return one != other
    sigma = math.hypot(one.fringe_sigma_px, other.fringe_sigma_px)
    return one.under != other.under or abs(one.fringe_px - other.fringe_px) > _SURE * sigma


def _in_words(focus: object) -> str:
    if not isinstance(focus, Focus):
        return "in focus" if focus is None else "a focus for each image"
    return f"{'under' if focus.under else 'over'} focus, fringe {focus.fringe_px:.1f} px"


def _file(paths: RunPaths) -> Path:
    return paths.folder / "watched.json"
