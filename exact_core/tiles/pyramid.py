"""Levels that the viewer is offered: those of the file, and a few between or below where the file leaves a gap."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exact_core.api.drivers import SourceLevel

DEFAULT_TILE = 512
STEP = 4
SMALL_ENOUGH = 1024
LARGEST_FACTOR = 16


@dataclass(frozen=True, slots=True)
class Level:
    """One offered resolution and its grid of tiles.

    ``native`` levels are in the file; others are made from the file's level ``source_level`` by averaging
    ``factor`` × ``factor`` pixels.
    """

    index: int
    width: int
    height: int
    downsample: float
    tile_width: int
    tile_height: int
    columns: int
    rows: int
    native: bool
    source_level: int
    factor: int

    def box(self, column: int, row: int) -> tuple[int, int, int, int]:
        """Give left, top, width and height of a tile, in pixels of this level."""
        x, y = column * self.tile_width, row * self.tile_height
        return x, y, min(self.tile_width, self.width - x), min(self.tile_height, self.height - y)

    def has(self, column: int, row: int) -> bool:
        """Say whether the grid has this tile."""
        return 0 <= column < self.columns and 0 <= row < self.rows

    def as_json(self) -> dict[str, Any]:
        """Return plain values for the database and for the viewer."""
        return asdict(self)


def level_from_json(value: Mapping[str, Any]) -> Level:
    """Read what ``Level.as_json`` wrote."""
    return Level(
        **{name: int(value[name]) for name in ("index", "width", "height", "tile_width", "tile_height")},
        **{name: int(value[name]) for name in ("columns", "rows", "source_level", "factor")},
        downsample=float(value["downsample"]),
        native=bool(value["native"]),
    )


def offered_levels(native: Iterable[SourceLevel]) -> tuple[Level, ...]:
    """Lay the tile grid over the file's levels and fill gaps wider than a factor of four.

    The smallest level fits a screen, unless that would take a factor of more than 16 from the file's smallest one.
    """
    ordered = list(native)
    levels: list[Level] = []
    for position, level in enumerate(ordered):
        levels.append(_level(len(levels), level, position, 1))
        following = ordered[position + 1] if position + 1 < len(ordered) else None
        factor = STEP
        while factor <= LARGEST_FACTOR and _is_wanted(level, factor, following):
            levels.append(_level(len(levels), level, position, factor))
            factor *= STEP
    return tuple(levels)


def is_too_deep(native: Iterable[SourceLevel]) -> bool:
    """Say whether the file's smallest level is so large that an overview would take too long."""
    smallest = list(native)[-1]
    return max(smallest.width, smallest.height) > SMALL_ENOUGH * LARGEST_FACTOR


def _is_wanted(level: SourceLevel, factor: int, following: SourceLevel | None) -> bool:
    if following is None:
        return max(level.width, level.height) * STEP > SMALL_ENOUGH * factor
    # 1.2: levels of real files are a little off the round factor.
    return following.downsample / (level.downsample * factor / STEP) > STEP * 1.2


def _level(index: int, source: SourceLevel, source_level: int, factor: int) -> Level:
    tile_width, tile_height = _tile_size(source)
    width, height = -(-source.width // factor), -(-source.height // factor)
    return Level(
        index=index,
        width=width,
        height=height,
        downsample=source.downsample * factor,
        tile_width=tile_width,
        tile_height=tile_height,
        columns=-(-width // tile_width),
        rows=-(-height // tile_height),
        native=factor == 1,
        source_level=source_level,
        factor=factor,
    )


def _tile_size(source: SourceLevel) -> tuple[int, int]:
    """Keep the file's grid where its tiles are of a size that suits a browser."""
    if 128 <= source.tile_width <= 1024 and 128 <= source.tile_height <= 1024:
        return source.tile_width, source.tile_height
    return DEFAULT_TILE, DEFAULT_TILE
