"""What the XML of an OME-TIFF says about channels, spacing and resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree import ElementTree

_MICROMETRES = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6, "Å": 1e-4}
_SECONDS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class OmeFacts:
    """Facts of the first image of an OME document; None and empty where it says nothing."""

    mpp_x: float | None = None
    mpp_y: float | None = None
    z_spacing_um: float | None = None
    t_interval_s: float | None = None
    objective_power: float | None = None
    names: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()


def read_ome(document: str) -> OmeFacts:
    """Read the facts; a document that is no XML gives none.

    The limits of the process guard against documents that expand to much.
    """
    try:
        root = ElementTree.fromstring(document)  # noqa: S314
    except ElementTree.ParseError:
        return OmeFacts()
    pixels = root.find("{*}Image/{*}Pixels")
    if pixels is None:
        return OmeFacts()
    channels = pixels.findall("{*}Channel")
    objective = root.find("{*}Instrument/{*}Objective")
    power = None if objective is None else _quantity(objective.get("NominalMagnification"), 1.0)
    return OmeFacts(
        mpp_x=_length(pixels, "PhysicalSizeX"),
        mpp_y=_length(pixels, "PhysicalSizeY"),
        z_spacing_um=_length(pixels, "PhysicalSizeZ"),
        t_interval_s=_quantity(
            pixels.get("TimeIncrement"), _SECONDS.get(pixels.get("TimeIncrementUnit", "s"), math.nan)
        ),
        objective_power=power,
        names=tuple((channel.get("Name") or "")[:60] for channel in channels),
        colors=tuple(_color(channel.get("Color")) for channel in channels),
    )


def _length(pixels: ElementTree.Element, name: str) -> float | None:
    return _quantity(pixels.get(name), _MICROMETRES.get(pixels.get(name + "Unit", "µm"), math.nan))


def _quantity(text: str | None, factor: float) -> float | None:
    try:
        value = float(text or "") * factor
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _color(text: str | None) -> str:
    """Turn OME's signed 32-bit RGBA into ``#rrggbb``; OME's default, opaque white, counts as not said."""
    try:
        value = int(text or "-1") & 0xFFFFFFFF
    except ValueError:
        return ""
    return "" if value == 0xFFFFFFFF else f"#{value >> 8:06x}"
