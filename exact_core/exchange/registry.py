"""Which formats there are: named here, imported when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from exact_core.api.errors import Invalid
from exact_core.exchange.document import Format

BUILT_IN = {
    "geojson": "geojson",
    "coco": "coco",
    "yolo": "yolo",
    "voc": "voc",
    "aperio-xml": "aperio_xml",
    "asap-xml": "asap_xml",
    "ndpa": "ndpa",
    "darwin": "darwin",
    "csv": "csv_table",
    "sliderunner": "sliderunner",
    "exact-text": "exact_text",
    "dicom-ann": "dicom_ann",
    "dicom-seg": "dicom_seg",
    "ome-xml": "ome_xml",
}
"""Name to module below ``exact_core.exchange.formats``."""


def built_in(name: str) -> Format:
    """A format of the core by its name."""
    module = BUILT_IN.get(name)
    if module is None:
        raise Invalid(f"The format {name!r} is unknown; there are: {', '.join(BUILT_IN)}.")
    found = importlib.import_module(f"exact_core.exchange.formats.{module}").FORMAT
    assert isinstance(found, Format)
    return found


def all_built_in() -> Iterator[Format]:
    """Every format of the core."""
    return (built_in(name) for name in BUILT_IN)
