"""The tile index file: what is written is read, what is damaged is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from exact_core.tiles.tile_index import BrokenTileIndex, TileIndex, TileTable, pack_tile_index


def _table(offsets: list[int], lengths: list[int], level: int = 0) -> TileTable:
    shape = (1, 1, len(offsets))
    return TileTable(
        level,
        256,
        256,
        np.array(offsets, np.uint64).reshape(shape),
        np.array(lengths, np.uint32).reshape(shape),
        [b"HD"],
    )


def test_a_tile_is_its_header_and_its_bytes_without_the_first_marker(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"....XXabcdXXefgh")
    path = tmp_path / "index"
    path.write_bytes(pack_tile_index(16, [_table([4, 10, 0], [6, 6, 0]), _table([4], [6], level=2)]))
    index = TileIndex(path)
    assert sorted(index.levels) == [0, 2]
    descriptor = os.open(file, os.O_RDONLY)
    level = index.levels[0]
    assert [level.read(descriptor, 0, column, 0) for column in range(3)] == [b"HDabcd", b"HDefgh", None]
    os.close(descriptor)


def test_offsets_past_four_gigabytes_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "index"
    far = 70 * 2**30
    path.write_bytes(pack_tile_index(far + 100, [_table([far], [100])]))
    assert TileIndex(path).levels[0].columns == 1


@pytest.mark.parametrize("offsets", [[100], [2**63], [2**64 - 4]])
def test_ranges_outside_of_the_image_file_are_refused(tmp_path: Path, offsets: list[int]) -> None:
    path = tmp_path / "index"
    path.write_bytes(pack_tile_index(100, [_table(offsets, [8])]))
    with pytest.raises(BrokenTileIndex):
        TileIndex(path)


def test_every_cut_and_many_changed_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    good = pack_tile_index(1000, [_table([10, 20, 30], [9, 9, 9])])
    path = tmp_path / "index"
    padding = 4
    for length in range(len(good) - padding):
        path.write_bytes(good[:length])
        with pytest.raises(BrokenTileIndex):
            TileIndex(path)
    generator = np.random.default_rng(5)
    for _ in range(300):
        changed = bytearray(good)
        changed[int(generator.integers(len(good)))] = int(generator.integers(256))
        path.write_bytes(bytes(changed))
        try:
            index = TileIndex(path)
        except BrokenTileIndex:
            continue
        assert all(level.columns * level.rows * level.planes < 10_000 for level in index.levels.values())


def test_a_missing_index_is_reported_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BrokenTileIndex, match="probe the image again"):
        TileIndex(tmp_path / "missing")
