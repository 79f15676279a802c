"""`voidlab init` on two images says how they are taken for one field under focus and over it."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from voidlab import cli
from voidlab.run.pair_by_name import under_and_over
from voidlab.run.validate import check


@pytest.mark.parametrize(
    ("under", "over", "is_said"),
    [
        ("site1_under", "site1_over", True),
        ("A underfocus", "A overfocus", True),
        ("UF 3", "OF 3", True),
        ("F3 -1000 nm", "F3 +1000 nm", True),
        ("df_minus500", "df_plus500", True),
        ("02_02", "02_03", False),
        ("overview_1", "overview_2", False),
        ("site-1", "site-2", False),
        ("a_under_1", "a_under_2", False),
        ("2026-05-01_a", "2026-05-02_a", False),
    ],
)
def test_which_image_is_under_focus_is_read_off_the_names(under, over, is_said):
    files = [Path(f"{under}.tif"), Path(f"{over}.tif")]
    assert under_and_over(files) == (*files, is_said)
    if is_said:
        assert under_and_over(files[::-1]) == (*files, True)


def images(folder, *names):
    (folder / "data").mkdir()
    image = np.random.default_rng(0).integers(90, 160, (40, 56)).astype(np.uint8)
    for name in names:
        tifffile.imwrite(folder / "data" / f"{name}.tif", image)


def _asked(yaml):
    """The parameter file as it is after what `voidlab init` says to do."""
    lines = yaml.read_text(encoding="utf-8").splitlines()
    kept = [line.removeprefix("# ") if line.startswith("# focus_pair: {") else line for line in lines]
    yaml.write_text("\n".join(line for line in kept if not line.startswith("images:")), encoding="utf-8")


@pytest.mark.parametrize("names", [("F3 +1000 nm", "F3 -1000 nm"), ("site_over", "site_under")])
def test_a_pair_by_name_is_asked_for_as_the_text_says(tmp_path, monkeypatch, capsys, names):
    """Also where the images are no series, as no number tells their names apart."""
    monkeypatch.chdir(tmp_path)
    images(tmp_path, *names)
    cli.main(["init", "data", "--name", "x"])
    said = "".join(capsys.readouterr())
    assert "By their names these two are one field under focus and over it." in said
    assert "remove the line images: in parameters/x.yaml, and the # before focus_pair:." in said.replace(
        "\\", "/"
    )
    yaml = Path("parameters/x.yaml")
    _asked(yaml)
    pair = check(yaml).parameters.focus_pair
    assert (Path(pair.over).stem, Path(pair.under).stem) == names


def test_of_any_two_images_it_is_asked_whether_they_are_a_pair(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    images(tmp_path, "a_1", "a_2")
    assert cli.main(["init", "data", "--name", "x"]) == 0
    said = capsys.readouterr().out
    assert "Are these two one field, under focus and over it?" in said
    assert "see which is which" in said
    images_of_three = tmp_path / "data" / "a_3.tif"
    images_of_three.write_bytes((tmp_path / "data" / "a_1.tif").read_bytes())
    assert cli.main(["init", "data", "--name", "three"]) == 0
    assert "focus" not in capsys.readouterr().out
    assert "focus_pair" not in Path("parameters/three.yaml").read_text(encoding="utf-8")
