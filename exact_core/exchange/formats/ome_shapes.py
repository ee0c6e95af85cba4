"""The drawn elements of an OME ROI as shapes: transformed, masks traced, older spellings included."""

from __future__ import annotations

import base64
import binascii
import bz2
import re
import zlib
from dataclasses import dataclass

import numpy as np

from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.colors import color_of_rgba
from exact_core.exchange.document import Report, Ring
from exact_core.exchange.mask_tracing import Mask, mask_regions
from exact_core.exchange.numbers import number, whole
from exact_core.exchange.outlines import box_outline, is_rectangle, turned_ellipse, upright_box
from exact_core.exchange.xml_reading import Attributes

DRAWN = frozenset(
    {"Rectangle", "Rect", "Ellipse", "Circle", "Line", "Polyline", "Polygon", "Point", "Mask", "Label", "Text"}
)
MAX_MASK = 1 << 28
"""Pixels of one mask."""
_OLD_POINTS = re.compile(r"points\[([^\]]*)\]")
_MATRIX = ("A00", "A10", "A01", "A11", "A02", "A12")


@dataclass(slots=True)
class Drawn:
    """One shape of a ROI; a mask may have many rings."""

    shape: Shape
    rings: list[Ring]
    holes: list[bool]
    frame: Frame
    text: str
    color: str | None


@dataclass(slots=True)
class OmeElement:
    """What a file says of one shape, until its end tag."""

    name: str
    values: Attributes
    place: str
    matrix: Attributes | None = None
    data: Attributes | None = None
    encoded: str = ""


def drawn(element: OmeElement, report: Report) -> Drawn | None:
    """The shape of an element; None when nothing is drawn by it.

    Raises:
        Invalid: When numbers are missing or no numbers; names the place.
    """
    found = _untransformed(element)
    if found is None:
        report.lose("empty masks: left out")
        return None
    shape, rings, holes = found
    matrix = _matrix_of(element)
    if matrix is not None:
        shape, rings = _transformed(shape, rings, matrix, report)
    values = element.values
    axes = [values.get(f"The{axis}") for axis in "ZTC"]
    planes = [
        -1 if each is None else whole(each, f"The{axis}", element.place) for each, axis in zip(axes, "ZTC", strict=True)
    ]
    if any(not -1 <= plane < 2**31 for plane in planes):
        raise Invalid(f"{element.place} names a plane that no stack has: {planes}.")
    text = values.get("Text") or values.get("Label") or ""
    return Drawn(shape, rings, holes, Frame(*planes), text, color_of_rgba(values.get("StrokeColor")))


def _untransformed(element: OmeElement) -> tuple[Shape, list[Ring], list[bool]] | None:
    kind = element.name
    if kind in ("Rectangle", "Rect"):
        x, y, width, height = _numbers(element, "X", "Y", "Width", "Height")
        return Shape.BOX, [np.array([[x, y], [x + width, y + height]])], [False]
    if kind in ("Ellipse", "Circle"):
        x, y = _first(element, "X", "Cx"), _first(element, "Y", "Cy")
        wide, high = _first(element, "RadiusX", "Rx", "R"), _first(element, "RadiusY", "Ry", "R")
        return Shape.ELLIPSE, [np.array([[x - wide, y - high], [x + wide, y + high]])], [False]
    if kind == "Line":
        return Shape.LINE, [np.array(_numbers(element, "X1", "Y1", "X2", "Y2")).reshape(2, 2)], [False]
    if kind in ("Point", "Label", "Text"):
        return Shape.POINT, [np.array([[_first(element, "X", "Cx"), _first(element, "Y", "Cy")]])], [False]
    if kind == "Mask":
        return _mask(element)
    closed = kind == "Polygon" or element.values.get("Closed", "").strip().lower() in ("true", "1")
    return (Shape.POLYGON if closed else Shape.POLYLINE), [_points(element)], [False]


def _points(element: OmeElement) -> Ring:
    text = element.values.get("Points")
    if not text:
        raise Invalid(f"{element.place} has no Points.")
    old = _OLD_POINTS.match(text)
    try:
        values = np.array((old[1] if old else text).replace(",", " ").split(), np.float64)
    except ValueError as error:
        raise Invalid(f"{element.place} has Points that are not numbers: {error}.") from None
    if len(values) % 2 or not len(values):
        raise Invalid(f"{element.place} has Points that are not pairs of numbers.")
    if not np.isfinite(values).all():
        raise Invalid(f"{element.place} has Points that are not finite (NaN or infinity).")
    return values.reshape(-1, 2)


def _mask(element: OmeElement) -> tuple[Shape, list[Ring], list[bool]] | None:
    x, y, width, height = _numbers(element, "X", "Y", "Width", "Height")
    mask = _bits(element, round(width), round(height))
    rings: list[Ring] = []
    holes: list[bool] = []
    regions = 0
    for region in mask_regions(mask):
        regions += 1
        rings += [region.outline, *region.holes]
        holes += [False, *(True for _ in region.holes)]
    if not rings:
        return None
    kind = Shape.POLYGON if regions == 1 else Shape.MULTI_POLYGON
    return kind, [ring + np.array([x, y]) for ring in rings], holes


def _bits(element: OmeElement, width: int, height: int) -> Mask:
    """The pixels of a mask, packed eight to a byte from the highest bit; a byte each in older files."""
    if width < 1 or height < 1 or width * height > MAX_MASK:
        raise Invalid(f"{element.place} is a mask of {width} × {height} pixels; at most {MAX_MASK:,} can be read.")
    most = width * height
    kind = (element.data or {}).get("Compression", "none").strip().lower()
    try:
        content = base64.b64decode("".join(element.encoded.split()), validate=True)
        if kind == "zlib":
            content = zlib.decompressobj().decompress(content, most + 1)
        elif kind in ("bzip2", "bzip"):
            content = bz2.BZ2Decompressor().decompress(content, most + 1)
        elif kind != "none":
            raise Invalid(
                f"{element.place} is a mask with the compression {kind[:20]!r}; none, zlib or bzip2 can be read."
            )
    except (binascii.Error, ValueError, OSError, zlib.error) as error:
        raise Invalid(f"{element.place} is a mask that cannot be decoded: {error}.") from None
    values = np.frombuffer(content, np.uint8)
    if len(values) == (most + 7) // 8:
        values = np.unpackbits(values, count=most)
    if len(values) == most:
        mask: Mask = values.reshape(height, width) != 0
        return mask
    raise Invalid(
        f"{element.place} is a mask of {width} × {height} pixels with {len(values)} bytes instead of {(most + 7) // 8}."
    )


def _matrix_of(element: OmeElement) -> Ring | None:
    """The 2 × 3 matrix of a transform, from its element or the attribute of older files."""
    if element.matrix is not None:
        values = [number(element.matrix.get(name), name, f"{element.place}, its Transform") for name in _MATRIX]
        return np.array(values).reshape(3, 2).T
    text = element.values.get("Transform", "").strip()
    if not text or text.lower() == "none":
        return None
    inner = re.fullmatch(r"matrix\(([^)]*)\)", text, re.IGNORECASE)
    parts = inner[1].replace(",", " ").split() if inner else []
    if len(parts) != 6:
        raise Invalid(f"{element.place} has the transform {text[:40]!r}; only matrices of six numbers can be read.")
    return np.array([number(part, "a number", f"{element.place}, its Transform") for part in parts]).reshape(3, 2).T


def _transformed(shape: Shape, rings: list[Ring], matrix: Ring, report: Report) -> tuple[Shape, list[Ring]]:
    turn, shift = matrix[:, :2], matrix[:, 2]
    if shape is Shape.BOX:
        ring = box_outline(rings[0]) @ turn.T + shift
        box = upright_box(ring, 1e-6)
        if box is not None:
            return Shape.BOX, [box]
        return (Shape.ROTATED_BOX if is_rectangle(ring) else Shape.POLYGON), [ring]
    if shape is Shape.ELLIPSE:
        center, radii = rings[0].mean(axis=0), np.ptp(rings[0], axis=0) / 2
        along, across = turn[:, 0] * radii[0], turn[:, 1] * radii[1]
        middle = center @ turn.T + shift
        if np.abs(along * across).max() < 1e-9:
            reach = np.abs(along) + np.abs(across)
            return Shape.ELLIPSE, [np.stack([middle - reach, middle + reach])]
        report.lose("turned ellipses: read as polygons")
        return Shape.POLYGON, [turned_ellipse(middle, along, across)]
    return shape, [ring @ turn.T + shift for ring in rings]


def _numbers(element: OmeElement, *names: str) -> list[float]:
    return [number(element.values.get(name), name, element.place) for name in names]


def _first(element: OmeElement, *names: str) -> float:
    """The number of the first of several spellings that is there."""
    name = next((each for each in names if each in element.values), names[0])
    return number(element.values.get(name), name, element.place)
