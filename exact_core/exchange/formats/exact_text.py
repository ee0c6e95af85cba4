"""The text export of the original EXACT: lines of ``image|type|vector|author|time|editor|edit time|uuid|deleted|w|h``.

A vector is ``{"x1": 10, "y1": 20, "x2": 30, "y2": 40}``: two corners are a box (or, as the type is drawn, an ellipse or
a line), more vertices are a polygon or a polyline. Its importer takes shorter lines: ``image|type|vector|flags|uuid``.
Lines in brackets are its log of who looked at which image when; ``not in image`` stands for a vector where a type does
not occur. Coordinates are level-0 pixels. What such a line has no place for stands behind it as JSON, where needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from exact_core.annotations.rules import DEFAULT_FRAME
from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import (
    ExchangeImage,
    ExportDocument,
    Format,
    ReadContext,
    ReadShape,
    Report,
    Ring,
    WrittenShape,
)
from exact_core.exchange.numbers import spelled
from exact_core.exchange.polygons import parts_of
from exact_core.exchange.rings import level0_rings

_NAME = "EXACT's text"
_LINE = re.compile(rb'[^|\r\n\[]+\|[^|\r\n]*\|\s*(\{\s*"?x1"?|not in image)', re.IGNORECASE)
_LOG = re.compile(rb"\[[^|\r\n]+\|[^|\r\n]+\|\d{4}-\d\d-\d\d [\d:.]+\|\d+\]")
_PAIR = re.compile(r'"?([xy]\d+|frame)"?\s*:\s*"?(-?\d+(?:\.\d+)?)"?')
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_IN_IMAGE = "not in image"
_LONGEST_LINE = 64 * 1024 * 1024
_FEWEST_FIELDS, _FIELDS = 3, 11
_PIECE = 64 * 1024


def sniff(head: bytes, _file_name: str) -> int:
    """Whether a file is lines of EXACT's."""
    lines = [line for line in head.splitlines()[:200] if line.strip()]
    known = [line for line in lines if _LINE.match(line) or _LOG.fullmatch(line.strip())]
    return 90 if lines and len(known) >= 0.8 * len(lines) else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    """The shapes of a file; a line that is none is refused by its number."""
    stream.seek(0)
    forms = _Forms(context)
    number = 0
    while line := stream.readline(_LONGEST_LINE):
        number += 1
        if len(line) >= _LONGEST_LINE:
            raise Invalid(f"Line {number} of the file is longer than any shape.")
        text = line.decode("utf-8", "replace").strip("\r\n\ufeff")
        if not text.strip():
            continue
        if text.startswith("["):
            context.report.lose("lines of the log of who looked at which image: not kept")
            continue
        place = f"line {number}"
        try:
            found = _shape(text, place, forms, context.report)
        except Invalid as error:
            context.report.refuse(place, error.message)
            continue
        if found is not None:
            yield found


class _Forms:
    """What two corners are, by the types that there are: the original EXACT knew it from the type."""

    def __init__(self, context: ReadContext) -> None:
        self._shapes = {kind.name.casefold(): kind.shapes for kind in context.types}

    def of(self, label: str, vertices: int) -> Shape:
        """The shape of a vector with so many vertices."""
        allowed: Sequence[Shape] = self._shapes.get(label.casefold(), ())
        if vertices == 1:
            return Shape.POINT
        several = (Shape.POLYGON, Shape.POLYLINE, Shape.MULTI_POLYGON)
        two = (Shape.BOX, Shape.ELLIPSE, Shape.LINE, Shape.POINT, Shape.POLYLINE)
        wanted = two if vertices == 2 else several
        return next((shape for shape in wanted if shape in allowed), wanted[0])


def _shape(text: str, place: str, forms: _Forms, report: Report) -> ReadShape | None:
    fields = text.split("|", _FIELDS)
    if len(fields) < _FEWEST_FIELDS:
        raise Invalid("A line has at least an image, a type and a vector, with | between them.")
    image, label, vector = fields[:3]
    is_full = len(fields) >= _FIELDS
    if is_full and fields[8].strip() == "True":
        report.lose("annotations that were deleted in EXACT: left out")
        return None
    is_absent = vector.strip().lower() == _NOT_IN_IMAGE
    ring, frame = (None, None) if is_absent else _vertices(vector)
    extras = _extras(fields[_FIELDS]) if len(fields) > _FIELDS else {}
    form = extras.get("shape")
    if ring is None:
        shape = Shape.ABSENT
    else:
        shape = Shape(form) if isinstance(form, str) and form in set(Shape) else forms.of(label, len(ring))
    if ring is not None and shape is Shape.POINT and len(ring) == 2:
        ring = ring.mean(axis=0, keepdims=True)  # EXACT drew points as ellipses
    attributes = extras.get("attributes")
    planes = extras.get("frame")
    if isinstance(planes, list) and len(planes) == 3 and all(isinstance(each, int) for each in planes):
        frame = Frame(*planes)
    identity = next((field for field in fields[3:8] if _UUID.fullmatch(field.strip())), None)
    return ReadShape(
        place,
        label,
        shape,
        [] if ring is None or shape.is_label else [ring],
        image=image,
        frame=frame,
        uuid=identity,
        text=str(extras.get("text") or ""),
        attributes=attributes if isinstance(attributes, dict) else {},
        author=fields[3] if is_full else "",
        image_size=_size(fields[9:11]) if is_full else None,
    )


def _vertices(vector: str) -> tuple[Ring, Frame | None]:
    """Vertices of a vector; some versions wrote its numbers as texts, and a comma behind the last one."""
    found = dict(_PAIR.findall(vector))
    frame = found.pop("frame", None)
    count = sum(key.startswith("x") for key in found)
    try:
        ring = np.array([[float(found[f"{axis}{index}"]) for axis in "xy"] for index in range(1, count + 1)])
    except KeyError as error:
        raise Invalid(f"Its vector has no {error.args[0]}.") from None
    if not count or len(found) != 2 * count:
        raise Invalid("Its vector is no list of vertices x1, y1, x2, y2 and so on.")
    return ring, None if frame is None else Frame(max(int(float(frame)) - 1, 0), 0, -1)


def _extras(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _size(fields: Sequence[str]) -> tuple[int, int] | None:
    values = [int(field) for field in fields if field.strip().isdecimal() and len(field) < 10]
    return (values[0], values[1]) if len(values) == 2 and min(values) > 0 else None


def write(document: ExportDocument, target: BinaryIO, report: Report) -> None:
    """Write the lines of all images."""
    waiting = bytearray()
    for image in document.images:
        for shape in document.shapes(image):
            for line in _lines(shape, image, report):
                waiting += line.encode("utf-8", "replace")
            if len(waiting) > _PIECE:
                target.write(bytes(waiting))
                waiting.clear()
    target.write(bytes(waiting))


def _lines(shape: WrittenShape, image: ExchangeImage, report: Report) -> Iterator[str]:
    form = shape.geometry.shape
    rings = level0_rings(shape.geometry)
    if form is Shape.IMAGE:
        rings = [np.array([[0, 0], [image.width, image.height]], np.float64)]
    elif not rings:
        yield _line(shape, None, image, report, is_first=True)
        return
    elif form is Shape.MULTI_POLYGON:
        report.lose(f"shapes of several parts: each part is an annotation of its own in {_NAME}")
    if any(shape.geometry.ring_holes):
        report.lose(f"outlines with holes: {_NAME} has none; the holes are filled")
        rings = [outline for outline, *_ in parts_of(shape, report, _NAME)]
    for number, ring in enumerate(rings):
        yield _line(shape, ring, image, report, is_first=number == 0)


def _line(shape: WrittenShape, ring: Ring | None, image: ExchangeImage, report: Report, *, is_first: bool) -> str:
    form = Shape.POLYGON if shape.geometry.shape is Shape.MULTI_POLYGON else shape.geometry.shape
    author = _field(shape.claimed_author or shape.author, report)
    fields = [
        _field(image.file_name or image.name, report),
        _field(shape.type.name, report),
        _NOT_IN_IMAGE if ring is None else _vector(ring),
        author,
        f"{shape.created_at:%Y-%m-%d %H:%M:%S.%f}",
        author,
        f"{shape.edited_at:%Y-%m-%d %H:%M:%S.%f}",
        shape.uuid if is_first else "",
        "False",
        str(image.width),
        str(image.height),
    ]
    extras: dict[str, Any] = {}
    usual = {1: Shape.POINT, 2: Shape.BOX}
    if ring is not None and form is not usual.get(len(ring), Shape.POLYGON):
        extras["shape"] = form.value
    if shape.frame != DEFAULT_FRAME:
        extras["frame"] = [shape.frame.z, shape.frame.t, shape.frame.c]
    if shape.text:
        extras["text"] = shape.text
    if shape.attributes:
        extras["attributes"] = dict(shape.attributes)
    if extras:
        fields.append(json.dumps(extras, sort_keys=True, separators=(",", ":")))
    return "|".join(fields) + "\n"


def _vector(ring: Ring) -> str:
    pairs = (
        f'"x{index}": {spelled(x)}, "y{index}": {spelled(y)}' for index, (x, y) in enumerate(ring.tolist(), start=1)
    )
    return "{" + ", ".join(pairs) + "}"


def _field(text: str, report: Report) -> str:
    """A text between bars."""
    if "|" in text or "\n" in text or "\r" in text or text.startswith("["):
        report.lose(f"bars and line breaks in names: {_NAME} has none, / stands for them")
        text = re.sub(r"[|\r\n]|^\[", "/", text)
    return text


FORMAT = Format(
    name="exact-text",
    title="EXACT text export",
    extension=".txt",
    media_type="text/plain",
    one_image=False,
    sniff=sniff,
    read=read,
    write=write,
)
