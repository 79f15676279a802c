"""Datasets as fields of view of specimens: which of them count, and the numbers of every specimen.

Fields of one specimen have the same ``sample.name``; a dataset without a name is a specimen of its own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from voidlab.report.campaign_members import LABELS, Member
from voidlab.report.campaign_words import (
    in_px_in_words,
    named,
    single_fields_in_words,
    two_fields_in_words,
    without_a_size_in_words,
    without_a_thickness_in_words,
)
from voidlab.swelling.pooled import Field, common_spread, pool_fields, pool_sizes
from voidlab.swelling.sizes import bin_width
from voidlab.tables.verdict import CHECK, DO_NOT_USE, VERDICTS

_MOST_BINS = 60
_UNITS = ("nm", "px")


@dataclass(frozen=True)
class Campaign:
    """What the datasets say together.

    Parameters
    ----------
    members
        Every dataset asked for.
    specimens : DataFrame
        A row per specimen and quantity: see `voidlab.swelling.pooled.pool_fields`, with ``specimen``, the columns
        of the sample, ``verdict`` (the worst of its fields), ``voids`` and ``area`` in all, and ``length_unit``, nm
        or px: specimens of the one are never compared with those of the other.
    sizes : DataFrame
        A row per specimen and size bin, the same bins for all of one ``length_unit``.
    notes
        What a reader must know: what was left out, what disagrees.
    columns
        Names of the columns of the sample.
    """

    members: tuple[Member, ...]
    specimens: pd.DataFrame
    sizes: pd.DataFrame
    notes: tuple[str, ...]
    columns: tuple[str, ...]

    def of_unit(self, unit: str) -> "Campaign":
        """This campaign with the specimens of one unit only, nm or px."""
        rows = [t[t["length_unit"] == unit] if len(t) else t for t in (self.specimens, self.sizes)]
        return replace(self, specimens=rows[0], sizes=rows[1])

    def fields(self) -> pd.DataFrame:
        """A row per dataset: whether it counts, its verdict, and what it says by itself."""
        rows = []
        for member in self.members:
            row = {"dataset": member.dataset, "specimen": member.specimen, "counts": not member.why_not}
            row |= {
                "verdict": member.verdict,
                "reason": member.why_not or member.reason,
                "frame": member.frame,
            }
            row |= {name: member.sample.get(name) for name in self.columns}
            if member.field is not None:
                row |= {
                    "voids": len(member.field.diameter),
                    "voids_without_size": int((~member.field.sized).sum()),
                    "area": member.field.area,
                    "unit": member.field.unit,
                }
                values = member.field.estimates["value"]
                row |= {name: values[name] for name in values.index if "uncorrected" not in name}
            rows.append(row)
        table = pd.DataFrame(rows)
        return table.assign(frame=table["frame"].astype("Int64")) if len(table) else table


def compare(members: Sequence[Member], *, leave_out: Collection[str] = (), common: bool = False) -> Campaign:
    """Pool the fields of each specimen.

    Parameters
    ----------
    leave_out
        Verdicts whose datasets do not count: check, do not use.
    common
        Whether fields of all specimens are taken to differ alike: see `voidlab.swelling.pooled.common_spread`.
    """
    told, in_px = _apart_by_unit([_left_out(member, leave_out) for member in members])
    used = [member for member in told if member.field is not None and not member.why_not]
    columns = _columns(used)
    parts = [
        _pool([m for m in used if m.field is not None and m.field.unit == unit], columns, common=common)
        for unit in _UNITS
    ]
    spread = any(part.spread for part in parts)
    fields_of = {name: fields for part in parts for name, fields in part.fields.items()}
    numbers_of = {name: numbers for part in parts for name, numbers in part.numbers.items()}
    unsure = () if spread else (single_fields_in_words(fields_of), two_fields_in_words(numbers_of))
    said = [
        in_px,
        *(note for part in parts for note in part.notes),
        without_a_size_in_words(fields_of),
        *unsure,
    ]
    if spread:
        said.append(
            "The spread between fields is taken from all specimens together, as if theirs differed alike."
        )
    elif common:
        said.append("No specimen has two fields: how much fields differ is in no interval.")
    per_area = without_a_thickness_in_words(parts[_UNITS.index("nm")].numbers)
    # Doubts come first: the page shows the first few notes, and folds the others.
    notes = (*_on_doubts(told, used), *filter(None, [per_area, *said]))
    return Campaign(
        tuple(told),
        _together([part.rows.assign(length_unit=unit) for unit, part in zip(_UNITS, parts, strict=True)]),
        _together([part.sizes.assign(length_unit=unit) for unit, part in zip(_UNITS, parts, strict=True)]),
        notes,
        columns,
    )


@dataclass(frozen=True)
class _Pooled:
    """Specimens in one unit: their rows, sizes, fields and numbers, whether the spread is that of all; and notes."""

    rows: pd.DataFrame
    sizes: pd.DataFrame
    fields: Mapping[str, Sequence[Field]]
    numbers: Mapping[str, pd.DataFrame]
    spread: bool
    notes: Sequence[str]


def _pool(used: Sequence[Member], columns: Sequence[str], *, common: bool) -> _Pooled:
    """Numbers and sizes of each specimen of the members ``used``."""
    members_of = {
        name: [m for m in used if m.specimen == name] for name in dict.fromkeys(m.specimen for m in used)
    }
    of = {name: [m.field for m in part if m.field is not None] for name, part in members_of.items()}
    spread, edges = common_spread(of.values()) if common else {}, _edges(used)
    numbers = {name: pool_fields(fields, spread=spread) for name, fields in of.items()}
    rows = [_specimen(name, part, numbers[name], _common(part, columns)) for name, part in members_of.items()]
    sizes = [pool_sizes(fields, edges).assign(specimen=name) for name, fields in of.items()]
    notes = [note for name, part in members_of.items() for note in _disagreements(name, part, columns)]
    return _Pooled(_together(rows), _together(sizes), of, numbers, bool(spread), notes)


def _together(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()


def _left_out(member: Member, leave_out: Collection[str]) -> Member:
    if member.why_not or member.verdict not in leave_out:
        return member
    return replace(member, why_not=f"left out on request: its verdict is '{member.verdict}'")


def _apart_by_unit(members: Sequence[Member]) -> tuple[list[Member], str]:
    """The members, and a note: where some have a pixel size and others none, these are specimens of their own."""
    counted = [member for member in members if member.field is not None and not member.why_not]
    unknown = [m.dataset for m in counted if m.field is not None and m.field.unit == "px"]
    known = {m.specimen for m in counted if m.dataset not in unknown}
    note = in_px_in_words(unknown, apart=bool(known))
    if not known or not unknown:
        return list(members), note
    apart = [
        replace(m, specimen=f"{m.specimen}, in px") if m.dataset in unknown and m.specimen in known else m
        for m in members
    ]
    return apart, note


def _columns(members: Iterable[Member]) -> tuple[str, ...]:
    """Columns of the sample: those of voidlab first, then the user's own in their order."""
    given = dict.fromkeys(key for member in members for key in member.sample if key != "name")
    return tuple([key for key in LABELS if key in given] + [key for key in given if key not in LABELS])


def _values(fields: Sequence[Member], column: str) -> list[Any]:
    """What the fields of a specimen say of a ``column`` of the sample, each value once; None: nothing is said."""
    return list(dict.fromkeys(member.sample.get(column) for member in fields))


def _common(fields: Sequence[Member], columns: Sequence[str]) -> dict[str, Any]:
    """What all fields of a specimen say of it; None where they disagree."""
    values = {column: _values(fields, column) for column in columns}
    return {column: found[0] if len(found) == 1 else None for column, found in values.items()}


def _disagreements(name: str, fields: Sequence[Member], columns: Sequence[str]) -> Iterable[str]:
    """A note on each column of the sample on which the fields of a specimen disagree."""
    for column in columns:
        values = _values(fields, column)
        if len(values) > 1:
            said = ", ".join("not given" if value is None else str(value) for value in values)
            yield f"The fields of {name} disagree on {column}: {said}. It is left empty."


def _specimen(
    name: str, fields: Sequence[Member], pooled: pd.DataFrame, of_sample: Mapping[str, Any]
) -> pd.DataFrame:
    known = [member.field for member in fields if member.field is not None]
    grades = [member.verdict for member in fields if member.verdict in VERDICTS]
    about = {"specimen": name, **of_sample, "verdict": max(grades, key=VERDICTS.index, default="")}
    about |= {
        "voids": sum(len(field.diameter) for field in known),
        "area": sum(field.area for field in known),
    }
    return pooled.reset_index().assign(**about)[[*about, *pooled.reset_index().columns]]


def _edges(members: Sequence[Member]) -> np.ndarray:
    """Size bins for all specimens: as wide as the usual one of them has them by itself."""
    by_specimen: dict[str, list[np.ndarray]] = {}
    for member in members:
        if member.field is not None and member.field.sized.any():
            by_specimen.setdefault(member.specimen, []).append(member.field.diameter[member.field.sized])
    if not by_specimen:
        return np.array([0.0, 1.0])
    together = [np.concatenate(parts) for parts in by_specimen.values()]
    every = np.concatenate(together)
    usual = float(np.median([bin_width(diameter, pixel=1e-9).width for diameter in together]))
    width = max(usual, float(np.ptp(every)) / _MOST_BINS)
    width = width if width > 1e-6 else float(every.max()) / 10
    return np.asarray(width * np.arange(np.floor(every.min() / width), np.floor(every.max() / width) + 2))


def _on_doubts(told: Sequence[Member], used: Sequence[Member]) -> Iterable[str]:
    for grade in (DO_NOT_USE, CHECK):
        marked = [member.dataset for member in used if member.verdict == grade]
        if marked:
            option = f'--leave-out "{grade}"' if " " in grade else f"--leave-out {grade}"
            yield f"Counted although the verdict is '{grade}': {named(marked)} (without them: {option})."
    without: dict[str, list[str]] = {}
    for member in told:
        if member.why_not:
            without.setdefault(member.why_not, []).append(member.dataset)
    if without:
        said = [f"{', '.join(names)} ({why})" for why, names in without.items()]
        yield f"Not counted: {'; '.join(said)}."
