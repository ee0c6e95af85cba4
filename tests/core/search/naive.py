"""The query language evaluated shape by shape in plain Python, independently of what the platform does."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import shapely
from shapely.affinity import scale as scaled

from exact_core.search.syntax import And, Bare, Call, Everything, Node, Not, Op, Or, Term, Value, Word

LABELS = ("image", "absent")
UM = {"um": 1.0, "mm": 1e3}


@dataclass
class Picture:
    id: int
    name: str
    mpp: tuple[float, float] | None
    tags: list[str] = field(default_factory=list)


@dataclass
class Kind:
    id: int
    name: str
    product: str
    parent: int | None
    aliases: list[str]
    attributes: list[dict[str, Any]]


@dataclass
class Shape:
    """One annotation."""

    id: int
    uuid: str
    image: Picture
    kind: Kind
    shape: str
    rings: list[list[list[float]]]
    holes: list[bool]
    frame: dict[str, int]
    text: str
    attributes: dict[str, Any]
    author: str | None
    editor: str | None
    claimed: str
    created: datetime
    edited: datetime
    source: str
    run: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        xs = [x for ring in self.rings for x, _ in ring]
        ys = [y for ring in self.rings for _, y in ring]
        return min(xs), min(ys), max(xs), max(ys)

    @property
    def centre(self) -> shapely.Point:
        x0, y0, x1, y1 = self.box
        low, high = (math.floor(x0), math.floor(y0)), (math.ceil(x1), math.ceil(y1))
        return shapely.Point(*((a + b) // 2 for a, b in zip(low, high, strict=True)))

    def outline(self, sx: float = 1.0, sy: float = 1.0) -> Any:
        first = self.rings[0]
        if self.shape == "point":
            made = shapely.Point(first[0])
        elif self.shape in ("line", "polyline"):
            made = shapely.LineString(first)
        elif self.shape == "box":
            made = shapely.box(*self.box)
        elif self.shape == "ellipse":
            x0, y0, x1, y1 = self.box
            corners = [
                ((x0 + x1) / 2 + (x1 - x0) / 2 * math.cos(a), (y0 + y1) / 2 + (y1 - y0) / 2 * math.sin(a))
                for a in (2 * math.pi * n / 64 for n in range(64))
            ]
            made = shapely.Polygon(corners)
        else:
            parts: list[list[Any]] = []
            for ring, hole in zip(self.rings, self.holes, strict=True):
                if hole:
                    parts[-1].append(ring)
                else:
                    parts.append([ring])
            made = shapely.MultiPolygon([(outer, inner) for outer, *inner in parts])
        return scaled(made, sx, sy, origin=(0, 0))

    @property
    def area(self) -> float | None:
        """Square pixels."""
        if self.shape not in ("box", "ellipse", "polygon", "rotated_box", "multi_polygon"):
            return None
        x0, y0, x1, y1 = self.box
        if self.shape == "box":
            return float((x1 - x0) * (y1 - y0))
        if self.shape == "ellipse":
            return (x1 - x0) * (y1 - y0) * (math.pi / 4)
        return float(self.outline().area)

    def length(self, sx: float, sy: float) -> float | None:
        if self.shape in ("point", *LABELS):
            return None
        if self.shape == "ellipse":
            x0, y0, x1, y1 = self.box
            a, b = (x1 - x0) * sx / 2, (y1 - y0) * sy / 2
            h = ((a - b) / (a + b)) ** 2
            return math.pi * (a + b) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))
        return float(self.outline(sx, sy).length)


@dataclass
class World:
    """Everything that is searched."""

    shapes: list[Shape]
    kinds: list[Kind]
    people: dict[str, str]  # name to shown name
    me: str
    now: datetime

    def hits(self, node: Node) -> list[int]:
        return sorted(shape.id for shape in self.shapes if self.holds(node, shape))

    def holds(self, node: Node, shape: Shape) -> bool:
        if isinstance(node, Everything):
            return True
        if isinstance(node, Not):
            return not self.holds(node.child, shape)
        if isinstance(node, And):
            return all(self.holds(child, shape) for child in node.children)
        if isinstance(node, Or):
            return any(self.holds(child, shape) for child in node.children)
        if isinstance(node, Bare):
            contains = Term("class", Op.CONTAINS, (node.word,))
            return self.holds(contains, shape) or fits(shape.text, Op.CONTAINS, node.word)
        if node.op in (Op.IS_NOT, Op.CONTAINS_NOT):
            positive = Op.IS if node.op is Op.IS_NOT else Op.CONTAINS
            return not self.holds(Term(node.name, positive, node.values), shape)
        return any(self.one(node.name, node.op, value, shape) for value in node.values)

    def one(self, name: str, op: Op, value: Value, shape: Shape) -> bool:
        if name.startswith("attr."):
            return self.attribute(name[5:], op, value, shape)
        test = getattr(self, f"_{name}")
        return bool(test(op, value, shape))

    def kinds_named(self, op: Op, word: Word) -> set[int]:
        if op is Op.CONTAINS or ("*" in word.text and not word.is_quoted):
            return {k.id for k in self.kinds if any(fits(name, op, word) for name in (k.name, *k.aliases))}
        by_name = {k.id for k in self.kinds if k.name.lower() == word.text.lower()}
        return by_name or {k.id for k in self.kinds if word.text.lower() in [each.lower() for each in k.aliases]}

    def below(self, ids: set[int]) -> set[int]:
        found = set(ids)
        while more := {k.id for k in self.kinds if k.parent in found} - found:
            found |= more
        return found

    def _class(self, op: Op, value: Word, shape: Shape) -> bool:
        return shape.kind.id in self.below(self.kinds_named(op, value))

    def _label(self, op: Op, value: Word, shape: Shape) -> bool:
        return shape.kind.id in self.kinds_named(op, value)

    def _product(self, op: Op, value: Word, shape: Shape) -> bool:
        return fits(shape.kind.product, op, value)

    def _shape(self, _: Op, value: Word, shape: Shape) -> bool:
        return shape.shape == value.text

    def person(self, op: Op, word: Word, name: str | None) -> bool:
        if word.text == "none" and op is not Op.CONTAINS:
            return name is None
        if name is None:
            return False
        if word.text == "me" and op is not Op.CONTAINS:
            return name == self.me
        return fits(name, op, word) or fits(self.people[name], op, word)

    def _author(self, op: Op, value: Word, shape: Shape) -> bool:
        return self.person(op, value, shape.author)

    def _editor(self, op: Op, value: Word, shape: Shape) -> bool:
        return self.person(op, value, shape.editor)

    def _claimed(self, op: Op, value: Word, shape: Shape) -> bool:
        return fits(shape.claimed, op, value)

    def _text(self, op: Op, value: Word, shape: Shape) -> bool:
        if op is Op.HAS and not ("*" in value.text and not value.is_quoted):
            op = Op.CONTAINS
        return fits(shape.text, op, value)

    def _image(self, op: Op, value: Word, shape: Shape) -> bool:
        return fits(shape.image.name, op, value)

    def _tag(self, op: Op, value: Word, shape: Shape) -> bool:
        return any(fits(tag, op, value) for tag in shape.image.tags)

    def _id(self, _: Op, value: Word, shape: Shape) -> bool:
        return shape.id == int(value.text)

    def _uuid(self, _: Op, value: Word, shape: Shape) -> bool:
        return shape.uuid == value.text

    def _source(self, _: Op, value: Word, shape: Shape) -> bool:
        return shape.source == value.text

    def _run(self, _: Op, value: Word, shape: Shape) -> bool:
        return shape.run == int(value.text)

    def _has(self, _: Op, value: Word, shape: Shape) -> bool:
        if value.text.startswith("attr."):
            return value.text[5:] in shape.attributes
        return bool(
            {
                "text": shape.text,
                "attributes": shape.attributes,
                "author": shape.author,
                "claimed": shape.claimed,
            }[value.text]
        )

    def _axis(self, axis: str, op: Op, value: Word, shape: Shape) -> bool:
        here = shape.frame[axis]
        return here == -1 or compare(here, op, float(value.text))

    def _z(self, op: Op, value: Word, shape: Shape) -> bool:
        return self._axis("z", op, value, shape)

    def _t(self, op: Op, value: Word, shape: Shape) -> bool:
        return self._axis("t", op, value, shape)

    def _c(self, op: Op, value: Word, shape: Shape) -> bool:
        return self._axis("c", op, value, shape)

    def _created(self, op: Op, value: Word, shape: Shape) -> bool:
        return in_time(shape.created, op, value.text, self.now)

    def _edited(self, op: Op, value: Word, shape: Shape) -> bool:
        return in_time(shape.edited, op, value.text, self.now)

    def _size(self, op: Op, value: Word, shape: Shape) -> bool:
        number, unit, digits = split(value.text)
        area = shape.area
        if area is None:
            return False
        if unit != "px2":
            if shape.image.mpp is None:
                return False
            area *= shape.image.mpp[0] * shape.image.mpp[1]
            number *= UM[unit.rstrip("2") or "um"] ** 2
            digits = digits if unit in ("", "um2") else digits - 6
        return compare(area, op, number, digits)

    _area = _size

    def _length(self, op: Op, value: Word, shape: Shape) -> bool:
        return self.measured(op, value, shape, shape.length)

    def _width(self, op: Op, value: Word, shape: Shape) -> bool:
        if shape.shape in LABELS:
            return False
        return self.measured(op, value, shape, lambda sx, _: (shape.box[2] - shape.box[0]) * sx)

    def _height(self, op: Op, value: Word, shape: Shape) -> bool:
        if shape.shape in LABELS:
            return False
        return self.measured(op, value, shape, lambda _, sy: (shape.box[3] - shape.box[1]) * sy)

    def measured(self, op: Op, value: Word, shape: Shape, measure: Any) -> bool:
        number, unit, digits = split(value.text)
        if unit == "px":
            length = measure(1.0, 1.0)
        elif shape.image.mpp is None:
            return False
        else:
            length = measure(*shape.image.mpp)
            number *= UM[unit or "um"]
            digits = digits if unit in ("", "um") else digits - 3
        return length is not None and compare(length, op, number, digits)

    def _inside(self, op: Op, value: Value, shape: Shape) -> bool:
        if shape.shape in LABELS:
            return False
        if isinstance(value, Word):
            ids = self.below(self.kinds_named(op, value))
            return any(
                other.outline().intersects(shape.centre)
                for other in self.shapes
                if other.id != shape.id
                and other.kind.id in ids
                and other.image is shape.image
                and other.area is not None
            )
        numbers = [word.text for word in value.arguments]
        if value.name == "box":
            x0, y0, x1, y1 = map(float, numbers)
            return bool(shapely.box(x0, y0, x1, y1).intersects(shape.centre))
        if value.name == "polygon":
            points = list(map(float, numbers))
            return bool(shapely.Polygon(list(zip(points[::2], points[1::2], strict=True))).intersects(shape.centre))
        distance, sx, sy = self.distance(numbers[2], shape)
        if distance is None:
            return False
        middle = shapely.Point(float(numbers[0]) * sx, float(numbers[1]) * sy).buffer(distance, quad_segs=64)
        return bool(middle.intersects(scaled(shape.centre, sx, sy, origin=(0, 0))))

    _in = _inside

    def _outside(self, op: Op, value: Value, shape: Shape) -> bool:
        return shape.shape not in LABELS and not self._inside(op, value, shape)

    def _near(self, op: Op, value: Call, shape: Shape) -> bool:
        distance, sx, sy = self.distance(value.arguments[-1].text, shape)
        if distance is None or shape.shape in LABELS:
            return False
        own = shape.outline(sx, sy)
        if len(value.arguments) == 3:
            x, y = (float(word.text) for word in value.arguments[:2])
            return bool(own.distance(shapely.Point(x * sx, y * sy)) <= distance)
        ids = self.below(self.kinds_named(op, value.arguments[0]))
        return any(
            own.distance(other.outline(sx, sy)) <= distance
            for other in self.shapes
            if other.id != shape.id
            and other.kind.id in ids
            and other.image is shape.image
            and other.shape not in LABELS
        )

    def distance(self, text: str, shape: Shape) -> tuple[float | None, float, float]:
        number, unit, _ = split(text)
        if unit == "px":
            return number, 1.0, 1.0
        if shape.image.mpp is None:
            return None, 1.0, 1.0
        return number * UM[unit or "um"], *shape.image.mpp

    def attribute(self, name: str, op: Op, value: Word, shape: Shape) -> bool:
        if name not in shape.attributes:
            return False
        has = shape.attributes[name]
        for definition in (d for k in self.kinds for d in k.attributes if d["name"] == name):
            kind = definition["kind"]
            if (
                kind == "number"
                and op is not Op.CONTAINS
                and isinstance(has, int | float)
                and not isinstance(has, bool)
            ):
                number = re.fullmatch(r"-?[\d.]+", value.text.removesuffix(definition.get("unit") or "-"))
                if number and compare(has, op, float(number[0])):
                    return True
            elif kind == "boolean" and isinstance(has, bool) and value.text in ("yes", "no"):
                if has == (value.text == "yes"):
                    return True
            elif kind == "date" and op is not Op.CONTAINS and isinstance(has, str) and value.text[:2] == "20":
                if in_time(datetime.fromisoformat(has).replace(tzinfo=UTC), op, value.text, self.now):
                    return True
            elif kind in ("text", "choice", "multi_choice") and isinstance(has, str | list):
                listed = has if isinstance(has, list) else [has]
                if op in (Op.HAS, Op.IS, Op.CONTAINS):
                    if any(fits(each, op, value) for each in listed) and isinstance(has, list) == (
                        kind == "multi_choice"
                    ):
                        return True
                elif kind != "text" and value.text in definition["choices"]:
                    ranks = [definition["choices"].index(each) for each in listed if each in definition["choices"]]
                    if any(compare(rank, op, definition["choices"].index(value.text)) for rank in ranks):
                        return True
        return False


def fits(text: str, op: Op, word: Word) -> bool:
    text, wanted = text.lower(), word.text.lower()
    if op is Op.CONTAINS:
        return wanted in text
    if "*" in wanted and not word.is_quoted:
        return re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), text, re.DOTALL) is not None
    return text == wanted


def compare(value: float, op: Op, wanted: float, digits: int | None = None) -> bool:
    if op is Op.LESS:
        return value < wanted
    if op is Op.AT_MOST:
        return value <= wanted
    if op is Op.MORE:
        return value > wanted
    if op is Op.AT_LEAST:
        return value >= wanted
    if digits is None:
        return value == wanted
    half = 0.5 * 10.0**-digits
    return wanted - half <= value < wanted + half


def split(text: str) -> tuple[float, str, int]:
    number, unit = re.fullmatch(r"([\d.]+)(.*)", text).groups()  # type: ignore[union-attr]
    return float(number), unit.replace("µ", "u").replace("²", "2"), len(number.partition(".")[2])


def in_time(value: datetime, op: Op, text: str, now: datetime) -> bool:
    if text in ("today", "yesterday") or text.startswith("-"):
        days = {"today": 0, "yesterday": 1}.get(text)
        day = now.date() - timedelta(days=days if days is not None else int(text[1:-1]))
        start, end = day, day + timedelta(days=1)
    else:
        parts: Sequence[int] = [int(part) for part in text.split("-")]
        start = date(parts[0], parts[1] if len(parts) > 1 else 1, parts[2] if len(parts) > 2 else 1)
        if len(parts) == 3:
            end = start + timedelta(days=1)
        elif len(parts) == 2:
            end = date(start.year + start.month // 12, start.month % 12 + 1, 1)
        else:
            end = date(start.year + 1, 1, 1)
    here = value.astimezone(UTC).date()
    if op is Op.LESS:
        return here < start
    if op is Op.AT_MOST:
        return here < end
    if op is Op.MORE:
        return here >= end
    if op is Op.AT_LEAST:
        return here >= start
    return start <= here < end
