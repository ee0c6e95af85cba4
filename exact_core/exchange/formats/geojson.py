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
from exact_core.exchange.document import ExchangeImage, ExportDocument, Format, Report, Ring, WrittenShape
from exact_core.exchange.extras import label_of
from exact_core.exchange.formats.geojson_reading import is_rectangle, read
from exact_core.exchange.placing import places_of

_BATCH = 2_000
_TYPE = re.compile(rb'"type"\s*:\s*"Feature(Collection)?"')
_TURN = np.linspace(0, 2 * np.pi, 65)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)  # it begins on an axis, so that the bounds are exact
_CIRCLE[-1] = _CIRCLE[0]
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
        target.write(separator + b",\n".join(_dumped(feature) for feature in _features(batch, image)))
        separator = b",\n"
    target.write(b"\n]}\n")


def _dumped(feature: dict[str, Any]) -> bytes:
    return orjson.dumps(feature, option=orjson.OPT_SERIALIZE_NUMPY)


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
    """Features of many shapes, whose vertices are moved all at once and never become Python's numbers."""
    vertices = places_of([shape.geometry for shape in batch])
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


def _geometry(shape: WrittenShape, vertices: Ring, image: ExchangeImage) -> tuple[dict[str, Any], str]:
    """The geometry, and the name of the shape where a reader could not know it from that."""
    form = shape.geometry.shape
    if form is Shape.POINT:
        return {"type": "Point", "coordinates": vertices[0]}, ""
    if form in (Shape.LINE, Shape.POLYLINE):
        looks_like = Shape.LINE if len(vertices) == 2 else Shape.POLYLINE
        return {"type": "LineString", "coordinates": vertices}, "" if form is looks_like else form
    if form is Shape.BOX:
        return {"type": "Polygon", "coordinates": [_corners(vertices)]}, ""
    if form is Shape.ELLIPSE:
        return {"type": "Polygon", "coordinates": [_outline(vertices)], "isEllipse": True}, ""
    if form is Shape.ROTATED_BOX:
        return {"type": "Polygon", "coordinates": [vertices[[0, 1, 2, 3, 0]]]}, form
    if form in (Shape.POLYGON, Shape.MULTI_POLYGON):
        parts = _parts(shape, vertices)
        if form is Shape.MULTI_POLYGON:
            return {"type": "MultiPolygon", "coordinates": parts}, form if len(parts) == 1 else ""
        return {"type": "Polygon", "coordinates": parts[0]}, form if _is_rectangle(parts[0]) else ""
    # QuPath has no label of a whole image: it is shown a rectangle around the image.
    whole = np.array([[0, 0], [image.width, image.height]])
    return {"type": "Polygon", "coordinates": [_corners(whole)]}, form


def _corners(corners: Ring) -> list[Any]:
    (x0, y0), (x1, y1) = corners.tolist()
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def _outline(corners: Ring) -> Ring:
    low, high = corners
    ring: Ring = (low + high) / 2 + (high - low) / 2 * _CIRCLE
    return ring


def _parts(shape: WrittenShape, vertices: Ring) -> list[list[Ring]]:
    """Each outline with the holes after it, every ring closed."""
    if len(shape.geometry.ring_lengths) == 1:
        return [[np.concatenate((vertices, vertices[:1]))]]
    parts: list[list[Ring]] = []
    start = 0
    for length, hole in zip(shape.geometry.ring_lengths, shape.geometry.ring_holes, strict=True):
        ring = np.concatenate((vertices[start : start + length], vertices[start : start + 1]))
        start += length
        if hole:
            parts[-1].append(ring)
        else:
            parts.append([ring])
    return parts


def _is_rectangle(rings: Sequence[Ring]) -> bool:
    """Whether a reader would take a polygon for a box."""
    return len(rings) == 1 and len(rings[0]) == 5 and is_rectangle(rings[0])


def _properties(shape: WrittenShape, form: str) -> dict[str, Any]:
    kind = shape.type
    properties: dict[str, Any] = {
        "objectType": "annotation",
        "classification": {"name": label_of(shape), "color": list(bytes.fromhex(kind.color[1:]))},
    }
    if shape.text:
        properties["name"] = shape.text
    if shape.attributes:
        properties |= _attributes(shape.attributes)
    exact: dict[str, Any] = {"author": shape.claimed_author or shape.author, "edited_at": shape.edited_at}
    if shape.verification:
        exact["verification"] = shape.verification
    if form:
        exact["shape"] = form
    if kept := {name: value for name, value in shape.attributes.items() if isinstance(value, bool | None)}:
        exact["attributes"] = kept
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
    has_verification=True,
)
