"""What is detected beside voids: the kinds, where the table ``frames`` counts each, and the voids among all."""

import pandas as pd

VOID = "void"
COUNT_OF = {VOID: "void_count", "loop": "loop_count", "dot": "dot_count"}  # columns of the table frames


def only_voids(table: pd.DataFrame) -> pd.DataFrame:
    """The voids of a table that may hold loops and dots too; all of it where it says no kind."""
    return table[table["kind"] == VOID] if "kind" in table else table


def kinds_in(frames: pd.DataFrame) -> tuple[str, ...]:
    """The kinds that the images of a table ``frames`` were looked at for."""
    return tuple(kind for kind, count in COUNT_OF.items() if count in frames and frames[count].notna().any())
