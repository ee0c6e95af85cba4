"""The cache of rendered tiles."""

from __future__ import annotations

from exact_core.tiles.cache import TileCache


def test_the_least_recently_used_tile_goes_first() -> None:
    cache: TileCache[int] = TileCache(3 * 1200)
    for key in (1, 2, 3):
        cache.put(key, bytes(1000), "image/jpeg")
    assert cache.get(1) is not None
    cache.put(4, bytes(1000), "image/png")
    assert cache.get(2) is None
    assert cache.get(1) is not None
    assert cache.get(4) == (bytes(1000), "image/png")
    assert cache.bytes <= 3 * 1200


def test_a_tile_put_twice_is_counted_once() -> None:
    cache: TileCache[int] = TileCache(10_000)
    cache.put(1, bytes(500), "image/jpeg")
    before = cache.bytes
    cache.put(1, bytes(500), "image/jpeg")
    assert cache.bytes == before


def test_a_cache_without_room_keeps_nothing() -> None:
    cache: TileCache[int] = TileCache(0)
    cache.put(1, b"tile", "image/jpeg")
    assert cache.get(1) is None
    assert cache.bytes == 0
