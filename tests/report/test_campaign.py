"""Datasets side by side as specimens: which fields count, what they are pooled to, what is said and written."""

import json
import shutil
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from voidlab import cli
from voidlab.project.parameters.problems import TAKEN
from voidlab.project.paths import ProjectError, RunPaths
from voidlab.report import campaign, campaign_page
from voidlab.report.campaign_members import Member, read_member
from voidlab.report.campaign_page import write_campaign
from voidlab.report.figures.campaign import against_sample, sizes_of_specimens
from voidlab.run.compare import compare_datasets
from voidlab.swelling.pooled import Field, pool_fields

_ENDS = dict.fromkeys(("low95", "low68", "high68", "high95"), np.nan)


def member(dataset, specimen, density, *, verdict="good", unit="nm", unsized=0, **sample):
    errors = {"statistical": 0.1, "detection": 0.0, "size": 0.08, "thickness": 0.0, "scale": 0.02}
    values = {
        "areal_density": (density, f"{unit}⁻²"), "mean_diameter_seen": (10.0, unit), "volume_per_area": (0.2, unit)
    }  # fmt: skip
    rows = {name: {"value": value, "unit": said, **_ENDS, **errors} for name, (value, said) in values.items()}
    estimates = pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")
    diameter = np.random.default_rng(len(dataset)).normal(10, 2, 60)
    field = Field(dataset, estimates, 1e5, diameter, np.full(60, 9e4), unit, np.arange(60) >= unsized)
    reason = "" if verdict == "good" else "something is odd"
    return Member(dataset, specimen, {"name": specimen, **sample}, verdict, reason, 1, field)


@pytest.fixture
def members():
    return [
        member("a1", "A", 1e-3, dose_dpa=1.0, material="Ni"),
        member("a2", "A", 2e-3, dose_dpa=1.0, material="Ni", verdict="check"),
        member("b1", "B", 4e-3, dose_dpa=5.0, material="Ni"),
        member("b2", "B", 6e-3, dose_dpa=5.0, material="Ni", verdict="do not use"),
        member("c1", "c1", 3e-3, dose_dpa=9.0, material="Fe"),
    ]


def test_fields_of_one_name_are_one_specimen(members):
    found = campaign.compare(members)
    density = found.specimens[found.specimens["quantity"] == "areal_density"].set_index("specimen")
    assert density.index.tolist() == ["A", "B", "c1"]
    assert density["value"].tolist() == pytest.approx([1.5e-3, 5e-3, 3e-3])
    assert density["fields"].tolist() == [2, 2, 1]
    assert density["verdict"].tolist() == ["check", "do not use", "good"]
    assert density["dose_dpa"].tolist() == [1, 5, 9]
    assert density["voids"].tolist() == [120, 120, 60]
    assert (density["low95"] < density["low68"]).all()
    assert found.columns == ("material", "dose_dpa")
    for _, sizes in found.sizes.groupby("specimen"):
        assert sizes["share"].sum() == pytest.approx(1)
    assert len(set(found.sizes.groupby("specimen")["low"].apply(tuple))) == 1


def test_no_key_of_a_sample_may_take_the_place_of_a_column(members):
    found = campaign.compare(members)
    columns = {*found.specimens, *found.sizes, *found.fields()} - {*found.columns}
    assert columns <= TAKEN


def test_what_is_doubtful_is_said_and_left_out_on_request(members):
    said = " ".join(campaign.compare(members).notes)
    assert (
        "Counted although the verdict is 'do not use': b2 (without them: --leave-out \"do not use\")." in said
    )
    assert "Counted although the verdict is 'check': a2" in said
    assert "Of c1 there is one field" in said
    without = campaign.compare(members, leave_out=["do not use", "check"])
    density = without.specimens[without.specimens["quantity"] == "areal_density"].set_index("specimen")
    assert density["value"].to_dict() == pytest.approx({"A": 1e-3, "B": 4e-3, "c1": 3e-3})
    assert set(density["verdict"]) == {"good"}
    left_out = campaign.compare([*members, member("c2", "C", 2e-3, verdict="check")], leave_out=["check"])
    assert "Not counted: a2, c2 (left out on request: its verdict is 'check')." in " ".join(left_out.notes)
    assert "Not counted: a2 (left out on request: its verdict is 'check'); b2" in " ".join(without.notes)
    assert without.fields().set_index("dataset")["counts"].to_dict() == {
        "a1": True, "a2": False, "b1": True, "b2": False, "c1": True
    }  # fmt: skip


def test_two_fields_are_said_to_give_a_wide_interval_and_what_a_third_would_do(members):
    found = campaign.compare(members)
    assert not any(note.startswith("Of A ") for note in found.notes)
    (said,) = [note for note in found.notes if note.startswith("Of 2 specimens there are two fields each")]
    assert "are A 0 to 5.2 times the value; B 0 to 3.5 times the value. A third field each" in said
    assert "would bring it to about A 0 to 2.2 times the value; B ± 70%; so may --common-spread" in said
    (said,) = [note for note in campaign.compare(members[:2]).notes if note.startswith("Of A ")]
    # 1 and 2 per µm² are 1.5 ± 0.5 (standard error 33 %); Student's t is 12.7 for two, 4.30 for three fields.
    assert (
        "12.7 standard errors to either side, 0 to 5.2 times the value. A third field that differs as much would "
        "bring it" in said
    )
    assert said.endswith("to about 0 to 2.2 times the value.")
    three = campaign.compare([*members[:2], member("a3", "A", 1e-3)])
    half = three.specimens.set_index("quantity").loc["areal_density"]
    assert float(half["between_fields"]) * 4.303 == pytest.approx(1.17, abs=0.1)
    assert not any(note.startswith("Of A ") for note in three.notes)
    assert not any("two fields" in note for note in campaign.compare(members, common=True).notes)


def test_two_fields_that_agree_are_counting_alone(members):
    alike = [member("a1", "A", 1e-3), member("a2", "A", 1e-3)]
    assert not any("two fields" in note for note in campaign.compare(alike).notes)


def test_a_spread_from_all_specimens_is_said(members):
    alone, together = campaign.compare(members), campaign.compare(members, common=True)
    assert "The spread between fields is taken from all specimens together" in " ".join(together.notes)
    assert "there is one field" not in " ".join(together.notes)
    of = [
        c.specimens[c.specimens["quantity"] == "areal_density"].set_index("specimen")
        for c in (alone, together)
    ]
    assert (of[0]["value"] == of[1]["value"]).all()
    assert np.isnan(of[0].loc["c1", "between_fields"])
    assert of[1]["degrees_of_freedom"].tolist() == pytest.approx([2, 2, 2])
    assert "in no interval" in " ".join(campaign.compare(members[-1:], common=True).notes)


def test_voids_without_a_size_are_counted_left_out_of_sizes_and_told():
    found = campaign.compare(
        [member("a1", "A", 1e-3, unsized=6), member("a2", "A", 1e-3), member("b1", "B", 1e-3)]
    )
    (said,) = [note for note in found.notes if "smaller than the fringe" in note]
    assert said.startswith("Of A, 6 of 120 voids are smaller than the fringe around them")
    assert found.sizes.groupby("specimen")["voids"].sum().to_dict() == {"A": 114, "B": 60}
    assert found.specimens.groupby("specimen")["voids"].first().to_dict() == {"A": 120, "B": 60}
    assert found.fields()["voids_without_size"].tolist() == [6, 0, 0]


def test_a_specimen_without_voids_has_no_intervals_of_what_voids_alone_tell():
    empty = member("e", "E", 0.0)
    ends = {"low95": 0.0, "low68": 0.0, "high68": 1.0e-6, "high95": 3.0e-6}
    estimates = empty.field.estimates.assign(**dict.fromkeys(ends, np.nan))
    estimates.loc["areal_density", list(ends)] = list(ends.values())
    estimates.loc["mean_diameter_seen", "value"] = np.nan
    estimates.loc["volume_per_area", ["value", *ends]] = 0.0
    none = np.zeros(0)
    field = replace(
        empty.field, estimates=estimates, diameter=none, inclusion_area=none, sized=none.astype(bool)
    )
    found = campaign.compare([replace(empty, field=field)])
    (row,) = campaign_page._rows(found)
    assert row["numbers"] == [("0.00", "95 %: 0.00\xa0to\xa03.00"), ("–", "no voids"), ("0.00", "no voids")]


def test_what_holds_of_many_specimens_is_said_once():
    many = [member(name, name, 1e-3, unsized=number) for number, name in enumerate("ABCD")]
    found = campaign.compare(many)
    (said,) = [note for note in found.notes if "fringe" in note]
    assert said.startswith("Smaller than the fringe around them are voids of 3 specimens: 1 of 60 of B (")
    assert "; 3 of 60 of D (" in said
    assert (
        "Of A; B; C; D there is one field each: how much fields differ is not in their intervals."
        in found.notes
    )
    assert len(found.notes) == 2


def test_many_doubtful_datasets_are_counted_and_few_are_named():
    many = [member(f"a{number}", "A", 1e-3 * number, verdict="check") for number in range(1, 16)]
    assert (
        "Counted although the verdict is 'check': 15 datasets, marked in the list of fields (a1, a2, a3, …) (without "
        "them: --leave-out check)."
    ) in campaign.compare(many).notes
    assert any(": a1, a2, a3, a4 (without" in note for note in campaign.compare(many[:4]).notes)


def test_sizes_of_many_specimens_stand_one_below_the_other():
    found = campaign.compare([member(name, name, 1e-3) for name in "ABCDEFG"])
    figure, axes = plt.subplots(1, 2)
    few = campaign.compare([member(name, name, 1e-3) for name in "AB"])
    sizes_of_specimens(few.sizes, axes[0], "nm", names=list("AB"))
    assert axes[0].get_legend() is not None
    sizes_of_specimens(found.sizes, axes[1], "nm", names=list("ABCDEFG"))
    assert [label.get_text() for label in axes[1].get_yticklabels()] == list("ABCDEFG")
    assert axes[1].get_legend() is None
    figure.canvas.draw()
    plt.close(figure)


def test_fields_that_disagree_are_told(members):
    members[0] = member("a1", "A", 1e-3, dose_dpa=2.0, material="Ni")
    found = campaign.compare(members)
    assert "The fields of A disagree on dose_dpa: 2.0, 1.0. It is left empty." in found.notes
    row = found.specimens[found.specimens["specimen"] == "A"].iloc[0]
    assert pd.isna(row["dose_dpa"])
    assert row["material"] == "Ni"


def test_specimens_in_px_stand_apart_from_those_in_nm_and_are_never_pooled_with_them(members):
    in_px = [member("d", "D", 2.0, unit="px"), member("a3", "A", 1.0, unit="px", unsized=3)]
    found = campaign.compare([*members, *in_px])
    units = found.specimens.groupby("specimen")["length_unit"].unique().map(list).to_dict()
    assert units == {"A": ["nm"], "B": ["nm"], "c1": ["nm"], "D": ["px"], "A, in px": ["px"]}
    density = found.specimens[found.specimens["quantity"] == "areal_density"].set_index("specimen")
    assert density["value"].to_dict() == pytest.approx(
        {"A": 1.5e-3, "B": 5e-3, "c1": 3e-3, "D": 2, "A, in px": 1}
    )
    plain = campaign.compare(members).specimens
    in_nm = found.of_unit("nm").specimens
    pd.testing.assert_frame_equal(in_nm.dropna(axis=1), plain.dropna(axis=1), check_dtype=False)
    said = [note for note in found.notes if "pixel_size_nm" in note]
    assert said == [
        "Without a pixel size, and so in px, apart from those in nm and never pooled with them: d, a3. Sizes "
        "and densities in px may be pooled and compared only of images of one magnification: make sure that all of "
        "these have the same. Give pixel_size_nm to compare them with others."
    ]
    (alone,) = [note for note in campaign.compare([*members, in_px[0]]).notes if "pixel_size_nm" in note]
    assert alone.endswith("never pooled with them: d. Give pixel_size_nm to compare them.")
    assert found.fields()["counts"].all()


def test_the_page_has_a_table_and_figures_for_each_unit(members, tmp_path):
    found = campaign.compare([members[0], member("d", "D", 2.0, unit="px")])
    page = BeautifulSoup(write_campaign(tmp_path, found).read_text("utf-8"), "html.parser")
    assert "2 specimens from 2 of 2 datasets" in page.text
    headings = [heading.text for heading in page.find_all("h2")]
    assert headings[:3] == ["Specimens in nm", "Specimens without a pixel size, in px", "Side by side"]
    in_nm, in_px = page.select("table.specimens")
    assert [row.th.text for row in in_nm.select("tbody tr")] == ["A"]
    assert [row.th.text for row in in_px.select("tbody tr")] == ["D"]
    assert "voids per area (µm⁻²)" in in_nm.text
    assert "voids per area (per 10⁶ px²)" in in_px.text
    alts = {image["alt"] for image in page.find_all("img")}
    assert "share of the voids per diameter of each specimen, over each other, in px" in alts
    assert len(list((tmp_path / "reports" / "campaign" / "figures").glob("sizes*.csv"))) == 2


def with_thickness(one):
    """The same field with what a thickness of 100 nm adds to its numbers."""
    per_area = one.field.estimates
    names = {"areal_density": "number_density", "mean_diameter_seen": "mean_diameter",
             "volume_per_area": "volume_fraction"}  # fmt: skip
    per_volume = per_area.rename(index=names)
    per_volume["unit"] = ["nm⁻³", "nm", ""]
    per_volume.loc[["number_density", "volume_fraction"], "value"] /= 100
    return replace(one, field=replace(one.field, estimates=pd.concat([per_area, per_volume])))


def test_specimens_with_a_thickness_are_shown_per_volume_beside_others_without(members, tmp_path):
    thick = [m if m.specimen == "c1" else with_thickness(m) for m in members]
    found = campaign.compare(thick)
    (said,) = (note for note in found.notes if "no thickness" in note)
    assert said.startswith("Of c1 no thickness of the foil is known")
    page = BeautifulSoup(write_campaign(tmp_path, found).read_text("utf-8"), "html.parser")
    heads = [cell.text for cell in page.select(".specimens thead th")][5:-1]
    assert heads == [
        "number density (×10²¹ m⁻³)", "voids per area (µm⁻²)", "mean diameter as seen (nm)",
        "swelling, f / (1 − f) (%)", "void volume per area (nm)",
    ]  # fmt: skip
    rows = {
        row.th.text: [cell.text for cell in row.select(".measured")]
        for row in page.select(".specimens tbody tr")
    }
    assert rows["A"][0].startswith("15.0")
    assert rows["c1"][0] == rows["c1"][3] == "–no thickness"
    assert rows["c1"][1].startswith("3000")
    alts = [image["alt"] for image in page.select(".panels img")]
    per_volume = [alt for alt in alts if alt.startswith(("number density", "swelling"))]
    assert len(per_volume) == 4  # over dose and material
    assert all(alt.endswith("; without c1, of which no thickness is known") for alt in per_volume)
    assert all("without c1" not in alt for alt in alts if alt.startswith("voids per area"))
    drawn = pd.read_csv(tmp_path / "reports" / "campaign" / "figures" / "number_density-by-dose_dpa.csv")
    assert set(drawn["specimen"]) == {"A", "B"}
    for alike in (members, [with_thickness(m) for m in members]):
        assert not any("no thickness" in note for note in campaign.compare(alike).notes)


def test_a_dataset_without_a_pixel_size_by_itself_is_in_px_without_a_word():
    only = campaign.compare([member("d", "D", 1.0, unit="px")])
    assert set(only.specimens["specimen"]) == {"D"}
    assert not any("pixel_size_nm" in note for note in only.notes)


def test_datasets_pooled_in_px_are_named_as_their_magnifications_may_differ():
    pooled = campaign.compare([member("d", "D", 1.0, unit="px"), member("e", "D", 1.2, unit="px")])
    assert (
        "Without a pixel size, and so in px: d, e. Sizes and densities in px may be pooled and compared only of "
        "images of one magnification: make sure that all of these have the same. Give pixel_size_nm to compare "
        "them with others."
    ) in pooled.notes


def test_nothing_that_counts_makes_a_page_all_the_same(members, tmp_path):
    found = campaign.compare(members, leave_out=["good", "check", "do not use"])
    page = BeautifulSoup(write_campaign(tmp_path, found).read_text("utf-8"), "html.parser")
    assert "0 specimens from 0 of 5 datasets" in page.text
    assert len(page.select("tbody tr")) == 5


def test_the_page_has_tables_figures_and_files(members, tmp_path, monkeypatch):
    monkeypatch.setattr("voidlab.report.campaign_page._MOST_NOTES", 3)  # there are four
    page = BeautifulSoup(
        write_campaign(tmp_path, campaign.compare(members)).read_text("utf-8"), "html.parser"
    )
    rows = {
        row.th.text: [cell.text for cell in row.find_all("td")] for row in page.select(".specimens tbody tr")
    }
    assert rows["A"][:4] == ["Ni", "1", "2", "120"]
    assert rows["A"][4].startswith("150095 %")  # 1,500 per µm², and its interval below
    notes = [note.text for note in page.select("main > .warnings li")]
    assert len(notes) == 3
    assert "the verdict is 'do not use': b2" in notes[0]
    folded = page.select_one("details.folded.printed")
    assert folded.summary.text == "⚠ 1 more"
    assert len(folded.select("li")) == 1
    fields = {
        row.th.text: [cell.text for cell in row.find_all("td")]
        for row in page.find("h2", string="Fields").find_next("table").select("tbody tr")
    }
    # What each field says by itself, so that the spread between them is seen: 1,000 and 2,000 per µm² of A.
    assert fields["a1"][:4] == ["A", "yes", "1000\xa0µm⁻²", "10.0\xa0nm"]
    assert fields["a2"][:4] == ["A", "yes", "2000\xa0µm⁻²", "10.0\xa0nm"]
    alts = [image["alt"] for image in page.find_all("img")]
    assert "voids per area of the specimens by dose (dpa), with 68 and 95 % intervals" in alts
    assert "share of the voids per diameter of each specimen, over each other" in alts
    folder = tmp_path / "reports" / "campaign"
    for link in page.find_all("a"):
        if link["href"].startswith("campaign/"):
            assert (tmp_path / "reports" / link["href"]).is_file()
    for name in ("specimens", "fields", "sizes"):
        table, text = pd.read_parquet(folder / f"{name}.parquet"), pd.read_csv(folder / f"{name}.csv")
        assert list(table) == list(text)
        assert len(table) == len(text)
    assert len(list((folder / "figures").glob("*.pdf"))) == 7
    # Once more, with fewer columns: what does not come again goes.
    write_campaign(tmp_path, campaign.compare(members), against=["material"])
    assert not list((folder / "figures").glob("*dose*"))


def test_the_thickness_of_the_foil_stands_in_page_and_table_but_is_no_cause_to_plot_against(tmp_path):
    thin, thick = (member(n, n, 1e-3, foil_thickness_nm=nm) for n, nm in (("A", 90.0), ("B", 110.0)))
    found = campaign.compare([thin, thick])
    page = BeautifulSoup(write_campaign(tmp_path, found).read_text("utf-8"), "html.parser")
    heads, row = (
        [cell.text for cell in page.select(rows)]
        for rows in (".specimens thead th", ".specimens tbody tr:first-child > *")
    )
    assert row[heads.index("foil thickness (nm)")] == "90"
    folder = tmp_path / "reports" / "campaign"
    table = pd.read_csv(folder / "specimens.csv").drop_duplicates("specimen")
    assert table["foil_thickness_nm"].tolist() == [90.0, 110.0]
    drawn = {file.stem for file in (folder / "figures").glob("*.csv")}
    assert "areal_density-by-specimen" in drawn
    write_campaign(tmp_path, found, against=["foil_thickness_nm"])
    assert "areal_density-by-foil_thickness_nm" in {file.stem for file in (folder / "figures").glob("*.csv")}


def test_a_campaign_is_drawn_over_numbers_and_words(members):
    found = campaign.compare(members)
    rows = found.specimens[found.specimens["quantity"] == "areal_density"]
    figure, axes = plt.subplots(1, 2)
    against_sample(rows, "dose_dpa", axes[0])
    assert axes[0].get_xlabel() == "dose (dpa)"
    assert sorted(x for line in axes[0].lines for x in line.get_xdata()) == [1, 5, 9]
    assert axes[0].get_legend_handles_labels()[1] == ["good", "check", "do not use"]
    assert axes[0].get_xlim() == pytest.approx((0.04, 9.96))
    legend = axes[0].get_legend().get_window_extent(figure.canvas.get_renderer())
    assert legend.y0 >= axes[0].get_window_extent().y1
    against_sample(rows, "material", axes[1])
    assert [label.get_text() for label in axes[1].get_xticklabels()] == ["Ni", "Fe"]
    figure.canvas.draw()
    plt.close(figure)


@pytest.fixture
def project(copied, monkeypatch):
    """Two fields of a specimen and one dataset by itself, from one run."""
    monkeypatch.chdir(copied.root)
    for name, sample in (
        ("one", "{name: S, dose_dpa: 2}"),
        ("two", "{name: S, dose_dpa: 2}"),
        ("three", "{ion: He}"),
    ):
        paths = RunPaths(copied.root, name)
        shutil.copytree(copied.folder, paths.folder)
        text = copied.parameters.read_text().replace("dataset: small", f"dataset: {name}")
        paths.parameters.write_text(f"{text}sample: {sample}\n")
        record = json.loads(paths.record.read_text())
        given = {"name": "S", "dose_dpa": 2.0} if "S" in sample else {"ion": "He"}
        record["stages"]["export"]["parameters"] |= given
        paths.record.write_text(json.dumps(record))
    shutil.rmtree(copied.folder)
    return copied.root


def test_the_command_pools_what_was_run(project, capsys):
    assert cli.main(["compare"]) == 0
    said = capsys.readouterr().out
    assert "2 specimens from 3 of 3 datasets" in said
    assert "report: reports/campaign.html" in said
    specimens = pd.read_parquet(project / "reports" / "campaign" / "specimens.parquet")
    fields = pd.read_parquet(project / "reports" / "campaign" / "fields.parquet").set_index("dataset")
    assert specimens.set_index("specimen")["fields"].groupby("specimen").max().to_dict() == {
        "S": 2,
        "three": 1,
    }
    assert fields["frame"].notna().all()
    swelling = pd.read_parquet(RunPaths(project, "one").table("swelling"))
    frame = fields.loc["one", "frame"]
    stated = swelling[(swelling["frame"] == frame)].set_index("quantity")["value"]
    pooled = specimens[specimens["specimen"] == "S"].set_index("quantity")
    # Two fields alike: the specimen is what each of them says.
    assert pooled.loc["areal_density", "value"] == pytest.approx(stated["areal_density"])
    assert pooled.loc["areal_density", "dose_dpa"] == 2
    counted = pd.read_parquet(RunPaths(project, "one").table("counted"))
    assert set(counted["size_basis"]) <= {"fringe", "edge", "not a size"}
    assert pooled.loc["areal_density", "voids"] == 2 * len(counted)
    member_of_one = read_member(RunPaths(project, "one"))
    assert member_of_one.field.unit == "nm"
    area = 1 / member_of_one.field.inclusion_area
    assert area.sum() == pytest.approx(stated["areal_density"])
    assert pool_fields([member_of_one.field]).loc["mean_diameter_seen", "value"] == pytest.approx(
        stated["mean_diameter_seen"]
    )
    assert 'href="campaign.html"' in (project / "reports" / "index.html").read_text("utf-8")


def test_what_cannot_be_compared_is_said(project, capsys):
    assert cli.main(["compare", "onne"]) == 2
    assert "did you mean 'one'?" in capsys.readouterr().err
    assert cli.main(["compare", "one", "--against", "colour"]) == 2
    assert "no specimen has 'colour' in its 'sample:'; known are: dose_dpa." in capsys.readouterr().err
    odd = RunPaths(project, "three").record
    content = json.loads(odd.read_text())
    content["stages"]["export"]["decided"]["pixel_size_nm"] = "0.5"
    odd.write_text(json.dumps(content))
    assert cli.main(["compare"]) == 0
    assert "Not counted: three (its record says '0.5' nm per px" in capsys.readouterr().out
    RunPaths(project, "two").table("counted").write_bytes(b"damaged")
    _, found = compare_datasets([["parameters", "one.yaml"][1].split(".")[0], "two"])
    (left,) = [m for m in found.members if m.why_not]
    assert left.dataset == "two"
    assert "counted.parquet" in left.why_not


def test_a_project_without_runs_has_no_campaign(tmp_path, monkeypatch):
    (tmp_path / "parameters").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError, match="nothing to compare"):
        compare_datasets()
