"""Loops and dots beside the voids of a run, for tests that no number of the voids changes for them."""

import numpy as np
import pandas as pd

from voidlab.segment.classical_segmenter import ClassicalSegmenter
from voidlab.segment.segmentation import Segmentation
from voidlab.tables.kinds import COUNT_OF

LOOPS, DOTS = 4, 2  # of each image


def with_others(voids, frame, shape, seed=0):
    """The table ``voids`` of an image with loops and dots anywhere, also upon voids, labelled above those."""
    random = np.random.default_rng([seed, frame])
    kinds = ["loop"] * LOOPS + ["dot"] * DOTS
    count = len(kinds)
    radius = np.where(np.array(kinds) == "loop", 9.0, 4.0)
    others = pd.DataFrame(
        {
            "frame": frame,
            "label": int(voids["label"].max() if len(voids) else 0) + 1 + np.arange(count),
            "x_px": random.uniform(0, shape[1] - 1, count),
            "y_px": random.uniform(0, shape[0] - 1, count),
            "radius_px": radius,
            "area_px": np.pi * radius**2,
            "kind": kinds,
            "confidence": 0.9,
            "touches_edge": False,
        }
    )
    others.loc[0, ["x_px", "y_px"]] = voids[["x_px", "y_px"]].iloc[0].to_numpy() if len(voids) else 5.0
    return pd.concat([voids, others], ignore_index=True)


def frames_with_others(frames):
    """The table ``frames`` as it is where loops and dots were asked for."""
    looked_at = frames["void_count"].notna()
    counts = {"loop": LOOPS, "dot": DOTS}
    return frames.assign(
        **{
            COUNT_OF[kind]: pd.Series(n, frames.index, dtype="Int64").where(looked_at)
            for kind, n in counts.items()
        }
    )


class SeesMore(ClassicalSegmenter):
    """The classical segmenter, as if it told loops and dots from voids: those asked for come with its voids."""

    def run(self, image):
        found = super().run(image)
        every = with_others(found.voids, 0, image.shape)
        kept = every[every["kind"].isin(self.kinds)].reset_index(drop=True)
        labels = found.labels if "void" in self.kinds else np.zeros_like(found.labels)
        return Segmentation(found.probability, labels, kept)
