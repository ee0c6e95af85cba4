"""What a limited process is told about an image: where its file lies and how to show it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from exact_core.api.drivers import Channel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exact_core.tiles.pyramid import Level


@dataclass(frozen=True, slots=True)
class SlideFile:
    """One image as files: ``key`` changes when its pixels do."""

    key: str
    path: str
    driver: str
    index_path: str
    channels: tuple[Channel, ...]
    levels: tuple[Level, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what travels to the process; levels are sent only where they are asked for."""
        return {
            "key": self.key,
            "path": self.path,
            "driver": self.driver,
            "index_path": self.index_path,
            "channels": [asdict(channel) for channel in self.channels],
        }


def channel_from_json(value: Mapping[str, Any]) -> Channel:
    """Read one channel; a colour that is none becomes white."""
    color = str(value.get("color", ""))
    is_color = len(color) == 7 and color[0] == "#" and all(digit in "0123456789abcdefABCDEF" for digit in color[1:])
    return Channel(
        name=str(value.get("name", ""))[:60],
        color=color if is_color else "#ffffff",
        low=float(value.get("low", 0.0)),
        high=float(value.get("high", 255.0)),
    )
