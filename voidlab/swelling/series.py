"""Number density, sizes and swelling of a dataset: of the frame that speaks for it, and over frames, time or dose."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from voidlab import tables
from voidlab.swelling.estimate import Swelling, measure_swelling
from voidlab.swelling.sample import Sample, SwellingError
from voidlab.swelling.sizes import BinWidth, SizeDistribution, bin_width, size_distribution
from voidlab.tables.focus import is_pair, name_of
from voidlab.tables.size_basis import is_size
from voidlab.tables.tilts import is_tilted

ValidArea = Callable[[int], np.ndarray]
_DRAWS_OF_A_FRAME = 500  # a series has many; the one that is published has more


@dataclass(frozen=True)
class Outcome:
    """What a dataset says of its material.

    Parameters
    ----------
    frame
        The frame whose voids are summed up; None when no frame was looked at.
    summary
        The estimates of that frame.
    sizes
        How the diameters of its voids are distributed.
    over_time : DataFrame
        Table ``swelling``: the estimates of every frame.
    notes
        Sentences: which frame, what is missing, what was corrected.
    doubt
        Why a foil thickness that was given is not used; empty when it is, or none was given.
    warnings
        Sentences on what else was given and cannot be used, or is not to be relied on.
    called
        What that frame is called: frame 7, or of a focus pair under focus; empty of a single image.
    """

    frame: int | None
    summary: Swelling
    sizes: SizeDistribution
    over_time: pd.DataFrame
    notes: tuple[str, ...]
    doubt: str = ""
    warnings: tuple[str, ...] = ()
    called: str = ""

    @property
    def diameter_error(self) -> float | None:
        """Relative standard error that all diameters of the frame share; None without voids that have a size."""
        found = self.summary.estimates
        known = found.loc[found.index == "mean_diameter_seen", "size"].dropna()
        return float(f"{known.iloc[0]:.2g}") if len(known) else None

    def sizes_table(self, pixel: float) -> pd.DataFrame:
        """Table ``sizes``; ``pixel`` is the width of a pixel in the unit of the sizes."""
        bins = self.sizes.bins
        if self.frame is None or bins.empty:
            return tables.empty("sizes")
        table = bins.assign(
            frame=self.frame,
            size_bin=np.arange(1, len(bins) + 1),
            diameter_low_px=bins["low"] / pixel,
            diameter_high_px=bins["high"] / pixel,
        )
        return tables.select(table, "sizes")

    def counted_table(self) -> pd.DataFrame:
        """Table ``counted``: the voids that the numbers rest on, each with the area it stands for."""
        if self.frame is None or self.summary.counted.empty:
            return tables.empty("counted")
        return tables.select(self.summary.counted.assign(frame=self.frame), "counted")


def measure_series(
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    sample: Sample,
    *,
    frame: int | None = None,
    dose_dpa: float | None = None,
    dose_dpa_per_s: float | None = None,
    dose_dpa_per_frame: float | None = None,
    valid_area: ValidArea | None = None,
    odd: Collection[int] = (),
) -> Outcome:
    """Sum up the voids of one frame, and follow density and swelling over all of them.

    Parameters
    ----------
    frames, voids : DataFrame
        The tables of these names.
    frame
        The frame to sum up; None: that of the lowest tilt, else the last one looked at.
    dose_dpa, dose_dpa_per_s, dose_dpa_per_frame
        See `swelling_over_time`. A dose rate that frame times are missing for is told among the ``warnings``.
    valid_area
        Gives the pixels (H, W) of a row of ``frames`` that show the specimen, as `voidlab.images.ImageSeries` does;
        asked where ``valid_px`` is not the whole image.
    odd
        Frames that stand out of the series, blurred or with voids missing: none of them is chosen while there are
        others.

    Notes
    -----
    Voids of several frames are never added up: the same void would count as often as it is seen. Where the voids are
    wider than the foil could be thick, the thickness is not used, and ``doubt`` says so.

    Raises
    ------
    SwellingError
        If ``frame`` was not looked at.
    """
    chosen, why = _choose(frames, frame, odd)
    here = voids[voids["frame"] == chosen]
    row = np.flatnonzero(frames["frame"] == chosen)

    def measure(sample: Sample) -> tuple[Swelling, pd.DataFrame]:
        in_frame = _in_frame(sample, frames, int(row[0]), valid_area) if row.size else sample
        return measure_swelling(here, in_frame), swelling_over_time(
            frames,
            voids,
            sample,
            dose_dpa=dose_dpa,
            dose_dpa_per_s=dose_dpa_per_s,
            dose_dpa_per_frame=dose_dpa_per_frame,
            valid_area=valid_area,
        )

    doubt = ""
    try:
        summary, over_time = measure(sample)
    except SwellingError as error:
        if sample.foil is None:
            raise
        doubt, sample = f"The foil thickness is not used: {error}", replace(sample, foil=None)
        summary, over_time = measure(sample)
    if chosen is None:  # of what was not looked at nothing is known, not even that there are no voids
        summary = replace(summary, estimates=summary.estimates.iloc[:0], notes=())
    else:
        over_time = _as_summed_up(over_time, chosen, summary.estimates)
    sized = summary.counted[is_size(summary.counted)]
    sizes = size_distribution(
        2 * sized["radius_px"].to_numpy(float) * sample.pixel,
        pixel=sample.pixel,
        unit=sample.unit,
        weight=1 / sized["area_px2"].to_numpy(float),
        bins=bins_of_series(voids, sample.pixel, sample.unit),
    )
    # The doubt says it better than that no thickness was given.
    said = [n for n in summary.notes if not (doubt and n.about == "thickness")]
    notes = tuple(filter(None, (why, doubt, *said)))
    number = None if chosen is None else int(chosen)
    called = "" if number is None or len(frames) == 1 else name_of(number, frames)
    warnings = _missing_times(frames, dose_dpa_per_s)
    return Outcome(
        number,
        summary,
        sizes,
        tables.select(over_time, "swelling"),
        (*notes, *warnings),
        doubt,
        warnings,
        called,
    )


def _as_summed_up(over_time: pd.DataFrame, frame: int, estimates: pd.DataFrame) -> pd.DataFrame:
    """``over_time`` in which a frame has the ``estimates`` of the summary, which are of more draws."""
    of_frame = over_time["frame"] == frame
    about = over_time.loc[of_frame, ["frame", "time_s", "dose_dpa", "quantity"]]
    summed_up = about.merge(estimates.reset_index(), on="quantity", how="left").set_index(about.index)
    return pd.concat([over_time[~of_frame], tables.select(summed_up, "swelling")]).sort_index()


def bins_of_series(voids: pd.DataFrame, pixel: float, unit: str) -> BinWidth:
    """Size bins of a series: from its voids away from the edge, of all frames; ``pixel`` is its width in ``unit``."""
    inside = voids[~voids["touches_edge"]] if "touches_edge" in voids else voids
    inside = inside[is_size(inside)]
    diameter = 2 * inside["radius_px"].to_numpy(float) * pixel
    return bin_width(diameter, images=inside["frame"].nunique(), pixel=pixel, unit=unit)


def _missing_times(frames: pd.DataFrame, dose_dpa_per_s: float | None) -> tuple[str, ...]:
    """The warning that a dose rate says nothing where the time of an image is not known."""
    missing = int(frames.loc[frames["status"] == "ok", "time_s"].isna().sum())
    if dose_dpa_per_s is None or not missing:
        return ()
    return (
        f"A dose rate of {dose_dpa_per_s:g} dpa/s is given, but {missing} of {len(frames)} images have no time: "
        "their dose is left empty. Give frame_interval_s or times_s, or dose_dpa_per_frame instead.",
    )


def swelling_over_time(
    frames: pd.DataFrame,
    voids: pd.DataFrame,
    sample: Sample,
    *,
    dose_dpa: float | None = None,
    dose_dpa_per_s: float | None = None,
    dose_dpa_per_frame: float | None = None,
    valid_area: ValidArea | None = None,
) -> pd.DataFrame:
    """Estimates of every frame that was looked at, also those without voids.

    Parameters
    ----------
    frames : DataFrame
        Table ``frames``. In a tilted one the beam crosses as much more of the foil.
    dose_dpa
        Dose at time 0 or in the first image, to which the others add; without them that of all images.
    dose_dpa_per_s, dose_dpa_per_frame
        The dose counts from time 0, or from the first image on; None: unknown.
    valid_area
        See `measure_series`.

    Returns
    -------
    DataFrame
        A row per frame and quantity: ``frame, time_s, dose_dpa`` (NaN when unknown), ``quantity``, and the columns of
        `voidlab.swelling.Swelling.estimates`. Errors of size, thickness and scale are common to all frames: they move
        the curve as a whole.
    """
    of_frame = dict(iter(voids.groupby("frame")))
    dose = _dose(frames, dose_dpa, dose_dpa_per_s, dose_dpa_per_frame)
    parts = [tables.empty("swelling")]
    for row in np.flatnonzero(_looked_at(frames)):
        image = frames.iloc[row]
        here = of_frame.get(image["frame"], voids.iloc[:0])
        in_frame = _in_frame(sample, frames, int(row), valid_area)
        found = measure_swelling(here, in_frame, draws=_DRAWS_OF_A_FRAME).estimates
        about = {"frame": image["frame"], "time_s": image["time_s"], "dose_dpa": dose[row]}
        parts.append(found.reset_index().assign(**about))
    return tables.select(pd.concat(parts[1:] or parts, ignore_index=True), "swelling")


def _in_frame(sample: Sample, frames: pd.DataFrame, row: int, valid_area: ValidArea | None) -> Sample:
    """``sample`` as a row of ``frames`` shows it: tilted, and the part of the image that shows it."""
    image = frames.iloc[row]
    tilted = sample.tilted(image["tilt_deg"])
    whole = sample.shape[0] * sample.shape[1]
    if valid_area is None or image.get("valid_px", whole) == whole:
        return tilted
    return replace(tilted, valid=valid_area(row))


def _dose(
    frames: pd.DataFrame, start: float | None, per_s: float | None, per_frame: float | None
) -> np.ndarray:
    """Dose at each image, dpa; NaN when unknown."""
    before = start or 0.0
    if per_frame is not None:
        return before + np.arange(len(frames)) * per_frame
    if per_s is None:
        return np.full(len(frames), np.nan if start is None else start)
    time: np.ndarray = frames["time_s"].to_numpy(float)
    return before + time * per_s


def _looked_at(frames: pd.DataFrame) -> pd.Series:
    """Which images were looked at, and for voids: where only loops were asked for, no voids is not 0 voids."""
    ok = frames["status"] == "ok"
    return ok & frames["void_count"].notna() if "void_count" in frames else ok


def _choose(frames: pd.DataFrame, wanted: int | None, odd: Collection[int]) -> tuple[int | None, str]:
    """The frame that speaks for the dataset, and the sentence that says which and why."""
    seen = frames[_looked_at(frames)]
    if wanted is not None:
        if wanted not in set(seen["frame"]):
            raise SwellingError(
                f"frame {wanted} was not looked at for voids: there is nothing to sum up in it."
            )
        return wanted, f"Numbers are those of {_image(wanted, frames)}."
    if seen.empty:
        return None, "No image was looked at for voids."
    if is_tilted(seen["tilt_deg"]):
        lowest = seen.iloc[int(np.nanargmin(seen["tilt_deg"].abs().to_numpy()))]
        chosen, why = int(lowest["frame"]), f"the one of the lowest tilt, {lowest['tilt_deg']:g}°"
    else:
        last = int(seen["frame"].iloc[-1])
        usual = seen.loc[~seen["frame"].isin(odd), "frame"]
        chosen = int(usual.iloc[-1]) if len(usual) else last
        why = "the last one" if chosen == last else f"the last one that does not stand out, as {last} does"
    if len(seen) == 1:
        return chosen, ""
    if is_pair(frames):
        return chosen, f"Numbers are those of {_image(chosen, frames)}: both show the same voids."
    return chosen, f"Numbers are those of frame {chosen}, {why}: the same void is seen in many frames."


def _image(frame: int, frames: pd.DataFrame) -> str:
    """An image in a sentence: "frame 7", "the image under focus"."""
    return f"the image {name_of(frame, frames)}" if is_pair(frames) else name_of(frame, frames)
