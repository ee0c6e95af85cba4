"""Tables of annotations, RFC 4180: one row each, the geometry as well-known text (WKT) in level-0 pixels.

Columns that are written: ``image, id, label, product, shape, wkt, z, t, c, text, attributes, author, created_at,
edited_at, verification``; attributes are a JSON object, -1 stands for every frame. Reading takes tables of others as
well: see :mod:`exact_core.exchange.formats.csv_reading` for the names of columns.

A cell that a spreadsheet would take for a formula begins with an apostrophe, which reading takes off again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExchangeImage, ExportDocument, Format, Report, Ring, WrittenShape
from exact_core.exchange.formats.csv_reading import FORMULA, header_of, read, roles_of
from exact_core.exchange.numbers import compact, spelled
from exact_core.exchange.outlines import box_outline, ellipse_outline
from exact_core.exchange.rings import level0_rings

COLUMNS = (
    *("image", "id", "label", "product", "shape", "wkt", "z", "t", "c", "text", "attributes", "author"),
    *("created_at", "edited_at", "verification"),
)
_PIECE = 256 * 1024
_BOM = "\ufeff"  # without it, spreadsheets take UTF-8 for something else


def sniff(head: bytes, _file_name: str) -> int:
    """Whether a file is a table with a label and a place in every row."""
    header = header_of(head)
    if header is None:
        return 0
    roles = roles_of(header)
    has_place = "wkt" in roles or {"left", "top", "right", "bottom"} <= roles.keys()
    has_place = has_place or {"x", "y"} <= roles.keys() or "shape" in roles
    if not has_place:
        return 0
    return 90 if "label" in roles and ("wkt" in roles or "image" in roles) else 50


def write(document: ExportDocument, target: BinaryIO, _report: Report) -> None:
    """Write a whole set as one table."""
    text = io.StringIO(newline="")
    table = csv.writer(text)  # \r\n, quotes where they are needed
    text.write(_BOM)
    table.writerow(COLUMNS)
    for image in document.images:
        for shape in document.shapes(image):
            table.writerow(_row(shape, image))
            if text.tell() > _PIECE:
                _hand_over(text, target)
    _hand_over(text, target)


def _hand_over(text: io.StringIO, target: BinaryIO) -> None:
    target.write(text.getvalue().encode("utf-8", "replace"))
    text.seek(0)
    text.truncate()


def _row(shape: WrittenShape, image: ExchangeImage) -> Iterator[str]:
    frame = shape.frame
    yield guarded(image.file_name or image.name)
    yield shape.uuid
    yield guarded(shape.type.name)
    yield guarded(shape.type.product)
    yield shape.geometry.shape.value
    yield wkt_of(shape)
    yield from (str(value) for value in (frame.z, frame.t, frame.c))
    yield guarded(shape.text)
    yield compact(shape.attributes) if shape.attributes else ""
    yield guarded(shape.claimed_author or shape.author)
    yield shape.created_at.isoformat()
    yield shape.edited_at.isoformat()
    yield shape.verification


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if FORMULA.match(text) else text


def wkt_of(shape: WrittenShape) -> str:
    """The geometry; empty for a label of the whole image. An ellipse is a polygon beside the word ``ellipse``."""
    form, rings = shape.geometry.shape, level0_rings(shape.geometry)
    if not rings:
        return ""
    if form is Shape.POINT:
        return f"POINT ({_path(rings[0])})"
    if form in (Shape.LINE, Shape.POLYLINE):
        return f"LINESTRING ({_path(rings[0])})"
    if form is Shape.BOX:
        rings = [box_outline(rings[0])]
    elif form is Shape.ELLIPSE:
        rings = [ellipse_outline(rings[0])]
    parts: list[list[str]] = []
    holes = shape.geometry.ring_holes
    for ring, hole in zip(rings, holes, strict=True):
        closed = f"({_path(ring)}, {_path(ring[:1])})"
        if hole:
            parts[-1].append(closed)
        else:
            parts.append([closed])
    written = [f"({', '.join(part)})" for part in parts]
    return f"MULTIPOLYGON ({', '.join(written)})" if form is Shape.MULTI_POLYGON else f"POLYGON {written[0]}"


def _path(ring: Ring) -> str:
    return ", ".join(f"{spelled(x)} {spelled(y)}" for x, y in ring.tolist())


FORMAT = Format(
    name="csv",
    title="CSV table",
    extension=".csv",
    media_type="text/csv",
    one_image=False,
    sniff=sniff,
    read=read,
    write=write,
    has_verification=True,
)
