"""What the plugin works out: plain functions that need no running EXACT to be tested."""

from __future__ import annotations

from dataclasses import dataclass

from exact_core.api import AnnotationReader, Region

from exact_kept_sample.settings import KeptSampleSettings


@dataclass(frozen=True, slots=True)
class Count:
    """How many shapes lie somewhere, and what to say about it."""

    total: int
    note: str = ""


def count_shapes(reader: AnnotationReader, region: Region, settings: KeptSampleSettings) -> Count:
    """Count the shapes whose centre lies in a region, as far as the asking person may see them."""
    total = sum(reader.count_by_type(region).values())
    note = "" if total >= settings.minimum else f"Fewer than {settings.minimum}."
    return Count(total, note)
