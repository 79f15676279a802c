"""What of the images may be no specimen though it counts as such: a person has to look."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Doubt:
    """Something that was seen in the images.

    Attributes
    ----------
    what : str
        What was seen, in a few words.
    to_do : str
        What it does to the results, and what to do, in a line.
    said : str
        The same with numbers, as sentences.
    """

    what: str
    to_do: str
    said: str
