"""Figures for papers: as SVG and PDF, with the data behind each."""

import pandas as pd
import pytest


def test_a_run_exports_its_figures_with_their_data(finished):
    paths, _, _ = finished
    folder = paths.exports / "figures"
    names = {file.stem for file in folder.iterdir()}
    assert {"sizes", "volume-by-size"} <= names
    for name in names:
        assert {file.suffix for file in folder.glob(f"{name}.*")} == {".svg", ".pdf", ".csv"}
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert "<text" in (folder / f"{name}.svg").read_text()  # text stays text
    listed = pd.read_csv(paths.exports / "contents.csv").set_index("file")["what"]
    assert listed["figures/sizes.svg"].startswith("figure: share of the voids per diameter")
    sizes = pd.read_csv(folder / "sizes.csv")
    assert sizes["share"].sum() == pytest.approx(1)
    assert sizes["voids"].sum() == pd.read_parquet(paths.table("sizes"))["voids"].sum()
