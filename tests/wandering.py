"""Voids at rest on a stage that wanders, and files of positions as other tools write them."""

import json

import numpy as np
import pandas as pd

SHAPE = (300, 420)


def write_positions(path, images):
    path.write_text("".join(json.dumps(image) + "\n" for image in images), encoding="utf-8")
    return path


def moving(seed=0, frames=40, voids=14, step=12.0, missed=0.1):
    """Voids at rest on a stage that wanders by far more than a search range; every fifth frame is empty."""
    random = np.random.default_rng(seed)
    place = random.uniform([0, 0], [420, 300], (voids, 2))
    true = np.cumsum(random.normal(0, step, (frames, 2)), axis=0)
    true -= true[0]
    rows = [
        (frame, n + 1, *(place[n] + true[frame] + random.normal(0, 0.3, 2)), 5.0)
        for frame in range(frames)
        for n in range(voids)
        if frame % 5 != 4 and random.random() > missed
    ]
    voids = pd.DataFrame(rows, columns=["frame", "label", "x_px", "y_px", "radius_px"])
    frames = pd.DataFrame({"frame": np.arange(frames), "status": "ok"})
    return frames, voids.assign(touches_edge=False), true
