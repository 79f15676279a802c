"""A cache that never holds more than so many bytes: sliding through 1,000 frames must not grow the memory."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import numpy as np

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """The values asked for last, as many as fit into ``most_bytes``, but always the latest."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Value of ``key``, made if it is not held."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        value = make()
        self._held[key] = (value, size_of(value))
        while len(self._held) > 1 and self.bytes > self._most:
            self._held.popitem(last=False)
        return value

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    @property
    def bytes(self) -> int:
        """Bytes of the arrays held."""
        return sum(size for _, size in self._held.values())


def size_of(value: object) -> int:
    """Bytes of the arrays in ``value``: what says it itself, an object that holds some, or a tuple of these."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if isinstance(value, tuple):
        return sum(size_of(part) for part in value)
    fields = getattr(value, "__dict__", {})
    return sum(field.nbytes for field in fields.values() if isinstance(field, np.ndarray))
