"""Figures for papers: as SVG and PDF, with the data behind each."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from voidlab import swelling, tables, track
from voidlab.images.headers import Calibration
from voidlab.report.figures.for_papers import figures_for_papers
from voidlab.report.figures.tracks import diameter_over_frame


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


def test_growth_of_voids_without_a_size_is_in_no_figure(tmp_path):
    frames = pd.DataFrame({"frame": range(6), "tilt_deg": float("nan"), "status": "ok", "time_s": 0.0})
    frames = frames.assign(void_count=2)
    rows = [
        {"frame": frame, "particle": particle, "label": particle, "x_px": 30.0 * particle, "y_px": 40.0,
         "radius_px": 5 + 0.1 * frame, "touches_edge": False, "size_basis": basis}
        for frame in range(6) for particle, basis in ((1, "fringe"), (2, "not a size"))
    ]  # fmt: skip
    linked = pd.DataFrame(rows)
    outcome = swelling.measure_series(frames, linked, swelling.Sample((80, 90)))
    made = {"frames": frames, "tracks": track.summarize_tracks(linked)}
    made["reconstruction"] = tables.empty("reconstruction")
    write = figures_for_papers(made, outcome, Calibration(None, ""), density_by_depth=pd.DataFrame())
    write(tmp_path)
    grown = pd.read_csv(tmp_path / "figures" / "growth-over-size.csv")
    assert grown["particle"].tolist() == [1]
    figure, ax = plt.subplots()
    diameter_over_frame(linked, made["tracks"], ax, Calibration(None, ""))
    assert [line.get_label() for line in ax.get_lines()] == ["1"]
    plt.close(figure)
