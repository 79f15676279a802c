"""The table of all parameters: complete, in plain words, and the same in the documentation."""

from pathlib import Path

from voidlab.cli import main
from voidlab.project.parameters.models import SECTIONS, DatasetParameters
from voidlab.project.parameters.table import parameter_table

PAGE = Path(__file__).parents[3] / "docs" / "parameters.md"


def test_the_documentation_holds_the_table_of_the_models():
    held = PAGE.read_text(encoding="utf-8")
    assert held == parameter_table(), "make it anew: .venv/bin/voidlab parameters > docs/parameters.md"


def test_the_command_prints_the_table(capsys):
    assert main(["parameters"]) == 0
    assert capsys.readouterr().out == parameter_table()


def test_every_parameter_has_a_row_with_its_meaning():
    rows = [line.split(" | ") for line in parameter_table().splitlines() if line.startswith("| `")]
    models = [DatasetParameters, *(type(DatasetParameters.model_fields[stage].default) for stage in SECTIONS)]
    named = [name for model in models for name in model.model_fields if name not in SECTIONS]
    assert [row[0] for row in rows] == [f"| `{name}`" for name in named]
    assert all(meaning for _, meaning, *_ in rows)


def test_types_and_ranges_are_plain_words():
    table = parameter_table()
    for row in (
        "| number, above 0, below 1 | 0.5 |",
        "| whole number, 0 to 10000 | 2 |",
        "| number, 0.005 to 200 | left out |",
        "| list of numbers or text | left out |",
        "| list of lists of whole numbers | [] |",
        "| auto, bright or dark | auto |",
        "| true or false | false |",
        "| number or auto, above 0, up to 1000 | auto |",
    ):
        assert row in table
