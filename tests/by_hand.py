"""Tables small enough to score by hand."""

import pandas as pd


def voids(*rows, **columns):
    return pd.DataFrame(rows, columns=["x_px", "y_px", "radius_px"], dtype="float64").assign(**columns)


def tracks(*rows):
    """Voids 50 px apart along y for each (particle in truth, in found), a pair of them per frame from 1 on."""
    table = voids(*[(10 * frame, 50 * row, 4) for frame, row, _, _ in rows])
    frames, _, true, found = zip(*rows, strict=True)
    table = table.assign(frame=frames)
    truth = table.assign(particle=pd.array(true, dtype="Int64"))
    return truth.dropna(subset="particle"), table.assign(particle=pd.array(found, dtype="Int64"))
