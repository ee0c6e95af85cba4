"""What the placeholders of templates stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exact_core.annotations.measures import area
from exact_core.exchange.document import ExchangeImage, ExportDocument, WrittenShape
from exact_core.exchange.formats.csv_table import wkt_of
from exact_core.exchange.rings import level0_rings

PLACEHOLDERS: Mapping[str, str] = {
    "annotation.id": "its number",
    "annotation.uuid": "its identity",
    "annotation.label": "name of its annotation type",
    "annotation.product": "name of the type's product",
    "annotation.color": "of the type: #rrggbb",
    "annotation.shape": "point, box, ellipse, line, polyline, polygon, rotated_box, multi_polygon, image, absent",
    "annotation.points": "vertices of its first ring, each with x and y in level-0 pixels",
    "annotation.rings": "all rings, each with points and hole",
    "annotation.left": "bounding box: left, top, right, bottom, width, height, x and y of the middle, in pixels",
    "annotation.area_px": "area in square pixels; area_um2 in µm² where the scale is known",
    "annotation.wkt": "as well-known text",
    "annotation.z": "focal plane, time point t and channel c; -1 for all",
    "annotation.text": "its text",
    "annotation.attributes": "values by name: annotation.attributes.grade",
    "annotation.author": "who drew it",
    "annotation.verification": "accepted, rejected, dubious, outdated (only a former state was judged), or empty",
    "annotation.created_at": "when it was drawn; edited_at when it was changed last",
    "image.name": "also id, width, height, mpp_x, mpp_y",
    "set.name": "also revision, version, images (how many)",
    "types": "every annotation type, each with label, product, color, number",
    "number": "counts annotations from 1",
}
"""The placeholders, for the page of the editor."""


def annotation_values(shape: WrittenShape, image: ExchangeImage) -> dict[str, Any]:
    """The values of ``annotation``."""
    geometry = shape.geometry
    rings = [
        {"points": [{"x": x, "y": y} for x, y in ring.tolist()], "hole": bool(hole)}
        for ring, hole in zip(level0_rings(geometry), geometry.ring_holes, strict=True)
    ]
    values: dict[str, Any] = {
        "id": shape.id,
        "uuid": shape.uuid,
        "label": shape.type.name,
        "product": shape.type.product,
        "color": shape.type.color,
        "shape": geometry.shape.value,
        "points": rings[0]["points"] if rings else [],
        "rings": rings,
        "wkt": wkt_of(shape),
        "z": shape.frame.z,
        "t": shape.frame.t,
        "c": shape.frame.c,
        "text": shape.text,
        "attributes": dict(shape.attributes),
        "author": shape.claimed_author or shape.author,
        "verification": shape.verification,
        "created_at": shape.created_at.isoformat(),
        "edited_at": shape.edited_at.isoformat(),
    }
    return values | _extent(shape, image) | _areas(shape, image)


def image_values(image: ExchangeImage) -> dict[str, Any]:
    """The values of ``image``."""
    return {
        "id": image.id,
        "name": image.file_name or image.name,
        "width": image.width,
        "height": image.height,
        "mpp_x": image.mpp_x,
        "mpp_y": image.mpp_y,
    }


def document_values(document: ExportDocument) -> dict[str, Any]:
    """The values of ``set`` and ``types``."""
    facts = document.facts
    types: Sequence[dict[str, Any]] = [
        {"label": kind.name, "product": kind.product, "color": kind.color, "number": number}
        for number, kind in enumerate(document.types, start=1)
    ]
    return {
        "set": {
            "name": document.title,
            "revision": facts.get("revision"),
            "version": facts.get("version", ""),
            "images": len(document.images),
        },
        "types": types,
    }


def _extent(shape: WrittenShape, image: ExchangeImage) -> dict[str, float]:
    xy = shape.geometry.xy
    if len(xy):
        (left, top), (right, bottom) = xy.min(axis=0).tolist(), xy.max(axis=0).tolist()
    else:
        left, top, right, bottom = 0.0, 0.0, float(image.width), float(image.height)
    return {
        "left": left,
        "top": top,
        "right": right,
        "bottom": bottom,
        "width": right - left,
        "height": bottom - top,
        "x": (left + right) / 2,
        "y": (top + bottom) / 2,
    }


def _areas(shape: WrittenShape, image: ExchangeImage) -> dict[str, float | None]:
    pixels = area(shape.geometry)
    scale = image.mpp_x * (image.mpp_y or image.mpp_x) if image.mpp_x else None
    return {"area_px": pixels, "area_um2": None if scale is None else pixels * scale}
