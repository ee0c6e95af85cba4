"""SlideRunner's SQLite databases (version 1), of many slides and many people.

A class is a label. Each person's label of an annotation is an annotation by that person here, so that readers can be
compared; the first keeps the annotation's identity, the others' are derived from it and the person. Where the class
that people agreed on is another one, it is the attribute ``agreed class``. Coordinates are whole level-0 pixels, taken
as they are. A table of our own, which SlideRunner does not look at, keeps what its tables have no column for.
"""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, BinaryIO

import numpy as np

from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.colors import read_color
from exact_core.exchange.document import Format, ReadContext, ReadShape, Report, Ring
from exact_core.exchange.extras import Element, joined, uuid_of
from exact_core.exchange.formats.sliderunner_file import EXTRAS, Rows, opened
from exact_core.exchange.formats.sliderunner_writing import write_sliderunner
from exact_core.exchange.numbers import read_object
from exact_core.exchange.outlines import corners_of, ellipse_outline
from exact_core.exchange.refusing import refuse

SPOT, AREA, POLYGON, SPECIAL_SPOT, CIRCLE, WHOLE_IMAGE = range(1, 7)
MAX_NAMES = MAX_ROWS = 1_000_000
_NAMESPACE = uuids.UUID("8f0e3f5c-6a0b-5a53-9f5e-2f4f6b7b1c11")


@dataclass(frozen=True, slots=True)
class _Names:
    """Small tables, by their ids."""

    classes: Mapping[int, tuple[str, str | None]]
    persons: Mapping[int, str]
    slides: Mapping[int, str]

    def label(self, key: object) -> str | None:
        """Name of a class; None for 0, which stands for no agreement."""
        return self.classes[key][0] if isinstance(key, int) and key in self.classes else None


def sniff(head: bytes, _file_name: str) -> int:
    if not head.startswith(b"SQLite format 3\0"):
        return 0
    # The names of tables may stand anywhere in a file, and no other format is a SQLite database.
    return 100 if b"Annotations_coordinates" in head else 40


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    with opened(stream) as rows:
        yield from joined(_elements(rows, context.report), context.only_image, context.report, tolerance=0.75)


def _elements(rows: Rows, report: Report) -> Iterator[Element]:
    names = _names(rows)
    columns = rows.columns("Annotations")
    wanted = [
        "uid",
        "slide",
        "type",
        "agreedClass",
        *(name if name in columns else f"NULL AS {name}" for name in ("guid", "deleted", "description")),
    ]
    annotations = rows.select(f"SELECT {', '.join(wanted)} FROM Annotations ORDER BY uid")  # noqa: S608 - fixed names
    z = "coordinateZ" if "coordinateZ" in rows.columns("Annotations_coordinates") else "NULL"
    coordinates = rows.select(
        f"SELECT annoId, coordinateX, coordinateY, {z} FROM Annotations_coordinates "  # noqa: S608 - fixed names
        "ORDER BY annoId, orderIdx, uid"
    )
    labels = rows.select('SELECT annoId, person, "class" FROM Annotations_label ORDER BY annoId, uid')
    has_extras = EXTRAS in rows.tables
    extras = rows.select(f"SELECT annoId, content FROM {EXTRAS} ORDER BY annoId") if has_extras else iter(())  # noqa: S608
    streams = [_Beside(each, report) for each in (coordinates, labels, extras)]
    for row in annotations:
        key = row[0]
        points, said, ours = (each.of(key) for each in streams)
        if row[5]:
            report.lose("annotations that were deleted in SlideRunner: left out")
            continue
        content = read_object(ours[0][1]) if ours and isinstance(ours[0][1], str) else {}
        try:
            yield from _annotation(row, points, said, content, names, report)
        except Invalid as error:
            refuse(report, f"annotation {key}", error.message)
    for each in streams:
        each.finish()


class _Beside:
    """Rows that belong to annotations, in the order of these; rows of no annotation are counted."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], report: Report) -> None:
        self._groups = groupby(rows, key=itemgetter(0))
        self._report = report
        self._next: tuple[Any, list[tuple[Any, ...]]] | None = None
        self._step()

    def of(self, key: int) -> list[tuple[Any, ...]]:
        """The rows of one annotation."""
        while self._next is not None and (not isinstance(self._next[0], int) or self._next[0] < key):
            self._lose()
        if self._next is None or self._next[0] != key:
            return []
        found = self._next[1]
        self._step()
        return found

    def finish(self) -> None:
        """Count what is left."""
        while self._next is not None:
            self._lose()

    def _lose(self) -> None:
        self._report.lose("coordinates or labels of annotations that are not there: left out")
        self._step()

    def _step(self) -> None:
        group = next(self._groups, None)
        self._next = None if group is None else (group[0], list(islice(group[1], MAX_ROWS + 1)))
        if self._next is not None and len(self._next[1]) > MAX_ROWS:
            raise Invalid(
                f"Annotation {self._next[0]} of the SlideRunner database has more than {MAX_ROWS:,} vertices."
            )


def _names(rows: Rows) -> _Names:
    color = "color" if "color" in rows.columns("Classes") else "NULL"
    slides = rows.select(f"SELECT uid, filename FROM Slides LIMIT {MAX_NAMES}")  # noqa: S608 - fixed names
    classes = rows.select(f"SELECT uid, name, {color} FROM Classes LIMIT {MAX_NAMES}")  # noqa: S608 - fixed names
    persons = rows.select(f"SELECT uid, name FROM Persons LIMIT {MAX_NAMES}")  # noqa: S608 - fixed names
    return _Names(
        {key: (str(name or f"Class {key}"), read_color(str(found or ""))) for key, name, found in classes},
        {key: f"Person {key}" if name is None else str(name) for key, name in persons},
        {key: str(name or "") for key, name in slides},
    )


def _annotation(
    row: Sequence[Any],
    points: Sequence[Sequence[Any]],
    said: Sequence[Sequence[Any]],
    extras: Mapping[str, Any],
    names: _Names,
    report: Report,
) -> Iterator[Element]:
    """The annotations that one of SlideRunner's makes: one for each person who labelled it."""
    key, slide, kind, agreed, guid, _, description = row
    place = f"annotation {key}"
    drawn = _drawn(kind, points, place, report)
    if drawn is None:
        return
    shape, ring, z = drawn
    if ring is not None:
        shape, ring = _exact(shape, ring, extras)
    found = ReadShape(
        place=place,
        label=names.label(agreed) or "",
        shape=shape,
        rings=[] if ring is None else [ring],
        holes=[] if ring is None else [False],
        image=names.slides.get(slide) or None,
        frame=Frame(z=z) if z > 0 else None,
        uuid=uuid_of(guid),
        text=str(description or ""),
    )
    opinions = {person: label for _, person, label in said if names.label(label) is not None}
    if extras or not opinions:
        one = next(iter(opinions.items()), (None, agreed))
        label = names.label(one[1]) or found.label or "unlabelled"
        color = names.classes[one[1]][1] if one[1] in names.classes else None
        author = names.persons.get(one[0], "") if isinstance(one[0], int) else ""
        yield Element(replace(found, label=label, author=author, color=color), extras)
        return
    for index, (person, label) in enumerate(opinions.items()):
        name, color = names.classes[label]
        author = names.persons.get(person, "")
        identity = found.uuid
        if index:
            identity = str(uuids.uuid5(_NAMESPACE, f"{found.uuid} {author}")) if found.uuid else None
        differs = found.label and found.label != name
        attributes = {"agreed class": found.label} if differs else {}
        suffix = f", label {index + 1}" if len(opinions) > 1 else ""
        yield Element(
            replace(
                found,
                place=place + suffix,
                label=name,
                author=author,
                uuid=identity,
                attributes=attributes,
                color=color,
            )
        )


def _drawn(
    kind: object, points: Sequence[Sequence[Any]], place: str, report: Report
) -> tuple[Shape, Ring | None, int] | None:
    if kind == WHOLE_IMAGE:
        return Shape.IMAGE, None, _plane(points)
    numbers = [(x, y) for _, x, y, _ in points]
    if not numbers:
        report.lose("annotations without coordinates: left out")
        return None
    if not all(isinstance(each, int | float) for pair in numbers for each in pair):
        raise Invalid(f"In {place} of the SlideRunner database some coordinates are not numbers.")
    ring = np.array(numbers, np.float64)
    if not np.isfinite(ring).all():
        raise Invalid(f"In {place} of the SlideRunner database some coordinates are not finite.")
    z = _plane(points)
    if kind in (SPOT, SPECIAL_SPOT):
        return Shape.POINT, ring[:1], z
    if kind in (AREA, CIRCLE):
        if len(ring) < 2:
            raise Invalid(f"{place.capitalize()} of the SlideRunner database has one corner; its kind has two.")
        return (Shape.BOX if kind == AREA else Shape.ELLIPSE), corners_of(ring[:2]), z
    if kind == POLYGON:
        return Shape.POLYGON, ring, z
    report.lose(f"annotations of SlideRunner's type {kind!r}: left out")
    return None


def _plane(points: Sequence[Sequence[Any]]) -> int:
    z = points[0][3] if points else None
    return z if isinstance(z, int) and 0 <= z < 2**31 else 0


def _exact(shape: Shape, ring: Ring, extras: Mapping[str, Any]) -> tuple[Shape, Ring]:
    """The drawing before it was rounded, as long as SlideRunner's is still that, rounded."""
    for key, made in (("vertices", lambda kept: kept), ("box", lambda kept: ellipse_outline(kept, len(ring)))):
        try:
            kept = np.array(extras.get(key), np.float64)
        except (TypeError, ValueError):
            continue
        if kept.shape == (ring.shape if key == "vertices" else (2, 2)) and np.isfinite(kept).all():
            drawn = made(kept)
            if drawn.shape == ring.shape and (np.floor(drawn + 0.5) == ring).all():
                return (shape, drawn) if key == "vertices" else (Shape.ELLIPSE, corners_of(kept))
    return shape, ring


FORMAT = Format(
    name="sliderunner",
    title="SlideRunner database",
    extension=".sqlite",
    media_type="application/vnd.sqlite3",
    one_image=False,
    sniff=sniff,
    read=read,
    write=write_sliderunner,
)
