"""GeoJSON as QuPath writes and reads it: features with a classification, measurements, a plane, nuclei of cells.

Coordinates are level-0 pixels from the outer corner of the upper left pixel, x right, y down. What GeoJSON cannot say
(that a polygon is a rotated box, who drew it) stands in members named ``exact``, which other programs ignore.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
import orjson

from exact_core.annotations.rules import DEFAULT_FRAME
from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExchangeImage, ExportDocument, Format, Report, WrittenShape
from exact_core.exchange.formats.geojson_reading import read
from exact_core.exchange.placing import places_of

_BATCH = 2_000
_TYPE = re.compile(rb'"type"\s*:\s*"Feature(Collection)?"')
_TURN = np.linspace(0, 2 * np.pi, 64, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)  # begins on an axis: the bounds are exact
_COORDINATES = "level-0 pixels from the outer corner of the upper left pixel, x right, y down"


def sniff(head: bytes, _file_name: str) -> int:
    """Whether a file is GeoJSON: JSON with features in it."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n\x1e")
    if not text.startswith((b"{", b"[")):
        return 0
    if _TYPE.search(text):
        return 95
    return 60 if b'"geometry"' in text and b'"coordinates"' in text else 0


def write(document: ExportDocument, target: BinaryIO, _report: Report) -> None:
    """Write the annotations of one image as a feature collection that QuPath opens."""
    (image,) = document.images
    head = {"type": "FeatureCollection", "exact": _facts(document, image)}
    target.write(orjson.dumps(head)[:-1] + b',"features":[')
    separator = b"\n"
    shapes = document.shapes(image)
    while batch := list(islice(shapes, _BATCH)):
        target.write(separator + b",\n".join(map(orjson.dumps, _features(batch, image))))
        separator = b",\n"
    target.write(b"\n]}\n")


def _facts(document: ExportDocument, image: ExchangeImage) -> dict[str, Any]:
    facts: dict[str, Any] = {
        **document.facts,
        "image": image.name,
        "width": image.width,
        "height": image.height,
        "coordinates": _COORDINATES,
    }
    if image.file_name:
        facts["file_name"] = image.file_name
    if image.mpp_x:
        facts |= {"mpp_x": image.mpp_x, "mpp_y": image.mpp_y}
    return facts


def _features(batch: Sequence[WrittenShape], image: ExchangeImage) -> Iterator[dict[str, Any]]:
    """Features of many shapes, whose vertices are moved and turned into lists all at once."""
    vertices = places_of([shape.geometry for shape in batch]).tolist()
    start = 0
    for shape in batch:
        stop = start + len(shape.geometry.vertices)
        geometry, form = _geometry(shape, vertices[start:stop], image)
        start = stop
        if shape.frame != DEFAULT_FRAME:
            geometry["plane"] = {"c": shape.frame.c, "z": shape.frame.z, "t": shape.frame.t}
        yield {
            "type": "Feature",
            "id": shape.uuid,
            "geometry": geometry,
            "properties": _properties(shape, form),
        }


def _geometry(shape: WrittenShape, vertices: list[Any], image: ExchangeImage) -> tuple[dict[str, Any], str]:
    """The geometry, and the name of the shape where a reader could not know it from that."""
    form = shape.geometry.shape
    if form is Shape.POINT:
        return {"type": "Point", "coordinates": vertices[0]}, ""
    if form in (Shape.LINE, Shape.POLYLINE):
        looks_like = Shape.LINE if len(vertices) == 2 else Shape.POLYLINE
        return {"type": "LineString", "coordinates": vertices}, "" if form is looks_like else form.value
    if form is Shape.BOX:
        return {"type": "Polygon", "coordinates": [_corners(vertices)]}, ""
    if form is Shape.ELLIPSE:
        return {"type": "Polygon", "coordinates": [_outline(vertices)], "isEllipse": True}, ""
    if form is Shape.ROTATED_BOX:
        return {"type": "Polygon", "coordinates": [[*vertices, vertices[0]]]}, form.value
    if form in (Shape.POLYGON, Shape.MULTI_POLYGON):
        parts = _parts(shape, vertices)
        if form is Shape.MULTI_POLYGON:
            return {"type": "MultiPolygon", "coordinates": parts}, ""
        return {"type": "Polygon", "coordinates": parts[0]}, form.value if _is_rectangle(parts[0]) else ""
    # QuPath has no label of a whole image: it is shown a rectangle around the image.
    whole = [[0, 0], [image.width, image.height]]
    return {"type": "Polygon", "coordinates": [_corners(whole)]}, form.value


def _corners(corners: list[Any]) -> list[Any]:
    (x0, y0), (x1, y1) = corners
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def _outline(corners: list[Any]) -> list[Any]:
    low, high = np.array(corners)
    ring = ((low + high) / 2 + (high - low) / 2 * _CIRCLE).tolist()
    return [*ring, ring[0]]


def _parts(shape: WrittenShape, vertices: list[Any]) -> list[list[Any]]:
    """Each outline with the holes after it, every ring closed."""
    parts: list[list[Any]] = []
    start = 0
    for length, hole in zip(shape.geometry.ring_lengths, shape.geometry.ring_holes, strict=True):
        ring = vertices[start : start + length]
        ring.append(ring[0])
        start += length
        if hole:
            parts[-1].append(ring)
        else:
            parts.append([ring])
    return parts


def _is_rectangle(rings: list[Any]) -> bool:
    """Whether a reader would take a polygon for a box."""
    if len(rings) != 1 or len(rings[0]) != 5:
        return False
    (x0, y0), (x1, y1), (x2, y2), (x3, y3), _ = rings[0]
    return bool(x0 == x1 and y1 == y2 and x2 == x3 and y3 == y0) or (y0 == y1 and x1 == x2 and y2 == y3 and x3 == x0)


def _properties(shape: WrittenShape, form: str) -> dict[str, Any]:
    kind = shape.type
    color = [int(kind.color[place : place + 2], 16) for place in (1, 3, 5)]
    properties: dict[str, Any] = {
        "objectType": "annotation",
        "classification": {"name": kind.name, "color": color},
    }
    if shape.text:
        properties["name"] = shape.text
    if shape.attributes:
        properties |= _attributes(shape.attributes)
    exact: dict[str, Any] = {"author": shape.claimed_author or shape.author, "edited_at": shape.edited_at}
    if form:
        exact["shape"] = form
    properties["exact"] = exact
    return properties


def _attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as measurements, all else as metadata, which QuPath keeps as text."""
    measurements = {key: value for key, value in attributes.items() if _is_number(value)}
    metadata = {key: _as_text(value) for key, value in attributes.items() if not _is_number(value)}
    found: dict[str, Any] = {"measurements": measurements} if measurements else {}
    return found | ({"metadata": metadata} if metadata else {})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


FORMAT = Format(
    name="geojson",
    title="GeoJSON (QuPath)",
    extension=".geojson",
    media_type="application/geo+json",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write,
)
