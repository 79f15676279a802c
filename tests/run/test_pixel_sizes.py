"""Pixel sizes of many images from a table: which columns are understood, which rows are not used and why."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from voidlab import cli
from voidlab.project.paths import ProjectError
from voidlab.run.pixel_sizes import read_pixel_sizes
from voidlab.run.validate import check

SHAPE = (40, 56)
REAL_TABLE = """\
\ufeffImage,Conversion (nm/pixel),Image (clean name),Length (pixels),Width (pixels)
01_01.jpg,0.38,01_01.jpg,40,56
???,0.237,2_93K.png,40,56
7 78K.png,0.286,7_78K.png,56,40
7_78K.png,0.286,7_78K.png,40,56
twice.png,0.1,twice.png,40,56
twice.png,0.2,twice.png,40,56
small.png,0.1,small.png,20,28
odd.png,n/a,odd.png,40,56
"""


def table(tmp_path, text):
    path = tmp_path / "sizes.csv"
    path.write_text(text, encoding="utf-8")
    return read_pixel_sizes(path)


def test_a_real_table_gives_what_it_has_and_says_why_it_does_not(tmp_path):
    sizes = table(tmp_path, REAL_TABLE)
    known = {"01_01.jpg": 0.38, "01_01.TIF": 0.38, "2_93K.png": 0.237, "7_78K.png": 0.286, "7 78K.png": 0.286}
    assert {name: sizes.of(Path(name), SHAPE) for name in known} == {
        name: (nm, "") for name, nm in known.items()
    }
    assert sizes.of(Path("other.png"), SHAPE) == (None, "")
    assert sizes.of(Path("twice.png"), SHAPE) == (
        None, "it is there several times, with 0.1 nm (line 6) and 0.2 nm (line 7)"
    )  # fmt: skip
    assert sizes.of(Path("small.png"), SHAPE) == (
        None, "line 8 is of an image of 20 × 28 px, but it is 56 × 40 px: was it rescaled?"
    )  # fmt: skip
    assert sizes.of(Path("odd.png"), SHAPE) == (
        None,
        "line 9 says 'n/a', which is no pixel size of a micrograph",
    )


@pytest.mark.parametrize(
    ("heading", "value", "nm"),
    [
        ("pixel_size_nm", "0.5", 0.5), ("Pixel size (nm)", "0.5", 0.5), ("nm per px", "0.5", 0.5),
        ("nm/px", "0.5", 0.5), ("pixel size [Å]", "5", 0.5), ("Å/pixel", "5", 0.5), ("pm/px", "500", 0.5),
        ("angstroms per pixel", "5", 0.5), ("pixel width (µm)", "0.0005", 0.5), ("pixels per nm", "2", 0.5),
        ("px/nm", "4", 0.25), ("nm/px", "500", None), ("nm/px", "0", None), ("px/nm", "0", None),
        ("nm/px", "nan", None), ("nm/px", "", None),
    ],
)  # fmt: skip
def test_headings_say_the_unit(tmp_path, heading, value, nm):
    assert table(tmp_path, f"file,{heading}\na.tif,{value}\n").of(Path("a.tif"), SHAPE)[0] == nm


def test_spreadsheets_of_other_countries_are_read(tmp_path):
    sizes = table(tmp_path, "Dose;File name;nm/pixel\n1,5;a.tif;0,38\n")
    assert sizes.of(Path("a.tif"), SHAPE) == (0.38, "")
    assert table(tmp_path, "image\tnm/px\na.tif\t0.38\n").of(Path("a.tif"), SHAPE)[0] == 0.38


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has the columns none; expected one with the names of the images"),
        ("image,size\na,1\n", "has the columns image, size; expected"),
        ("image,nm/px,pixel_size_nm\na,1,1\n", "has the columns image, nm/px, pixel_size_nm"),
        ("dose,nm/px\n1,1\n", "has the columns dose, nm/px"),
    ],
)
def test_other_tables_are_refused_with_their_columns(tmp_path, text, said):
    with pytest.raises(ProjectError, match=said):
        table(tmp_path, text)


def test_each_image_gets_its_pixel_size_and_those_without_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    image = np.random.default_rng(0).integers(90, 160, SHAPE).astype(np.uint8)
    for name in ("a", "b", "c", "small"):
        tifffile.imwrite(f"data/{name}.tif", image)
    Path("sizes.csv").write_text(
        "image,nm/px,width,height\na.tif,0.5,56,40\nb.tif,1.2,,\nsmall.tif,0.5,28,20\n"
    )
    assert cli.main(["init", "data", "--each", "--sample", "A7", "--pixel-sizes", "sizes.csv"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(
        "sizes.csv gives the pixel size of 2 images\n  note: it has no row for 1 image: c.tif.\n"
    )
    assert "the pixel size of small.tif in sizes.csv is not used: line 4 is of an image of 20 × 28 px" in said
    made = {name: check(Path(f"parameters/{name}.yaml")).parameters for name in ("a", "b", "c", "small")}
    assert {name: each.pixel_size_nm for name, each in made.items()} == {
        "a": 0.5,
        "b": 1.2,
        "c": None,
        "small": None,
    }
    assert {name: each.sample.name for name, each in made.items()} == {
        "a": "A7, 0.5 nm per px", "b": "A7, 1.2 nm per px", "c": "A7, no pixel size", "small": "A7, no pixel size"
    }  # fmt: skip
    assert cli.main(["init", "data/a.tif", "--name", "x", "--pixel-sizes", "sizes.csv"]) == 2
    assert "--pixel-sizes goes with --each" in capsys.readouterr().err
    assert cli.main(["init", "data", "--each", "--name", "y", "--pixel-sizes", "none.csv"]) == 2
    assert "the pixel sizes in none.csv cannot be read" in capsys.readouterr().err
