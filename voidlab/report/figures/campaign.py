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
_ENDS = ("value", "low95", "low68", "high68", "high95")
_STYLES = ("-", "--", "-.", ":")


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
    for light, (mark, colour) in _MARKS.items():
        here = rows[shown == light]
        if here.empty:
            continue
        value, *ends = (here[name].to_numpy(float) * read.factor for name in _ENDS)
        at = x[(shown == light).to_numpy()]
        ax.vlines(at, ends[0], ends[3], color=colour, lw=0.9)
        ax.vlines(at, ends[1], ends[2], color=colour, lw=2.6)
        ax.plot(at, value, mark, color=colour, mfc=colour if light == GOOD else "white", ms=6, label=light)
    top, beyond = _top(rows)
    if names:
        ax.set_xticks(range(len(names)), names, rotation=25 if sum(map(len, names)) > 40 else 0, ha="center")
        ax.set_xlim(-0.6, len(names) - 0.4)
    unit = f" ({read.unit})" if read.unit else ""
    ax.set(xlabel=axis_name(column), ylabel=f"{read.name}{unit}", ylim=(0, top * read.factor))
    if beyond:
        ax.set_title(f"{beyond} interval{'s' if beyond > 1 else ''} beyond the axis", fontsize=8)
    if (shown != GOOD).any():
        ax.legend(title="verdict", frameon=False, fontsize=8)
    return ax


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
    known = {"dose_dpa": "dose (dpa)", "temperature_c": "temperature (°C)"}
    return known.get(column, column.replace("_", " "))


def sizes_of_specimens(sizes: pd.DataFrame, ax: Axes, unit: str, *, names: Sequence[str]) -> Axes:
    """Share of the voids per diameter of each specimen, over each other, with a band of 68 % where they are few."""
    if sizes.empty or not sizes["share"].notna().any():
        return nothing(ax, "no voids")
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(names)))
    for n, (name, colour) in enumerate(zip(names, colours, strict=True)):
        rows = sizes[sizes["specimen"] == name]
        if not rows["share"].notna().any():
            continue
        edges = np.append(rows["low"].to_numpy(), rows["high"].to_numpy()[-1:])
        ax.stairs(100 * rows["share"], edges, color=colour, ls=_STYLES[n % 4], lw=1.6, label=name)
        if len(names) <= 4:
            low, high = 100 * rows["share_low68"], 100 * rows["share_high68"]
            ax.stairs(high, edges, baseline=low.to_numpy(), fill=True, color=colour, alpha=0.15)
    ax.set(xlabel=f"diameter ({unit})", ylabel="share of the voids (%)", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)
    return ax
