"""What is chosen once for a series and holds for every image: intensities, contrast, focus, arithmetic, network.

Read off images spread over the series, or given by parameters. What comes of an image rests on nothing else than the
image and this, so it is what frames are kept under (`voidlab.run.frame_cache`), and what is sent to whoever segments
some of them.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal, Self

import numpy as np

from voidlab.errors import VoidlabError
from voidlab.images.sample import sample, sample_rows
from voidlab.images.series import ImageSeries
from voidlab.project import fingerprints
from voidlab.segment.contrast import ContrastChoice
from voidlab.segment.identity import identity_of
from voidlab.segment.segmenter import Segmenter
from voidlab.segment.sphere_fit import Focus

# The rooms that the segmentation of an image rests on: changed code elsewhere changes nothing of it.
ROOMS = ("segment", "measure.py", "images", "tables", "project", "errors.py", "__init__.py")
# Whose versions the pixels of an image, or what is found in them, may rest on.
_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-image", "torch", "tifffile", "imagecodecs", "mrcfile",
              "pillow", "imageio", "av", "rosettasciio")  # fmt: skip
_FORMAT = 1  # of what is kept of a frame
_CLIPPED = 0.5  # share of the pixels outside the intensities given, beyond which these are a mistake


class DecidedError(VoidlabError):
    """What was decided for a series does not fit it, or this computer."""


@dataclass(frozen=True)
class Decided:
    """What holds for every image of a series.

    Attributes
    ----------
    intensity_range : tuple of float
        Stored values that become 0 and 1.
    segmenter : dict
        Settings, contrast, focus and arithmetic of the segmenter, and the digest of its network, see `identity_of`.
    images : dict
        What of the images counts, and which of those in a file.
    code : str
        Digest of the code that segments an image.
    libraries : dict
        Versions of the libraries that it uses.
    choice : dict or None
        How the contrast was chosen, as `ContrastChoice`; it changes nothing of what is found.
    """

    intensity_range: tuple[float, float]
    segmenter: dict[str, Any]
    images: dict[str, Any]
    code: str
    libraries: dict[str, str]
    choice: dict[str, Any] | None = None

    @classmethod
    def of(cls, series: ImageSeries, segmenter: Segmenter) -> Self | None:
        """What holds for the images of ``series``: contrast and focus by a sample of them where they are left open.

        None where it cannot be told what the segmenter or the images rest on, as they are not of this package, nor
        where no image can be read.

        Raises
        ------
        DecidedError
            If most pixels lie outside the intensities that were given.
        """
        if type(series) is not ImageSeries or identity_of(segmenter) is None or not _can_be_read(series):
            return None
        _check_intensities(series)
        decided = segmenter.with_contrast_from(sample(series)).with_focus_from(sample(series))
        return cls.as_given(series, decided)

    @classmethod
    def as_given(cls, series: ImageSeries, segmenter: Segmenter) -> Self | None:
        """As `of`, but what the ``segmenter`` leaves open stays open."""
        identity = identity_of(segmenter)
        if type(series) is not ImageSeries or identity is None:
            return None
        choice = None if segmenter.choice is None else asdict(segmenter.choice)
        counts, code = _what_counts(series), fingerprints.code_digest(*ROOMS)
        made = cls(series.scale, identity, counts, code, libraries(), choice)
        return cls.from_json(made.as_json())  # what is read again later is the same, to the order of its keys

    @property
    def key(self) -> str:
        """What frames are kept under: other than how the contrast was chosen, all that they rest on."""
        content = {name: value for name, value in asdict(self).items() if name != "choice"}
        return fingerprints.digest_of({**content, "format": _FORMAT})[:16]

    @property
    def contrast(self) -> str:
        return str(self.segmenter["contrast"])

    @property
    def focus(self) -> Focus | tuple[Focus | None, ...] | Literal["auto"] | None:
        """What radii are measured with, of a focus pair each; "auto" where the segmenter does so by itself."""
        found = self.segmenter["focus"]
        if isinstance(found, list):
            return tuple(each and Focus(**each) for each in found)
        return Focus(**found) if isinstance(found, dict) else found

    @property
    def arithmetic(self) -> str:
        return str(self.segmenter["arithmetic"])

    @property
    def in_record(self) -> dict[str, Any]:
        """For the record of a run and its page."""
        return {
            "intensity_range": list(self.intensity_range),
            "model": self.segmenter["model"],
            "code": self.code,
            "libraries": self.libraries,
            "frames_kept_under": self.key,
        }

    def applied_to(self, segmenter: Segmenter) -> Segmenter:
        """The ``segmenter``, its contrast as it was decided.

        Raises
        ------
        DecidedError
            If it is another one, or it computes in other numbers here, than what was decided with.
        """
        choice = None if self.choice is None else ContrastChoice(**self.choice)
        same = replace(segmenter, contrast=self.contrast, choice=choice, focus=self.focus)
        self.check(same)
        return same

    def check(self, segmenter: Segmenter) -> None:
        """Raise DecidedError where ``segmenter`` is not the one that was decided on."""
        found = identity_of(segmenter) or {}
        others = [name for name in {**self.segmenter, **found} if self.segmenter.get(name) != found.get(name)]
        if others:
            said = "; ".join(
                f"{name}: {str(found.get(name))[:40]}, decided was {str(self.segmenter.get(name))[:40]}"
                for name in others
            )
            raise DecidedError(
                f"the segmenter is not the one that was decided on for the series ({said}). Use the same parameters, "
                "network and kind of processor for all of its images; segment.arithmetic sets what it computes in."
            )

    def pin(self, series: ImageSeries) -> None:
        """Make ``series`` give its images with the intensities that were decided, be there more of them by now.

        Raises
        ------
        DecidedError
            If other parts of the images count, or other intensities were used already.
        """
        if _what_counts(series) != self.images:
            raise DecidedError(
                "other parts of the images count than was decided: crop_px, ignore_boxes_px, or which."
            )
        if "scale" in vars(series) and series.scale != self.intensity_range:
            raise DecidedError(
                f"the images were opened with intensities {series.scale}, decided was {self.intensity_range}."
            )
        series.scale = self.intensity_range

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        content = json.loads(text)
        return cls(**{**content, "intensity_range": tuple(content["intensity_range"])})


def libraries() -> dict[str, str]:
    """Versions of the libraries that what is found may rest on."""
    return dict(_versions())


def _versions() -> Iterator[tuple[str, str]]:
    for name in _LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def asked(series: ImageSeries, segmenter: Segmenter, images: str) -> str:
    """Digest of all that decides a `Decided`, before it is: with the same, it need not be decided again.

    ``images`` is the digest of all images.
    """
    return fingerprints.digest_of(
        {
            "images": images,
            "frames": series.frames["status"].tolist(),
            "range": series.intensity_range,
            "counts": _what_counts(series),
            "segmenter": identity_of(segmenter),
            "code": fingerprints.code_digest(*ROOMS),
            "libraries": libraries(),
            "format": _FORMAT,
        }
    )[:16]


def _what_counts(series: ImageSeries) -> dict[str, Any]:
    inside = "" if series.inside is None else sha256(np.packbits(series.inside).tobytes()).hexdigest()
    return {"shape": list(series.shape), "inside": inside, "choice": series.choice.made}


def _check_intensities(series: ImageSeries) -> None:
    """Raise DecidedError where the intensities that were given leave most of the images black or white."""
    if series.intensity_range is None:
        return
    low, high = series.intensity_range
    shares = [np.mean((image < low) | (image > high)) for image in _raw(series)]
    if shares and np.mean(shares) > _CLIPPED:
        found = replace(series, intensity_range=None).scale
        raise DecidedError(
            f"segment.intensity_range = [{low:g}, {high:g}]: {np.mean(shares):.0%} of the pixels lie outside. The "
            f"images hold values from about {found[0]:g} to {found[1]:g}; give such ones, or leave it out."
        )


def _can_be_read(series: ImageSeries) -> bool:
    """Whether there is an image to read the intensities off."""
    try:
        return series.scale is not None
    except OSError:
        return False


def _raw(series: ImageSeries) -> Iterator[np.ndarray]:
    for row in sample_rows(series):
        try:
            yield series.raw(int(row))
        except OSError:
            continue
