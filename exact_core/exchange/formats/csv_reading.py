"""Reading tables of annotations, ours and others': which column is what is found out by its name.

A row needs a place: well-known text, the edges or the corner and size of a box, or a point; and it may have

=============  =====================================================================================
role           names of the column (any case, spaces and dashes as underscores)
=============  =====================================================================================
image          image, image_path, image_id, imageid, filename, file_name, file, slide
label          label, class, class_name, category, cell_type, type, annotation_type, name
wkt            wkt, geometry, geom, polygonwkt_pix, polygon
left … bottom  xmin, ymin, xmax, ymax; x1, y1, x2, y2; x_min, …; left, top, right, bottom
x, y           x, y; center_x, center_y; with width and height the upper left corner of a box
more           shape, z, t, c, text, attributes, author, score or confidence, id or uuid
=============  =====================================================================================
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import numpy as np
import shapely

from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ReadContext, ReadShape, Ring
from exact_core.exchange.numbers import number, read_object
from exact_core.exchange.outlines import ellipse_box, is_rectangle, upright_box, without_closing

FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What spreadsheets take for a formula, also behind apostrophes that were put there against that."""

TOLERANCE = 1e-6

_LONGEST_CELL = 64 * 1024 * 1024
_MOST_COLUMNS = 1_000
_DELIMITERS = ",;\t"
_ROLES: Mapping[str, tuple[str, ...]] = {
    "image": ("image", "image_path", "image_id", "imageid", "filename", "file_name", "file", "slide"),
    "label": ("label", "class", "class_name", "category", "cell_type", "type", "annotation_type", "name"),
    "wkt": ("wkt", "geometry", "geom", "polygonwkt_pix", "polygon"),
    "left": ("xmin", "x1", "x_min", "left"),
    "top": ("ymin", "y1", "y_min", "top"),
    "right": ("xmax", "x2", "x_max", "right"),
    "bottom": ("ymax", "y2", "y_max", "bottom"),
    "x": ("x", "center_x", "centre_x", "centroid_x"),
    "y": ("y", "center_y", "centre_y", "centroid_y"),
    "width": ("width", "w"),
    "height": ("height", "h"),
    "shape": ("shape",),
    "z": ("z",),
    "t": ("t",),
    "c": ("c",),
    "text": ("text", "remark", "comment"),
    "attributes": ("attributes",),
    "author": ("author", "annotator", "user"),
    "score": ("score", "confidence", "probability"),
    "id": ("id", "uuid", "unique_identifier"),
}
_BOX = ("left", "top", "right", "bottom")
_KNOWN_BUT_UNUSED = frozenset({"product", "created_at", "edited_at", "verification"})


def header_of(head: bytes) -> list[str] | None:
    """The names of the columns; None when the first line is no header of a table."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return None
    line = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    if "\0" in line or len(line) > 20_000:
        return None
    delimiter = _delimiter(line)
    try:
        (cells,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError):
        return None
    names = [cell.strip() for cell in cells]
    return names if 2 <= len(names) <= _MOST_COLUMNS and all(name[:1].isalpha() or not name for name in names) else None


def roles_of(header: Sequence[str]) -> dict[str, int]:
    """Which column is what; of several with one role the first name in our list counts."""
    places = {_folded(name): place for place, name in reversed(list(enumerate(header)))}
    found = {}
    for role, names in _ROLES.items():
        place = next((places[name] for name in names if name in places), None)
        if place is not None:
            found[role] = place
    return found


def _folded(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    """The shapes of a table, row by row; a row that is none is refused by its line."""
    stream.seek(0)
    header = header_of(stream.read(64 * 1024))
    if header is None:
        raise Invalid("The table has no header with the names of its columns.")
    stream.seek(0)
    roles = roles_of(header)
    if not ("wkt" in roles or roles.keys() >= set(_BOX) or roles.keys() >= {"x", "y"} or "shape" in roles):
        raise Invalid(f"No column of the table says where shapes are; there are: {', '.join(header[:40])}.")
    _tell_unused(header, roles, context)
    csv.field_size_limit(_LONGEST_CELL)
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
    try:
        first = text.readline()
        text.seek(0)
        rows = csv.reader(text, delimiter=_delimiter(first), strict=True)
        next(rows)
        yield from _shapes(rows, roles, context)
    except (csv.Error, UnicodeDecodeError) as error:
        raise Invalid(f"The table cannot be read: {error}.") from None
    finally:
        text.detach()


def _tell_unused(header: Sequence[str], roles: Mapping[str, int], context: ReadContext) -> None:
    used = set(roles.values())
    unused = [
        name
        for place, name in enumerate(header)
        if place not in used and name and _folded(name) not in _KNOWN_BUT_UNUSED
    ]
    if unused:
        context.report.warn(f"columns that were not used: {', '.join(unused[:40])}")


def _cells(cells: Sequence[str], roles: Mapping[str, int]) -> dict[str, str]:
    """The cells by what they mean; only free text keeps the spaces around it."""
    found = {role: cells[at] for role, at in roles.items() if at < len(cells)}
    return {role: cell if role == "text" else cell.strip() for role, cell in found.items()}


def _shapes(rows: Iterator[list[str]], roles: Mapping[str, int], context: ReadContext) -> Iterator[ReadShape]:
    for row, cells in enumerate(rows, start=2):
        if not any(cells):
            continue
        place = f"row {row}"
        try:
            yield _shape(_cells(cells, roles), place)
        except Invalid as error:
            context.report.refuse(place, error.message)


def _shape(cells: Mapping[str, str], place: str) -> ReadShape:
    form = _form(cells.get("shape", ""))
    shape, rings, holes = _place(cells, form, place)
    score = cells.get("score", "")
    confidence = number(score, "score", place) if score else None
    return ReadShape(
        place,
        _plain(cells.get("label", "")),
        shape,
        rings,
        holes,
        image=_plain(cells.get("image", "")) or None,
        frame=_frame(cells, place),
        uuid=cells.get("id") or None,
        text=_plain(cells.get("text", "")),
        attributes=read_object(cells.get("attributes", "")),
        author=_plain(cells.get("author", "")),
        score=confidence if confidence is not None and 0 <= confidence <= 1 else None,
    )


def _plain(text: str) -> str:
    """A text without the apostrophe that kept it from being a formula."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def _form(name: str) -> Shape | None:
    try:
        return Shape(name) if name else None
    except ValueError:
        raise Invalid(f"Its shape {name[:40]!r} is unknown; there are {', '.join(Shape)}.") from None


def _place(cells: Mapping[str, str], form: Shape | None, place: str) -> tuple[Shape, list[Ring], list[bool]]:
    if cells.get("wkt"):
        return _of_wkt(cells["wkt"], form)
    if form is not None and not any(cells.get(role) for role in ("left", "x")):
        return form, [], []
    if all(cells.get(role) for role in _BOX):
        left, top, right, bottom = (number(cells[role], role, place) for role in _BOX)
        corners = np.array([[left, top], [right, bottom]])
        return form or Shape.BOX, [corners], [False]
    if cells.get("x") and cells.get("y"):
        x, y = number(cells["x"], "x", place), number(cells["y"], "y", place)
        if cells.get("width") and cells.get("height"):
            width, height = number(cells["width"], "width", place), number(cells["height"], "height", place)
            return form or Shape.BOX, [np.array([[x, y], [x + width, y + height]])], [False]
        return form or Shape.POINT, [np.array([[x, y]])], [False]
    raise Invalid("It does not say where the shape is.")


def _of_wkt(text: str, form: Shape | None) -> tuple[Shape, list[Ring], list[bool]]:
    try:
        found = shapely.from_wkt(text)
    except shapely.errors.GEOSException as error:
        raise Invalid(f"Its well-known text cannot be read: {str(error).partition(chr(10))[0]}.") from None
    kind = found.geom_type if found is not None else "nothing"
    if found is None or found.is_empty:
        raise Invalid(f"Its well-known text is empty ({kind}).")
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise Invalid("A coordinate is not a finite number.")
    if kind == "Point":
        return Shape.POINT, [shapely.get_coordinates(found)], [False]
    if kind == "LineString":
        path = shapely.get_coordinates(found)
        return form or (Shape.LINE if len(path) == 2 else Shape.POLYLINE), [path], [False]
    if kind not in ("Polygon", "MultiPolygon"):
        raise Invalid(f"Its well-known text is a {kind}; a row is one point, line, polygon or several polygons.")
    pieces = [
        (without_closing(shapely.get_coordinates(ring)), index > 0)
        for part in shapely.get_parts(found)
        for index, ring in enumerate([part.exterior, *part.interiors])
    ]
    rings, holes = [ring for ring, _ in pieces], [hole for _, hole in pieces]
    if kind == "MultiPolygon":
        return Shape.MULTI_POLYGON, rings, holes
    return _polygon(rings, holes, form)


def _polygon(rings: list[Ring], holes: list[bool], form: Shape | None) -> tuple[Shape, list[Ring], list[bool]]:
    """A polygon, or what it stands for beside the name of a shape; without a name an upright rectangle is a box."""
    if form is Shape.ELLIPSE and (box := ellipse_box(rings[0], TOLERANCE)) is not None:
        return Shape.ELLIPSE, [box], [False]
    if form is Shape.ROTATED_BOX and len(rings[0]) == 4 and is_rectangle(rings[0], 3 + 0.01 * _extent(rings[0])):
        return Shape.ROTATED_BOX, rings[:1], [False]
    if form in (None, Shape.BOX) and len(rings) == 1 and (box := upright_box(rings[0], TOLERANCE)) is not None:
        return Shape.BOX, [box], [False]
    return Shape.POLYGON, rings, holes


def _extent(ring: Ring) -> float:
    return float(np.ptp(ring, axis=0).max())


def _frame(cells: Mapping[str, str], place: str) -> Frame | None:
    found = [cells.get(axis, "") for axis in "ztc"]
    if not any(found):
        return None
    values = [number(text, axis, place) if text else default for text, axis, default in
              zip(found, "ztc", (0, 0, -1), strict=True)]  # fmt: skip
    if any(value != math.floor(value) or not -1 <= value < 2**15 for value in values):
        raise Invalid("Its plane is no whole numbers z, t and c from -1 on.")
    return Frame(*(int(value) for value in values))
