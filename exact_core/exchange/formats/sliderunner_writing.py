"""Writing SlideRunner's SQLite databases, the same bytes for the same document."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExportDocument, Report, Ring, WrittenShape
from exact_core.exchange.extras import ABSENT_SUFFIX, Extras, extras_of, label_of, part_extras
from exact_core.exchange.formats.sliderunner_file import EXTRAS
from exact_core.exchange.numbers import compact
from exact_core.exchange.outlines import ellipse_outline
from exact_core.exchange.rings import level0_rings

_KEY = "`uid` INTEGER PRIMARY KEY AUTOINCREMENT UNIQUE"
_TABLES = {
    "Annotations_label": "`person` INTEGER, `class` INTEGER, `exact_id` INTEGER, `annoId` INTEGER",
    "Annotations_coordinates": "`coordinateX` INTEGER, `coordinateY` INTEGER, `coordinateZ` INTEGER DEFAULT 0, "
    "`slide` INTEGER, `annoId` INTEGER, `orderIdx` INTEGER",
    "Annotations": "`slide` INTEGER, `guid` TEXT, `lastModified` REAL DEFAULT 0, `deleted` INTEGER DEFAULT 0, "
    "`type` INTEGER, `agreedClass` INTEGER, `description` TEXT, `clickable` INTEGER DEFAULT 1",
    "Classes": "`name` TEXT, `color` TEXT",
    "Persons": "`name` TEXT, `isExactUser` INTEGER DEFAULT 0",
    "Slides": "`filename` TEXT, `width` INTEGER, `height` INTEGER, `directory` TEXT, `uuid` TEXT, "
    "`exactImageID` TEXT, `EXACTUSER` INTEGER DEFAULT 0",
    "Log": "`dateTime` FLOAT, `labelId` INTEGER",
}
_TYPES = {Shape.POINT: 1, Shape.BOX: 2, Shape.ELLIPSE: 5, Shape.IMAGE: 6, Shape.ABSENT: 6}
_POLYGON = 3
_BATCH = 5000
HOLE = "_hole"


def write_sliderunner(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    """Write all slides into one database, through a temporary file."""
    with tempfile.TemporaryDirectory(prefix="exact-export-") as folder:
        path = Path(folder) / "database.sqlite"
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            for pragma in ("page_size=4096", "journal_mode=OFF", "synchronous=OFF", "user_version=1"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN")
            _Tables(connection, document, report).fill()
            connection.execute("COMMIT")
        finally:
            connection.close()
        with path.open("rb") as made:
            shutil.copyfileobj(made, stream, 1 << 20)


class _Tables:
    """Rows on their way into the tables, in batches."""

    def __init__(self, connection: sqlite3.Connection, document: ExportDocument, report: Report) -> None:
        self._connection = connection
        self._document = document
        self._report = report
        self._classes: dict[tuple[str, str], int] = {}
        self._persons: dict[str, int] = {}
        self._count = 0
        self._waiting: dict[str, list[tuple[object, ...]]] = {}

    def fill(self) -> None:
        """Make the tables and write every annotation."""
        for name, columns in _TABLES.items():
            self._connection.execute(f"CREATE TABLE `{name}` ({_KEY}, {columns})")
        self._connection.execute(f"CREATE TABLE `{EXTRAS}` (`annoId` INTEGER PRIMARY KEY, `content` TEXT)")
        for found in self._document.types:
            self._class(found.name, found.color)
        for slide, image in enumerate(self._document.images, start=1):
            name = image.file_name or image.name
            row = (slide, name, image.width, image.height, "", "", str(image.id), 0)
            self._connection.execute("INSERT INTO Slides VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            for shape in self._document.shapes(image):
                self._annotation(slide, shape)
        self._flush()

    def _annotation(self, slide: int, shape: WrittenShape) -> None:
        kind = shape.geometry.shape
        _tell(shape, self._report)
        rings = level0_rings(shape.geometry)
        person = self._person(shape.claimed_author or shape.author)
        frame = shape.frame
        plain = frame.t < 0 and frame.c < 0 and frame.z > 0
        left_out = ["text", "author", *(("frame",) if plain else ())]
        if kind in (Shape.POINT, Shape.BOX, Shape.POLYGON, Shape.IMAGE):
            left_out.append("shape")
        for index, ring in enumerate(rings or [None]):
            hole = index > 0 and shape.geometry.ring_holes[index]
            extras = part_extras(shape, index, hole) if index else extras_of(shape, leave_out=left_out)
            type_ = _TYPES.get(kind, _POLYGON)
            if ring is not None:
                ring, type_ = self._rounded(kind, ring, type_, extras)
            self._row(slide, shape, type_, ring, extras, person, hole, first=index == 0)

    def _rounded(self, kind: Shape, ring: Ring, type_: int, extras: Extras) -> tuple[Ring, int]:
        """Whole pixels; what that changes is noted in the extras."""
        whole: Ring = np.floor(ring + 0.5)
        as_it_is = np.array_equal(whole, ring)
        if kind is Shape.ELLIPSE and not (as_it_is and np.ptp(ring[:, 0]) == np.ptp(ring[:, 1])):
            self._report.lose("ellipses: SlideRunner has circles only; drawn as polygons, which only EXACT reads back")
            extras["box"] = ring.tolist()
            return np.floor(ellipse_outline(ring) + 0.5), _POLYGON
        if not as_it_is:
            self._report.lose("fractions of pixels: rounded, only EXACT reads them back")
            extras["vertices"] = ring.tolist()
        return whole, type_

    def _row(
        self,
        slide: int,
        shape: WrittenShape,
        type_: int,
        ring: Ring | None,
        extras: Extras,
        person: int,
        hole: bool,
        first: bool,
    ) -> None:
        self._count += 1
        key = self._count
        label = self._class(label_of(shape) + (HOLE if hole else ""), shape.type.color)
        text = shape.text if first else ""
        guid = shape.uuid if first else ""
        edited = shape.edited_at.timestamp()
        self._add("Annotations", (key, slide, guid, edited, 0, type_, label, text, 1))
        self._add("Annotations_label", (key, person, label, None, key))
        z = max(shape.frame.z, 0)
        places = [(None, None)] if ring is None else [(int(x), int(y)) for x, y in ring.tolist()]
        for order, (x, y) in enumerate(places, start=1):
            self._add("Annotations_coordinates", (None, x, y, z, slide, key, order))
        if not hole and set(extras) <= {"uuid"}:
            return
        self._add(EXTRAS, (key, compact(extras)))

    def _class(self, name: str, color: str) -> int:
        known = next((key for (other, _), key in self._classes.items() if other == name), None)
        if known is not None:
            return known
        key = self._classes[name, color] = len(self._classes) + 1
        self._add("Classes", (key, name, color))
        return key

    def _person(self, name: str) -> int:
        if name not in self._persons:
            self._persons[name] = len(self._persons) + 1
            self._add("Persons", (self._persons[name], name, 0))
        return self._persons[name]

    def _add(self, table: str, row: tuple[object, ...]) -> None:
        waiting = self._waiting.setdefault(table, [])
        waiting.append(row)
        if len(waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        for table, rows in self._waiting.items():
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                self._connection.executemany(f"INSERT INTO `{table}` VALUES ({marks})", rows)  # noqa: S608 - our names
                rows.clear()


def _tell(shape: WrittenShape, report: Report) -> None:
    kind = shape.geometry.shape
    if any(shape.geometry.ring_holes):
        report.lose("holes: polygons of a class of their own, *_hole, which only EXACT cuts out again")
    if kind is Shape.MULTI_POLYGON:
        report.lose("multi-polygons: written as separate polygons, which only EXACT joins again")
    elif kind is Shape.ROTATED_BOX:
        report.lose("rotated boxes: drawn as polygons, which only EXACT reads back as boxes")
    elif kind in (Shape.LINE, Shape.POLYLINE):
        report.lose("lines: SlideRunner closes them to polygons, only EXACT reads them back as lines")
    elif kind is Shape.ABSENT:
        report.lose(f"what is absent: a label of the whole image of a class *{ABSENT_SUFFIX}, which only EXACT reads")
    if shape.attributes:
        report.lose("attributes: only EXACT reads them back")
    if shape.frame.t >= 0 or shape.frame.c >= 0:
        report.lose("time points and channels: only EXACT reads them back")
