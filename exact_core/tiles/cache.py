"""Rendered tiles in memory, bounded by bytes, least recently used thrown away first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_OVERHEAD = 200  # of an entry, in bytes, about


class TileCache(Generic[_Key]):
    """Encoded tiles by their full address; used by the event loop's thread only."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: OrderedDict[_Key, tuple[bytes, str]] = OrderedDict()
        self.bytes = 0

    def get(self, key: _Key) -> tuple[bytes, str] | None:
        """Return the tile and its media type, and count it as just used."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: _Key, data: bytes, media_type: str) -> None:
        """Keep a tile; one larger than the whole cache is not kept."""
        size = len(data) + _OVERHEAD
        if size > self._limit:
            return
        old = self._kept.pop(key, None)
        if old is not None:
            self.bytes -= len(old[0]) + _OVERHEAD
        self._kept[key] = (data, media_type)
        self.bytes += size
        while self.bytes > self._limit:
            _, (dropped, _) = self._kept.popitem(last=False)
            self.bytes -= len(dropped) + _OVERHEAD
