"""Addresses of frames: focal plane, time point, channel, written ``z.t.c`` with ``rgb`` for all colours."""

from __future__ import annotations

from dataclasses import dataclass

from exact_core.api.errors import ExactError, NotFound

ALL_CHANNELS = -1


class BadFrame(ExactError):
    """A frame, level or position in an address is not a number."""

    status = 400
    code = "bad-tile-address"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a stack; ``c`` is a channel's index or -1 for colour and for all channels mixed."""

    z: int = 0
    t: int = 0
    c: int = ALL_CHANNELS

    def __str__(self) -> str:
        return f"{self.z}.{self.t}.{'rgb' if self.c == ALL_CHANNELS else self.c}"


def parse_frame(text: str) -> Frame:
    """Read ``z.t.c``; raise ``BadFrame`` when it is not of that form."""
    parts = text.split(".")
    if len(parts) != 3 or any(not _is_number(part) for part in parts[:2]):
        raise BadFrame(f"The frame {text[:40]!r} is not of the form z.t.c, such as 0.0.rgb.")
    if parts[2] != "rgb" and not _is_number(parts[2]):
        raise BadFrame(f"The channel {parts[2][:20]!r} is neither a number nor rgb.")
    return Frame(int(parts[0]), int(parts[1]), ALL_CHANNELS if parts[2] == "rgb" else int(parts[2]))


def require_frame(frame: Frame, size_z: int, size_t: int, size_c: int) -> None:
    """Raise ``NotFound`` when the picture has no such frame."""
    if frame.z >= size_z or frame.t >= size_t or frame.c >= size_c:
        raise NotFound(f"The image has no frame {frame}; it has {size_z} planes, {size_t} times, {size_c} channels.")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9
