"""What a dataset's report says first: its verdict and why, what it is of, and the few numbers that it is about."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voidlab.project.parameters.models import ExportParameters, SampleParameters
from voidlab.project.paths import POSITIONS
from voidlab.report.states import StageState, list_warnings
from voidlab.report.swelling_words import label_of
from voidlab.tables.verdict import CHECK, GOOD, VERDICTS

Figure = Mapping[str, Any]

_MOST_NUMBERS = 6
_OF_SAMPLE = {
    "name": "",
    "material": "",
    "dose_dpa": " dpa",
    "temperature_c": " °C",
    "foil_thickness_nm": " nm thick",
}
_MOST_LETTERS = 190  # in a line
_OPENING = re.compile(r"^The (verdict on the detections|drift's verdict) is '[a-z ]+': ")
_ANY_DENSITY = tuple(map(label_of, ("number_density_3d", "number_density", "areal_density")))
_MEAN_DIAMETER = tuple(map(label_of, ("mean_diameter_3d", "mean_diameter", "mean_diameter_seen")))
_ANY_DIAMETER = (*_MEAN_DIAMETER, "Void diameter")
_ANY_SWELLING = tuple(map(label_of, ("swelling_3d", "swelling", "volume_per_area")))
# What each kind of dataset is about: the first of a group that there is; those behind fill up to six.
_ABOUT: dict[str, tuple[tuple[str, ...], ...]] = {
    "image": (
        ("Voids",), _ANY_DENSITY, _ANY_DIAMETER, _ANY_SWELLING, ("Complete from",), ("Area fraction",),
        ("Expected recall",),
    ),
    "series": (
        ("Voids in the last image", "Voids per image"), _ANY_DENSITY, _ANY_DIAMETER, _ANY_SWELLING, ("Growth",),
        ("Mergers",), ("Particles",), ("Complete from",),
    ),
    "tilt series": (
        ("Voids in 3D", "Voids per image"), ("Thickness",), _ANY_DENSITY, _ANY_DIAMETER, _ANY_SWELLING,
        ("Depth error",), ("Particles",),
    ),
    "focus pair": (
        ("Seen in both",), ("Seen in one",), ("Radius over : under",), _ANY_DENSITY, _ANY_DIAMETER, _ANY_SWELLING,
    ),
    "positions": (("Particles",), ("Long tracks",), ("Track length",), ("Growth",), ("Mergers",)),
}  # fmt: skip
_TRACKS = "Particles"
# In the list of datasets: a column, and what is shown in it, the first that there is.
COLUMNS = {
    "voids": (
        "Voids in 3D",
        "Voids in the last image",
        "Voids under focus",
        "Voids",
        "Voids per image",
        _TRACKS,
    ),
    "density": _ANY_DENSITY,
    "diameter": _MEAN_DIAMETER,  # "Void diameter" is a range, in a column of means
    "swelling": (*map(label_of, ("swelling_3d", "swelling")),),
}
# The two figures that go with it, files in the folder exports/figures without their extension.
FIGURES_OF = {
    "image": ("sizes", "volume-by-size"),
    "series": ("density-over-series", "sizes"),
    "tilt series": ("density-by-depth", "sizes"),
    "focus pair": ("sizes", "volume-by-size"),
    "positions": ("tracks", "density-over-series"),
}


@dataclass(frozen=True)
class Judgement:
    """What a dataset's results are worth together, ``grade`` empty where there are none; reasons, the worst first."""

    grade: str
    reasons: tuple[str, ...]

    @property
    def in_a_line(self) -> str:
        """As much of the first reason as a line holds."""
        said = _OPENING.sub(_subject, self.reasons[0]) if self.reasons else ""
        kept, *clauses = said.split("; ")
        for clause in clauses:
            if len(kept) + len(clause) > _MOST_LETTERS:
                return f"{kept} …"
            kept += f"; {clause}"
        return kept

    @property
    def left(self) -> int:
        """How many more reasons there are."""
        return max(len(self.reasons) - 1, 0)


def _subject(opening: re.Match[str]) -> str:
    """What a verdict is on, in a word: the badge before it says which verdict."""
    return "drift: " if "drift" in opening[0] else "detections: "


def judge(stages: Sequence[StageState]) -> Judgement:
    """The worst verdict of any stage that counts; with a warning on anything else it is not good either."""
    figures = [f for stage in stages for f in stage.figures if not stage.superseded]
    grades = {grade for grade in (str(f.get("value")) for f in figures) if grade in VERDICTS}
    if not any(stage.status in ("finished", "out of date") for stage in stages):
        return Judgement("", ())
    warned = [sentence for _, sentence in list_warnings(stages)]
    worst = max(grades | ({CHECK} if warned else set()), key=VERDICTS.index, default="")
    of_worst = [str(f["warning"]) for f in figures if f.get("warning") and f.get("value") == worst]
    good = [str(f.get("meaning", "")) for f in figures if f.get("value") == worst][:1]
    return Judgement(worst, tuple(dict.fromkeys([*of_worst, *warned])) or tuple(good))


def kind_of(stages: Iterable[StageState]) -> str:
    """What the dataset is, by the stages that apply to it: image, series, tilt series, focus pair, positions."""
    names = {stage.name for stage in stages}
    if POSITIONS in names:
        return "positions"
    if "reconstruct" in names:
        return "tilt series"
    if "pair" in names:
        return "focus pair"
    return "series" if "drift" in names else "image"


def numbers_of(stages: Sequence[StageState]) -> list[Figure]:
    """The five or six numbers that a dataset of its kind is about, of those there are."""
    there = _by_label(stages)
    about = (
        next((there[label] for label in group if label in there), None) for group in _ABOUT[kind_of(stages)]
    )
    return [figure for figure in about if figure is not None][:_MOST_NUMBERS]


def told_once(stages: Iterable[StageState]) -> list[tuple[str, list[Figure]]]:
    """Status and figures of each stage, without those that an earlier one of that status tells just so."""
    found: list[tuple[str, list[Figure]]] = []
    for stage in stages:
        before = [figure for status, figures in found if status == stage.status for figure in figures]
        found.append((stage.status, [figure for figure in stage.figures if figure not in before]))
    return found


def columns_of(stages: Sequence[StageState]) -> dict[str, str]:
    """What stands in the columns of the list of datasets, empty where nothing is known."""
    there = _by_label(stages)
    found = {
        name: next((there[label] for label in labels if label in there), {})
        for name, labels in COLUMNS.items()
    }
    said = {name: str(figure.get("value", "")) for name, figure in found.items()}
    # Of positions without images it is not known how many voids there are.
    if found["voids"].get("label") == _TRACKS:
        said["voids"] += " tracks"
    return said


def sample_of(stages: Iterable[StageState]) -> list[str]:
    """What was said of the specimen, in words; the stage export records it."""
    said = [stage.record.get("parameters") for stage in stages if stage.name == "export"]
    given = said[0] if said and isinstance(said[0], Mapping) else {}
    known = [
        f"{as_given(given[key])}{unit}"
        for key, unit in _OF_SAMPLE.items()
        if given.get(key) not in (None, "")
    ]
    own = [
        key for key in given if key not in (*ExportParameters.model_fields, *SampleParameters.model_fields)
    ]
    return known + [f"{key.replace('_', ' ')} {given[key]}" for key in own]


def as_given(value: object) -> str:
    """A value of the parameters as a person types it: 100, not 100.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _by_label(stages: Iterable[StageState]) -> dict[str, Figure]:
    there: dict[str, Figure] = {}
    for stage in stages:
        # A dash, with a unit or without, says that nothing is known.
        known = (f for f in stage.figures if not str(f.get("value") or "–").startswith("–"))
        there |= {str(f.get("label")): f for f in known}
    return there


def facts_of(stages: Sequence[StageState]) -> list[tuple[str, str]]:
    """Name and text of what a reader must know of the images, and of what was chosen to look at them."""
    records = {stage.name: stage for stage in stages}
    given = records[POSITIONS].record.get("parameters") if POSITIONS in records else None
    facts = [("File", str(given.get("file", "")))] if isinstance(given, Mapping) else []
    for stage in stages:
        for label in ("Images", "Pixel size"):
            facts += [(label, _in_words(f)) for f in stage.figures if f.get("label") == label]
    segment = records.get("segment")
    decided = segment.record.get("decided") if segment else None
    if isinstance(decided, Mapping) and decided:
        contrast = str(decided.get("contrast", ""))
        if "focus_pair" in decided:
            contrast = "bright under focus and dark over focus"
        chosen = str(decided.get("contrast_verdict", ""))
        # Else the reason is among the warnings; good is the contrast alone, not what was detected.
        why = decided.get("contrast_reason", "") if chosen == GOOD else chosen
        how = f" ({why})" if chosen else ", as set"
        facts.append(("Segmenter", str(decided.get("segmenter", ""))))
        facts.append(("Contrast", f"voids are {contrast}{how}" if contrast else "not used"))
    facts += _focus(segment) if segment else []
    track = records.get("track")
    facts += [
        ("Linker", str(f.get("value")))
        for f in (track.figures if track else [])
        if f.get("label") == "Linker"
    ]
    return [(name, text) for name, text in facts if text]


def _focus(segment: StageState) -> list[tuple[str, str]]:
    """The focus that the fringes tell, on which the radii rest: of a focus pair that of each image."""
    found = []
    for figure in segment.figures:
        name, _, image = str(figure.get("label")).partition(", ")
        focus = focus_of(figure).partition(" (")[0]
        if name == "Radii" and focus:
            found.append((f"Focus, {image.removesuffix(' focus')}" if image else "Focus", focus))
    return found


def focus_of(radii: Figure) -> str:
    """The focus that the key figure on ``radii`` tells, with how it is known; empty where none was inferred."""
    if radii.get("value") != "by the fringe":
        return ""
    return str(radii.get("meaning", "")).partition(": ")[2].partition(";")[0]


def _in_words(figure: Figure) -> str:
    return "; ".join(filter(None, (str(figure.get("value", "")), str(figure.get("meaning", "")))))
