"""The explorer: slide through the frames, tune the segmenter, keep the settings in the dataset's YAML file.

The computing is ``look``, a plain function; the widgets only call it and show what it gives.
"""

from __future__ import annotations

import io
import os
from html import escape
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from voidlab import figures, parameters, segment, stage
from voidlab.images import Calibration, ImageReadError
from voidlab.parameters import SegmentParameters


def look(image: np.ndarray, settings: SegmentParameters) -> pd.DataFrame:
    """Voids that the segmenter finds in ``image`` (H, W) with these ``settings``."""
    segmenter = segment.load_segmenter(
        settings.segmenter,
        contrast=settings.contrast,
        threshold=settings.threshold,
        min_radius_px=settings.min_radius_px,
        max_radius_px=settings.max_radius_px,
        edge_buffer_px=settings.edge_buffer_px,
    )
    return segmenter.find(image)


def draw(image: np.ndarray, voids: pd.DataFrame, calibration: Calibration) -> bytes:
    """PNG of ``image`` with the outlines of its ``voids``."""
    figure = Figure(figsize=(8, 8 * image.shape[0] / image.shape[1]), layout="constrained")
    figures.overlay(image, voids, figure.add_subplot(), calibration)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100)
    return stream.getvalue()


class Explorer:
    """Widgets around a dataset: ``widget`` is what a notebook shows."""

    def __init__(self, run: stage.Stage) -> None:
        self._run = run
        self._settings: SegmentParameters = run.dataset.segment
        last = max(len(run.series) - 1, 0)
        wide = ipywidgets.Layout(width="480px")
        self.row = ipywidgets.IntSlider(0, 0, last, description="image", layout=wide, continuous_update=False)
        self.threshold = self._slider("threshold", 0.02, 0.98, 0.02)
        self.min_radius = self._slider("min_radius_px", 1.0, 20.0, 0.5)
        self.contrast = ipywidgets.Dropdown(
            options=["auto", "bright", "dark"], value=self._settings.contrast, description="contrast"
        )
        self.keep = ipywidgets.Button(description="write to YAML", icon="save")
        self.said = ipywidgets.HTML()
        self.picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width="100%"))
        for control in (self.row, self.threshold, self.min_radius, self.contrast):
            control.observe(self._changed, names="value")
        self.keep.on_click(self._keep)
        self.widget = ipywidgets.VBox(
            [self.row, self.threshold, self.min_radius, ipywidgets.HBox([self.contrast, self.keep]), self.said,
             self.picture]
        )  # fmt: skip
        self._changed()

    @property
    def settings(self) -> SegmentParameters:
        """The segmenter's parameters as the controls stand."""
        return self._settings.model_copy(update=self._touched())

    def _touched(self) -> dict[str, Any]:
        return {
            "threshold": round(self.threshold.value, 4),
            "min_radius_px": round(self.min_radius.value, 4),
            "contrast": self.contrast.value,
        }

    def _slider(self, name: str, low: float, high: float, step: float) -> ipywidgets.FloatSlider:
        value = getattr(self._settings, name)
        return ipywidgets.FloatSlider(
            value, min=min(low, value), max=max(high, value), step=step, description=name, continuous_update=False,
            layout=ipywidgets.Layout(width="480px"), style={"description_width": "110px"},
        )  # fmt: skip

    def _changed(self, _: object = None) -> None:
        frames = self._run.series.frames.iloc[self.row.value]
        try:
            image = self._run.series[self.row.value]
        except ImageReadError as error:
            self.said.value = f"frame {frames['frame']} cannot be read: {escape(str(error))}"
            return
        voids = look(image, self.settings)
        self.picture.value = draw(image, voids, self._run.calibration)
        middle = voids["radius_px"].median()
        radius = "" if np.isnan(middle) else f", median radius {middle:.2f} px"
        self.said.value = f"frame {frames['frame']}: {len(voids)} voids{radius}"

    def _keep(self, _: object) -> None:
        try:
            touched = {k: v for k, v in self._touched().items() if v != getattr(self._settings, k)}
            changes = parameters.write_values(self._run.paths.parameters, "segment", touched)
        except (parameters.ParameterErrors, OSError) as error:
            self.said.value = f"not written: {escape(str(error))}"
            return
        self._settings = self.settings
        name = escape(self._run.paths.parameters.name)
        self.said.value = f"{name}: " + (escape("; ".join(changes)) or "nothing changed")


def open_explorer(dataset: str | None = None) -> Explorer:
    """Explorer of ``dataset``; without a name, of the one ``voidlab lab`` was given, else of the demo."""
    name = dataset or os.environ.get("VOIDLAB_DATASET", "demo")
    return Explorer(stage.open_stage("segment", name))
