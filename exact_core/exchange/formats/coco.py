"""COCO: instances as polygons, or as run-length codes where they have holes; single points as keypoints.

COCO measures from the outer corner of the upper left pixel, as here, and a box is ``[x, y, width, height]``. What COCO
has no place for stands in a member ``exact`` of each annotation, which other programs ignore.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import orjson

from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExchangeImage, ExchangeType, ExportDocument, Format, Report, WrittenShape
from exact_core.exchange.extras import extras_of
from exact_core.exchange.formats.coco_reading import read
from exact_core.exchange.json_stream import outline_of
from exact_core.exchange.outlines import image_outline
from exact_core.exchange.polygons import area_of, bounds_of, parts_of
from exact_core.exchange.rings import level0_rings
from exact_core.exchange.rle import encoded, runs_of

_LINES = (Shape.LINE, Shape.POLYLINE)
_PIECE = 256 * 1024
_NAME = "COCO"


def sniff(head: bytes, _file_name: str) -> int:
    """Whether a file is COCO's: an object with images, annotations and categories, or a list of results."""
    if not any(word in head for word in (b'"category_id"', b'"categories"', b'"file_name"')):
        return 0
    found = outline_of(head)
    if found.is_list:
        return 80 if b'"image_id"' in head and b'"category_id"' in head else 0
    known = {"images", "annotations", "categories"} & set(found.keys)
    if "annotations" in known and (len(known) > 1 or (b'"image_id"' in head and b'"category_id"' in head)):
        return 95
    # A long list of images may hide the rest from the first bytes.
    begins = "images" in known and {"info", "licenses"} & set(found.keys) and b'"file_name"' in head
    return 80 if len(known) > 1 or begins else 0


def write(document: ExportDocument, target: BinaryIO, report: Report) -> None:
    """Write a whole set as one file."""
    numbers = {kind.id: number for number, kind in enumerate(document.types, start=1)}
    head = {
        "info": {"description": document.title, "exact": dict(document.facts)},
        "licenses": [],
        "images": [_image(image) for image in document.images],
        "categories": [_category(kind, number) for kind, number in zip(document.types, numbers.values(), strict=True)],
    }
    target.write(orjson.dumps(head)[:-1] + b',"annotations":[')
    separator, waiting = b"\n", bytearray()
    for number, annotation in enumerate(_annotations(document, numbers, report), start=1):
        waiting += separator
        waiting += orjson.dumps({"id": number, **annotation}, option=orjson.OPT_SERIALIZE_NUMPY)
        separator = b",\n"
        if len(waiting) > _PIECE:
            target.write(bytes(waiting))
            waiting.clear()
    target.write(bytes(waiting) + b"\n]}\n")


def _image(image: ExchangeImage) -> dict[str, Any]:
    return {"id": image.id, "file_name": image.file_name or image.name, "width": image.width, "height": image.height}


def _category(kind: ExchangeType, number: int) -> dict[str, Any]:
    found: dict[str, Any] = {"id": number, "name": kind.name, "supercategory": kind.product}
    if Shape.POINT in kind.shapes:
        found |= {"keypoints": ["point"], "skeleton": []}
    return found


def _annotations(document: ExportDocument, numbers: Mapping[int, int], report: Report) -> Iterator[dict[str, Any]]:
    for image in document.images:
        for shape in document.shapes(image):
            place = _place(shape, image, report)
            if place is not None:
                yield {
                    "image_id": image.id,
                    "category_id": numbers[shape.type.id],
                    **place,
                    "iscrowd": 0,
                    "exact": extras_of(shape),
                }


def _place(shape: WrittenShape, image: ExchangeImage, report: Report) -> dict[str, Any] | None:
    """Segmentation, box and area; None for what COCO cannot draw."""
    form = shape.geometry.shape
    if form is Shape.POINT:
        x, y = level0_rings(shape.geometry)[0][0].tolist()
        return {"keypoints": [x, y, 2], "num_keypoints": 1, "bbox": [x, y, 0, 0], "area": 0}
    if form is Shape.ABSENT:
        report.lose(f"what is absent: {_NAME} would show it as there; left out")
        return None
    if form in _LINES:
        report.lose(f"lines: {_NAME} has none; they are left out")
        return None
    parts = parts_of(shape, report, _NAME)
    if not parts:
        report.lose(f"labels of the whole image: {_NAME} shows a box around the image")
        parts = [[image_outline(image.width, image.height)]]
    left, top, right, bottom = bounds_of([outline for outline, *_ in parts])
    found = {"bbox": [left, top, right - left, bottom - top], "area": area_of(parts)}
    if all(len(part) == 1 for part in parts):
        return {"segmentation": [outline.ravel() for (outline,) in parts], **found}
    report.lose(f"outlines with holes: {_NAME} keeps them as masks of whole pixels")
    runs = runs_of([ring for part in parts for ring in part], image.width, image.height)
    return {"segmentation": {"size": [image.height, image.width], "counts": encoded(runs)}, **found}


FORMAT = Format(
    name="coco",
    title="COCO",
    extension=".json",
    media_type="application/json",
    one_image=False,
    sniff=sniff,
    read=read,
    write=write,
)
