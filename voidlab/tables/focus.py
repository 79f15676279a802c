"""What an image is called, and whether images are a series: those of a focus pair are one field, seen twice."""

import pandas as pd

UNDER, OVER = "under", "over"
OF_PAIR = (OVER, UNDER)  # in this order: numbers are given for the last image, under focus


def is_pair(frames: pd.DataFrame) -> bool:
    """Whether these are the images of a focus pair; ``frames`` is the table of that name."""
    return "focus" in frames and bool(frames["focus"].isin([UNDER, OVER]).any())


def is_series(frames: pd.DataFrame) -> bool:
    """Whether there is something to follow from image to image: in one alone, or in a focus pair, there is not."""
    return len(frames) > 1 and not is_pair(frames)


def name_of(frame: object, frames: pd.DataFrame) -> str:
    """What the image with the number ``frame`` is called: "frame 7"; of a focus pair "under focus"."""
    focus = frames.loc[frames["frame"] == frame, "focus"].tolist() if is_pair(frames) else []
    return f"{focus[0]} focus" if focus and focus[0] else f"frame {frame}"
