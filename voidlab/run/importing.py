"""Import many modules in a third less time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Import within it: without looking for garbage, then or ever after, among what stays to the end anyway."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
