"""V7's Darwin JSON, version 2.0: one file per image. What Darwin has no place for stands in members named ``exact``."""

from __future__ import annotations

from typing import Any, BinaryIO

import orjson

from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExportDocument, Format, Report, Ring, WrittenShape
from exact_core.exchange.extras import extras_of, label_of
from exact_core.exchange.formats.darwin_reading import read
from exact_core.exchange.json_stream import outline_of
from exact_core.exchange.polygons import bounds_of
from exact_core.exchange.rings import level0_rings

_SCHEMA = "https://darwin-public.s3.eu-west-1.amazonaws.com/darwin_json/2.0/schema.json"
_SLOT = "0"
_PIECE = 256 * 1024


def sniff(head: bytes, _file_name: str) -> int:
    """Whether a file is Darwin's: annotations with an item, or (before 2.0) with an image."""
    if b'"annotations"' not in head:
        return 0
    found = outline_of(head)
    if "annotations" not in found.keys and b"darwin" not in head:
        return 0
    if str(found.values.get("schema_ref", "")).find("darwin") >= 0 or (
        "item" in found.keys and "version" in found.keys
    ):
        return 95
    image = found.values.get("image")
    return 85 if isinstance(image, dict) and ("filename" in image or "original_filename" in image) else 0


def write(document: ExportDocument, target: BinaryIO, _report: Report) -> None:
    """Write the annotations of one image."""
    (image,) = document.images
    name = image.file_name or image.name
    slot = {"type": "image", "slot_name": _SLOT, "width": image.width, "height": image.height}
    head = {
        "version": "2.0",
        "schema_ref": _SCHEMA,
        "item": {
            "name": name,
            "path": "/",
            "source_info": {"dataset": {"name": document.title}, "exact": dict(document.facts)},
            "slots": [{**slot, "source_files": [{"file_name": name}]}],
        },
    }
    target.write(orjson.dumps(head)[:-1] + b',"annotations":[')
    separator, waiting = b"\n", bytearray()
    for shape in document.shapes(image):
        waiting += separator + orjson.dumps(_annotation(shape))
        separator = b",\n"
        if len(waiting) > _PIECE:
            target.write(bytes(waiting))
            waiting.clear()
    target.write(bytes(waiting) + b"\n]}\n")


def _annotation(shape: WrittenShape) -> dict[str, Any]:
    found: dict[str, Any] = {"id": shape.uuid, "name": label_of(shape), **_place(shape)}
    if shape.text:
        found["text"] = {"text": shape.text}
    author = shape.claimed_author or shape.author
    if author:
        found["annotators"] = [{"full_name": author}]
    extras = extras_of(shape, leave_out=("uuid", "text", "author"))
    if len(shape.geometry.ring_lengths) > 1:
        extras["holes"] = list(shape.geometry.ring_holes)
    return {**found, "slot_names": [_SLOT], "exact": extras}


def _place(shape: WrittenShape) -> dict[str, Any]:
    form, rings = shape.geometry.shape, level0_rings(shape.geometry)
    if not rings:
        return {"tag": {}}
    if form is Shape.POINT:
        return {"keypoint": _point(rings[0][0])}
    if form in (Shape.LINE, Shape.POLYLINE):
        return {"line": {"path": _path(rings[0])}}
    left, top, right, bottom = bounds_of(rings)
    if form is Shape.ELLIPSE:
        middle = {"x": (left + right) / 2, "y": (top + bottom) / 2}
        radius = {"x": (right - left) / 2, "y": (bottom - top) / 2}
        return {"ellipse": {"angle": 0.0, "center": middle, "radius": radius}}
    box = {"bounding_box": {"x": left, "y": top, "w": right - left, "h": bottom - top}}
    if form is Shape.BOX:
        return box
    return {**box, "polygon": {"paths": [_path(ring) for ring in rings]}}


def _path(ring: Ring) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in ring.tolist()]


def _point(vertex: Ring) -> dict[str, float]:
    x, y = vertex.tolist()
    return {"x": x, "y": y}


FORMAT = Format(
    name="darwin",
    title="Darwin JSON (V7)",
    extension=".json",
    media_type="application/json",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write,
)
