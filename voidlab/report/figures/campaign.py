"""Figures of a campaign: numbers of the specimens against what is known of them, and their sizes over each other."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from voidlab.report.figures.base import BLUE, ORANGE, RED, nothing
from voidlab.report.swelling_words import reading
from voidlab.tables.verdict import CHECK, DO_NOT_USE, GOOD

# What is not good is told by its mark, too: filled, open, crossed.
_MARKS = {GOOD: ("o", BLUE), CHECK: ("s", ORANGE), DO_NOT_USE: ("X", RED)}
_MARGIN = 0.12  # beside the outermost points, of their distance
_COLUMNS = ("value", "low95", "low68", "high68", "high95")
_STYLES = ("-", "--", "-.", ":")
_LETTERS, _MANY = (
    40,
    5,
)  # of names that stand side by side; names, and curves that are told apart over each other


def against_sample(specimens: pd.DataFrame, column: str, ax: Axes) -> Axes:
    """One quantity of the specimens over a column of the sample: thick bars 68 %, thin ones 95 %.

    ``specimens`` has a row for each, as `voidlab.report.campaign.Campaign.specimens`, of one quantity.
    """
    rows = specimens.dropna(subset=["value", column])
    if rows.empty:
        return nothing(ax, f"no specimen with {column}")
    read = reading(rows["quantity"].iloc[0], rows["unit"].iloc[0])
    x, names = _places(rows[column])
    shown = rows["verdict"].where(rows["verdict"].isin([CHECK, DO_NOT_USE]), GOOD)
    for grade, (mark, colour) in _MARKS.items():
        here = rows[shown == grade]
        if here.empty:
            continue
        value, *ends = (here[name].to_numpy(float) * read.factor for name in _COLUMNS)
        at = x[(shown == grade).to_numpy()]
        ax.vlines(at, ends[0], ends[3], color=colour, lw=0.9)
        ax.vlines(at, ends[1], ends[2], color=colour, lw=2.6)
        ax.plot(at, value, mark, color=colour, mfc=colour if grade == GOOD else "white", ms=6, label=grade)
    top, beyond = _top(rows)
    if names:
        _name_places(ax, names)
        ax.set_xlim(-0.6, len(names) - 0.4)
    else:
        ax.set_xlim(*_ends(x))
    unit = f" ({read.unit})" if read.unit else ""
    ax.set(xlabel=axis_name(column), ylabel=f"{read.name}{unit}", ylim=(0, top * read.factor))
    if len(names) > _MANY:  # their names leave little height
        ax.yaxis.label.set_fontsize(7)
    if beyond:
        ax.set_title(f"{beyond} interval{'s' if beyond > 1 else ''} beyond the axis", fontsize=8, loc="left")
    if (shown != GOOD).any():  # above the axes: inside there may be a point anywhere
        ax.legend(
            frameon=False, fontsize=8, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2,
            handletextpad=0.1, columnspacing=0.9,
        )  # fmt: skip
    return ax


def _ends(x: np.ndarray) -> tuple[float, float]:
    """Ends of an axis on which no point of ``x`` lies near the frame."""
    low, high = float(x.min()), float(x.max())
    margin = _MARGIN * ((high - low) or abs(high) or 1.0)
    return low - margin, high + margin


def _name_places(ax: Axes, names: Sequence[str]) -> None:
    """Names below the axis: long ones slanted, many steep, each ending at its place."""
    letters = sum(map(len, names))
    if letters <= _LETTERS:
        ax.set_xticks(range(len(names)), names)
        return
    angle = 30 if len(names) <= _MANY else 60
    ax.set_xticks(range(len(names)), names, rotation=angle, ha="right", rotation_mode="anchor", fontsize=8)


def _places(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Where on the axis each value goes; names of the places where the values are words."""
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().all() and not column.map(lambda value: isinstance(value, bool)).any():
        return numbers.to_numpy(float), []
    words = column.astype(str)
    names = list(dict.fromkeys(words))
    place = words.map(names.index).to_numpy(float)
    # Specimens of one name stand beside each other.
    beside = words.groupby(words).cumcount().to_numpy(float)
    return place + 0.08 * beside, names


def _top(rows: pd.DataFrame) -> tuple[float, int]:
    """Where the axis ends, and how many intervals do not: a few fields must not flatten all others."""
    most = 3 * float(rows["value"].max())
    ends = rows["high95"].fillna(rows["value"])
    return 1.08 * max(float(ends.clip(upper=most).max()), 1e-30), int((ends > most).sum()) if most > 0 else 0


def axis_name(column: str) -> str:
    """What a column of the sample is called, with its unit."""
    known = {
        "dose_dpa": "dose (dpa)",
        "temperature_c": "temperature (°C)",
        "foil_thickness_nm": "foil thickness (nm)",
    }
    return known.get(column, column.replace("_", " "))


def sizes_of_specimens(sizes: pd.DataFrame, ax: Axes, unit: str, *, names: Sequence[str]) -> Axes:
    """Share of the voids per diameter of each specimen: over each other, with a band of 68 % where they are few.

    Many stand one below the other, each as high as its largest bin.
    """
    if sizes.empty or not sizes["share"].notna().any():
        return nothing(ax, "no voids")
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(names)))
    below = len(names) > _MANY
    for n, (name, colour) in enumerate(zip(names, colours, strict=True)):
        rows = sizes[sizes["specimen"] == name]
        if not rows["share"].notna().any():
            continue
        edges = np.append(rows["low"].to_numpy(), rows["high"].to_numpy()[-1:])
        if below:
            height = 0.9 * rows["share"].to_numpy() / rows["share"].max() - n
            ax.stairs(height, edges, baseline=-n, fill=True, color=colour, alpha=0.8)
            continue
        ax.stairs(100 * rows["share"], edges, color=colour, ls=_STYLES[n % 4], lw=1.6, label=name)
        if len(names) <= 4:
            low, high = 100 * rows["share_low68"], 100 * rows["share_high68"]
            ax.stairs(high, edges, baseline=low.to_numpy(), fill=True, color=colour, alpha=0.15)
    ax.set_xlabel(f"diameter ({unit})")
    if below:
        ax.set_yticks(-np.arange(len(names)), names, fontsize=7)
        ax.set(ylim=(-len(names) + 0.9, 1.05))
        ax.set_title("share of the voids, each over its largest", fontsize=8)
        return ax
    ax.set(ylabel="share of the voids (%)", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)
    return ax
