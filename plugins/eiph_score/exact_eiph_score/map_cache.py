"""Painted heat maps, kept while nothing changes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

_MOST = 64


class MapCache:
    """The last few pictures, by image and whatever else they depend on; safe for threads."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[tuple[int, Hashable], bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, image_id: int, key: Hashable, paint: Callable[[], bytes]) -> bytes:
        """The picture of an image under a key, painted when it is not there."""
        with self._lock:
            if (image_id, key) in self._pictures:
                self._pictures.move_to_end((image_id, key))
                return self._pictures[image_id, key]
        picture = paint()
        with self._lock:
            self._pictures[image_id, key] = picture
            while len(self._pictures) > _MOST:
                self._pictures.popitem(last=False)
        return picture

    def forget(self, image_id: int) -> None:
        """Drop what belongs to an image."""
        with self._lock:
            for key in [key for key in self._pictures if key[0] == image_id]:
                del self._pictures[key]

    def __len__(self) -> int:
        return len(self._pictures)
