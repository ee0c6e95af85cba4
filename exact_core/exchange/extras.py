"""What formats have no place for, in one small JSON object per element, so that our own files come back whole.

Other programs show what the format can draw; EXACT reads the object too. It never outvotes the drawing: a shape is
taken from it only while the vertices still are that shape.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from exact_core.annotations.rules import DEFAULT_FRAME
from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExchangeImage, ReadShape, Report, Ring, WrittenShape
from exact_core.exchange.outlines import box_outline, corners_of, ellipse_box, image_outline, is_rectangle, upright_box

ABSENT_SUFFIX = "_absent"
"""Behind the label of what does not occur: other programs must not take it for something that does."""

Extras = dict[str, Any]
"""``uuid``, ``shape``, ``text``, ``attributes``, ``author``, ``frame`` (``[z, t, c]``), ``part`` (from 1), ``hole``."""


@dataclass(slots=True)
class Element:
    """One drawn element of a file, with our object about it (empty in files of others)."""

    shape: ReadShape
    extras: Mapping[str, Any] = field(default_factory=dict)


def extras_of(shape: WrittenShape, *, leave_out: Iterable[str] = ()) -> Extras:
    """The object about an annotation, without what the format itself has a place for."""
    found: Extras = {
        "uuid": shape.uuid,
        "shape": shape.geometry.shape.value,
        "text": shape.text,
        "attributes": dict(shape.attributes),
        "author": shape.claimed_author or shape.author,
        "frame": [shape.frame.z, shape.frame.t, shape.frame.c] if shape.frame != DEFAULT_FRAME else None,
    }
    left_out = set(leave_out)
    return {key: value for key, value in found.items() if value and key not in left_out}


def label_of(shape: WrittenShape) -> str:
    """What a format without a word for absence writes as the label of an annotation."""
    is_absent = shape.geometry.shape is Shape.ABSENT
    return shape.type.name + ABSENT_SUFFIX if is_absent else shape.type.name


def tell_labels(shape: WrittenShape, report: Report) -> None:
    """Tell how labels of the whole image are drawn."""
    if shape.geometry.shape is Shape.IMAGE:
        report.lose("labels of the whole image: drawn as a rectangle around it")
    elif shape.geometry.shape is Shape.ABSENT:
        report.lose(f"what is absent: a rectangle around the image, labelled *{ABSENT_SUFFIX}, which only EXACT reads")


def part_extras(shape: WrittenShape, part: int, hole: bool) -> Extras:
    """The object about a further ring of an annotation."""
    return {"uuid": shape.uuid, "part": part, **({"hole": True} if hole else {})}


def uuid_of(value: object) -> str | None:
    """A UUID in its usual spelling; None for anything else."""
    try:
        return str(uuids.UUID(str(value))) if value else None
    except ValueError:
        return None


def frame_of(value: object) -> Frame | None:
    """A frame from ``[z, t, c]``; None for anything else."""
    if isinstance(value, list) and len(value) == 3 and all(isinstance(each, int) for each in value):
        return Frame(*(each if 0 <= each < 2**31 else -1 for each in value))
    return None


def completed(element: Element, image: ExchangeImage | None, tolerance: float) -> ReadShape:
    """An element with what our object tells of it; ``tolerance`` is the format's rounding in pixels."""
    shape, extras = element.shape, element.extras
    if not extras:
        return shape
    attributes = extras.get("attributes")
    drawn = _as_tagged(shape, str(extras.get("shape", "")), image, tolerance)
    is_absent = drawn.shape is Shape.ABSENT
    return replace(
        drawn,
        label=drawn.label.removesuffix(ABSENT_SUFFIX) if is_absent else drawn.label,
        uuid=uuid_of(extras.get("uuid")) or shape.uuid,
        text=str(extras.get("text", "")) or shape.text,
        author=str(extras.get("author", "")) or shape.author,
        frame=frame_of(extras.get("frame")) or shape.frame,
        attributes={**shape.attributes, **attributes} if isinstance(attributes, dict) else shape.attributes,
    )


def joined(
    elements: Iterable[Element], image: ExchangeImage | None, report: Report, tolerance: float = 1e-6
) -> Iterator[ReadShape]:
    """Annotations of elements in the order of the file: parts and holes join the element that they belong to."""
    waiting: ReadShape | None = None
    for element in elements:
        part = element.extras.get("part")
        if not part:
            if waiting is not None:
                yield waiting
            waiting = completed(element, image, tolerance)
            continue
        hole = bool(element.extras.get("hole"))
        if waiting is not None and waiting.uuid and waiting.uuid == uuid_of(element.extras.get("uuid")):
            waiting = with_ring(waiting, element.shape.rings[0], hole)
        elif hole:
            report.lose("holes whose outline is no longer in the file: left out")
        else:
            if waiting is not None:
                yield waiting
            waiting = replace(element.shape, uuid=None)
    if waiting is not None:
        yield waiting


def with_ring(shape: ReadShape, ring: Ring, hole: bool) -> ReadShape:
    """A polygon with one more hole or one more part."""
    one_part = hole and shape.shape is not Shape.MULTI_POLYGON
    kind = Shape.POLYGON if one_part else Shape.MULTI_POLYGON
    return replace(shape, shape=kind, rings=[*shape.rings, ring], holes=[*_holes(shape), hole])


def _holes(shape: ReadShape) -> list[bool]:
    holes = list(shape.holes)
    return holes if len(holes) == len(shape.rings) else [index > 0 for index in range(len(shape.rings))]


def _as_tagged(shape: ReadShape, tagged: str, image: ExchangeImage | None, tolerance: float) -> ReadShape:
    """The shape that was drawn as something else, as long as its vertices still are that shape."""
    if tagged == Shape.ABSENT and shape.shape is Shape.IMAGE:
        return replace(shape, shape=Shape.ABSENT, rings=[], holes=[])
    if not shape.rings or tagged == shape.shape.value:
        return shape
    ring = np.asarray(shape.rings[0], np.float64)
    if tagged == Shape.ELLIPSE:
        box = ellipse_box(ring, tolerance)
        return shape if box is None else replace(shape, shape=Shape.ELLIPSE, rings=[box])
    if tagged == Shape.BOX:
        box = upright_box(ring, tolerance)
        return shape if box is None else replace(shape, shape=Shape.BOX, rings=[box])
    if tagged == Shape.ROTATED_BOX:
        ring = box_outline(ring) if shape.shape is Shape.BOX else ring
        fits = len(ring) == 4 and is_rectangle(ring, 3 + 0.01 * float(np.ptp(ring, axis=0).max()) + tolerance)
        return replace(shape, shape=Shape.ROTATED_BOX, rings=[ring]) if fits else shape
    if tagged in (Shape.IMAGE, Shape.ABSENT) and image is not None:
        whole = corners_of(image_outline(image.width, image.height))
        fits = float(np.abs(corners_of(ring) - whole).max()) <= max(tolerance, 1e-6)
        return replace(shape, shape=Shape(tagged), rings=[], holes=[]) if fits else shape
    kinds = {Shape.POINT: len(ring) == 1, Shape.LINE: len(ring) == 2, Shape.POLYLINE: len(ring) >= 2}
    kinds[Shape.MULTI_POLYGON] = kinds[Shape.POLYGON] = len(ring) >= 3
    if tagged in kinds and kinds[Shape(tagged)]:
        return replace(shape, shape=Shape(tagged))
    return shape
