"""The campaign as files: reports/campaign.html, and tables and figures with the data behind each beside it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from voidlab.export.tables import write_csv
from voidlab.report import pictures, render
from voidlab.report.campaign import Campaign
from voidlab.report.campaign_members import Member
from voidlab.report.campaign_words import without_in_words
from voidlab.report.figures.campaign import against_sample, axis_name, sizes_of_specimens
from voidlab.report.figures.for_papers import Panel, write_panel
from voidlab.report.root_index import CAMPAIGN
from voidlab.report.swelling_words import format_interval, format_number, reading
from voidlab.tables.digits import as_errors_allow
from voidlab.tables.written import filling, replacing

FOLDER = "campaign"
_MOST_COLUMNS = 6  # of the sample that plots are made against, unless they are asked for
_NO_CAUSE = ("foil_thickness_nm",)  # of what the voids are: plotted against only when asked for
_MOST_NOTES = 5  # that stand open: two verdicts, what is left out, what has no thickness, px that may differ
# What is drawn and shown: the first of each row that all specimens have, and what of volume some have.
_SHOWN = (
    ("number_density", "areal_density"),
    ("mean_diameter", "mean_diameter_seen"),
    ("swelling", "volume_per_area"),
)
_OF_VOLUME = ("number_density", "swelling")
_MEANINGS = {
    "specimens": "a row per specimen and quantity, with intervals and where the errors come from",
    "fields": "a row per dataset: whether it counts, its verdict, and what it says by itself",
    "sizes": "a row per specimen and size bin",
}


def write_campaign(root: Path, campaign: Campaign, *, against: Sequence[str] = ()) -> Path:
    """Write the page of a campaign, its tables and its figures below the folder ``reports`` of a project.

    ``against`` names the columns of the sample to plot against; empty: those that differ between specimens.
    """
    reports = root / "reports"
    groups = [campaign.of_unit(unit) for unit in _units(campaign)]
    panels = [panel for group in groups for panel in _panels(group, against, apart=len(groups) > 1)]
    found = {"specimens": campaign.specimens, "fields": campaign.fields(), "sizes": campaign.sizes}
    with filling(reports / FOLDER) as fresh:
        for name, table in found.items():
            written = table if len(table.columns) else pd.DataFrame(columns=["specimen"])
            write_csv(as_errors_allow(written, keep=campaign.columns), fresh / f"{name}.csv")
            with replacing(fresh / f"{name}.parquet") as temporary:
                _typed(written).to_parquet(temporary, index=False)
        drawn = [(panel, write_panel(fresh, panel)) for panel in panels]
    fields = {
        "title": "Campaign",
        "links": [("All datasets", "index.html"), ("Campaign", CAMPAIGN)],
        "campaign": campaign,
        "most_notes": _MOST_NOTES,
        "counted": [member for member in campaign.members if not member.why_not],
        "groups": [
            {"title": _title(group, len(groups)), "rows": _rows(group),
             "heads": [_head(group, name) for name in _quantities(group)]}
            for group in groups
        ],
        "specimens": sum(group.specimens["specimen"].nunique() for group in groups),
        "columns": [axis_name(column) for column in campaign.columns],
        "fields": [(member, _of_field(campaign, member)) for member in campaign.members],
        "drawn": [
            {"alt": panel.what, "source": pictures.picture_of(reports / FOLDER / f"{stem}.svg"),
             "files": [(kind, f"{FOLDER}/{stem}.{kind}") for kind in ("svg", "pdf", "csv")]}
            for panel, stem in drawn
        ],
        "files": [
            (f"{FOLDER}/{name}.{kind}", what) for name, what in _MEANINGS.items() for kind in ("csv", "parquet")
        ],
        "made": render.when(datetime.now(UTC).isoformat()),
    }  # fmt: skip
    return render.write_page(reports / CAMPAIGN, "campaign.html.j2", fields)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """With columns of one type each, as Parquet wants them: words where a column holds words and numbers."""
    mixed = [
        name for name in table if len(set(table[name].dropna().map(type))) > 1 and table[name].dtype == object
    ]
    return table.assign(
        **{str(name): table[name].map(lambda v: None if pd.isna(v) else str(v)) for name in mixed}
    )


def _units(campaign: Campaign) -> list[str]:
    """Units that specimens of it are in: nm before px."""
    return sorted(set(campaign.specimens["length_unit"])) if len(campaign.specimens) else []


def _title(group: Campaign, groups: int) -> str:
    if groups == 1:
        return "Specimens"
    return "Specimens in nm" if _units(group) == ["nm"] else "Specimens without a pixel size, in px"


def _quantities(campaign: Campaign) -> list[str]:
    """Density, size and volume as all specimens have them; before these, those per volume that only some have."""
    of = {name: len(_with(campaign, name)) for names in _SHOWN for name in names}
    of_all = _of_all(campaign)
    return [
        name
        for names, every in zip(_SHOWN, of_all, strict=False)
        for name in names
        if name == every or (name in _OF_VOLUME and of[name])
    ]


def _of_all(campaign: Campaign) -> list[str]:
    """Density, size and volume as all specimens have them."""
    if campaign.specimens.empty:
        return []
    every = campaign.specimens["specimen"].nunique()
    return [next(name for name in names if len(_with(campaign, name)) == every) for names in _SHOWN]


def _with(campaign: Campaign, quantity: str) -> list[str]:
    """The specimens that have a ``quantity``."""
    table = campaign.specimens
    return list(table.loc[table["quantity"] == quantity, "specimen"].unique()) if len(table) else []


def _head(campaign: Campaign, quantity: str) -> tuple[str, str]:
    unit = campaign.specimens.loc[campaign.specimens["quantity"] == quantity, "unit"].iloc[0]
    read = reading(quantity, unit)
    return read.name, read.unit


def _rows(campaign: Campaign) -> list[dict[str, Any]]:
    """The specimens as people read them."""
    if campaign.specimens.empty:
        return []
    return [
        {
            "name": name,
            "verdict": of_specimen["verdict"].iloc[0],
            "fields": sum(m.specimen == name and not m.why_not for m in campaign.members),
            "voids": int(of_specimen["voids"].iloc[0]),
            "numbers": [_number(of_specimen, quantity) for quantity in _quantities(campaign)],
            "sample": ["–" if pd.isna(v) else v for v in of_specimen[list(campaign.columns)].iloc[0]],
        }
        for name, of_specimen in campaign.specimens.groupby("specimen", sort=False)
    ]


def _number(of_specimen: pd.DataFrame, quantity: str) -> tuple[str, str]:
    """A number of a specimen, and below it its 95 % interval or why there is none."""
    numbers = of_specimen.set_index("quantity")
    if quantity not in numbers.index:
        return "–", "no thickness"
    row: Any = numbers.loc[quantity]
    factor = reading(quantity, row["unit"]).factor
    interval = format_interval(row["low95"], row["high95"], factor)
    if interval != "–":
        return format_number(row["value"] * factor), f"95 %: {interval}"
    return format_number(row["value"] * factor), "" if row["voids"] else "no voids"


def _of_field(campaign: Campaign, member: Member) -> list[str]:
    """Density and mean diameter of a field by itself, with units: the quantities that its specimen shows."""
    if member.field is None:
        return ["", ""]
    estimates = member.field.estimates
    of_specimen = _of_all(campaign.of_unit(member.field.unit)) or [names[-1] for names in _SHOWN]
    found = []
    for quantity, (_, as_seen) in zip(of_specimen[:2], _SHOWN, strict=False):
        # As `pool_fields` takes them: of a tilt series what its voids in 3D say. One left out may have less.
        ways = (f"{quantity}_3d", quantity, as_seen)
        row: Any = estimates.loc[next(name for name in ways if name in estimates.index)]
        read = reading(quantity, row["unit"])
        number = format_number(row["value"] * read.factor)
        found.append(number if number == "–" else f"{number}\u00a0{read.unit}")
    return found


def _panels(campaign: Campaign, against: Sequence[str], *, apart: bool) -> Iterator[Panel]:
    """The panels of specimens in one unit; where there are others, ``apart``, theirs are called by the unit, too."""
    table = campaign.specimens
    (unit,) = _units(campaign)
    also = f", in {unit}" if apart else ""
    one = table.drop_duplicates("specimen")
    differ = [
        name
        for name in campaign.columns
        if name not in _NO_CAUSE and len(set(one[name].dropna().astype(str))) > 1
    ]
    names = list(one["specimen"])
    by_itself = (
        [] if len(names) == 1 else ["specimen"]
    )  # one point beside no other says no more than the table
    for column in list(against) or differ[:_MOST_COLUMNS] or by_itself:
        over = "of each specimen" if column == "specimen" else f"of the specimens by {axis_name(column)}"
        for quantity in _quantities(campaign):
            having = _with(campaign, quantity)
            if len(having) == 1 and not against:
                continue  # a point beside no other says no more than the table
            rows = table[table["quantity"] == quantity]
            without = without_in_words([name for name in names if name not in having])
            yield Panel(
                _file_name(f"{quantity} by {column}{also}"),
                lambda ax, rows=rows, column=column: against_sample(rows, column, ax),  # type: ignore[misc]
                rows,
                f"{_head(campaign, quantity)[0]} {over}, with 68 and 95 % intervals{also}{without}",
            )
    about = f"share of the voids per diameter of each specimen, over each other{also}"
    sizes = campaign.sizes
    yield Panel(
        _file_name(f"sizes{also}"), lambda ax: sizes_of_specimens(sizes, ax, unit, names=names), sizes, about
    )


def _file_name(words: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in words)
