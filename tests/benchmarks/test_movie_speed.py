"""The movie on the page of tracks: drawn once, in the size it is shown in, against whole frames until it fits."""

import io
import time

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from voidlab.drift import align
from voidlab.images.binning import block_mean
from voidlab.images.series import Calibration
from voidlab.report.figures.movie import small_gif
from voidlab.tables.rows import spread_rows

SHAPE, FRAMES, VOIDS = (1024, 1024), 60, 240
MOST_BYTES = 1_500_000
FASTER = 4  # in CPU seconds


def series():
    """Noisy frames that drift, their drift and their voids in tracks."""
    random = np.random.default_rng(0)
    images = [random.normal(0.5, 0.04, SHAPE).astype(np.float32) for _ in range(FRAMES)]
    numbers = np.arange(FRAMES)
    drift = pd.DataFrame({"frame": numbers, "drift_x_px": 0.3 * numbers, "drift_y_px": -0.2 * numbers})
    rows = pd.DataFrame({"frame": np.repeat(numbers, VOIDS), "particle": np.tile(np.arange(VOIDS), FRAMES)})
    where = random.uniform(20, 1000, (VOIDS, 2))[rows["particle"]]
    return images, drift, rows.assign(x_px=where[:, 0], y_px=where[:, 1], radius_px=8.0)


def drawn_until_it_fits(images, drift, voids):
    """A GIF of whole frames, aligned, shrunk, with colours of their own; all of them again while it is too large."""
    count, most_px = 48, 512
    shift = drift[["drift_x_px", "drift_y_px"]].to_numpy()
    while True:
        pictures = []
        for row in spread_rows(len(images), count):
            factor = -(-max(SHAPE) // most_px)
            grey = np.nan_to_num(np.clip(255 * block_mean(align(images[row], shift[row]), factor), 0, 255))
            picture = Image.fromarray(grey.astype(np.uint8)).convert("RGB")
            pen = ImageDraw.Draw(picture)
            for x, y in (voids[voids["frame"] == row][["x_px", "y_px"]].to_numpy() - shift[row]) / factor:
                pen.ellipse([x - 4, y - 4, x + 4, y + 4], outline="orange")
            pictures.append(picture.quantize(128, dither=Image.Dither.NONE))
        stream = io.BytesIO()
        pictures[0].save(stream, format="GIF", save_all=True, append_images=pictures[1:], duration=200)
        if (size := stream.tell()) <= MOST_BYTES:
            return stream.getvalue()
        count, most_px = (
            (max(12, int(0.9 * count * MOST_BYTES / size)), most_px)
            if count > 12
            else (count, int(0.7 * most_px))
        )


def cpu_seconds(do, *given, **named):
    began = time.process_time()
    result = do(*given, **named)
    return result, time.process_time() - began


def test_movie_of_a_report(benchmark):
    images, drift, voids = series()
    before, before_s = cpu_seconds(drawn_until_it_fits, images, drift, voids)
    named = {"calibration": Calibration(0.5, "parameters"), "most_bytes": MOST_BYTES}
    now, now_s = benchmark.pedantic(cpu_seconds, (small_gif, images, drift, voids), named, rounds=1)
    pictures = [Image.open(io.BytesIO(content)) for content in (before, now)]
    print(
        f"\nwhole frames {before_s:.1f} CPU-s for {pictures[0].n_frames} of {pictures[0].width} px, drawn once "
        f"{now_s:.2f} for {pictures[1].n_frames} of {pictures[1].width} px: {before_s / now_s:.0f} times faster"
    )
    assert len(now) <= MOST_BYTES
    assert pictures[1].width * pictures[1].n_frames >= pictures[0].width * pictures[0].n_frames
    assert before_s / now_s >= FASTER
