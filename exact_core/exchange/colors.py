"""Colours as formats spell them, to and from ``#rrggbb``."""

from __future__ import annotations

import re

_HEX = re.compile(r"#?([0-9a-fA-F]{6})(?:[0-9a-fA-F]{2})?")


def read_color(text: str | None) -> str | None:
    """``#rrggbb`` of a colour with or without ``#`` and opacity; None for anything else."""
    found = _HEX.fullmatch((text or "").strip())
    return f"#{found[1].lower()}" if found else None


def rgb_of(color: str) -> tuple[int, int, int]:
    """Red, green and blue from 0 to 255; black for what is no colour."""
    found = read_color(color) or "#000000"
    return int(found[1:3], 16), int(found[3:5], 16), int(found[5:7], 16)


def color_of(red: int, green: int, blue: int) -> str:
    """``#rrggbb`` of three numbers from 0 to 255."""
    return f"#{red & 255:02x}{green & 255:02x}{blue & 255:02x}"


def color_of_bgr(text: str) -> str | None:
    """The colour of Windows' decimal numbers, red in the lowest byte: ``255`` is red."""
    text = text.strip()
    if text.startswith("#"):
        return read_color(text)
    try:
        value = int(text)
    except ValueError:
        return None
    return color_of(value, value >> 8, value >> 16)


def bgr_of_color(color: str) -> int:
    """Windows' number of a colour."""
    red, green, blue = rgb_of(color)
    return red | green << 8 | blue << 16


def color_of_rgba(text: str | None) -> str | None:
    """The colour of OME's signed 32-bit numbers, opacity in the lowest byte."""
    try:
        value = int((text or "").strip())
    except ValueError:
        return None
    return color_of(value >> 24, value >> 16, value >> 8)


def rgba_of_color(color: str) -> int:
    """OME's number of an opaque colour."""
    red, green, blue = rgb_of(color)
    value = red << 24 | green << 16 | blue << 8 | 255
    return value - (1 << 32) if value >= 1 << 31 else value
