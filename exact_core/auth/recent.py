"""A bounded memory of what was asked lately, read without a lock."""

from __future__ import annotations

from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class Recent(Generic[_K, _V]):
    """Keeps at least the ``size`` entries used last, and at most twice as many.

    Two generations instead of an order of use: a hit in the young one, the usual case, is one look-up and moves
    nothing, so that threads need no lock. When the young one is full it becomes the old one.
    """

    __slots__ = ("_old", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._young: dict[_K, _V] = {}
        self._old: dict[_K, _V] = {}

    def get(self, key: _K) -> _V | None:
        """The value kept for the key."""
        value = self._young.get(key)
        if value is None:
            value = self._old.get(key)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: _K, value: _V) -> None:
        """Keep a value, which must not be None."""
        young = self._young
        if len(young) >= self._size:
            self._old, self._young = young, {}
            young = self._young
        young[key] = value

    def drop(self, key: _K) -> None:
        """Forget one key."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())
