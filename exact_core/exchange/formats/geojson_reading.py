"""Reading GeoJSON: a feature collection, a list of features, or features one after another, of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from exact_core.annotations.rules import DEFAULT_FRAME
from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ReadContext, ReadShape, Report, Ring
from exact_core.exchange.extras import ABSENT_SUFFIX
from exact_core.exchange.json_stream import Outline, list_items, members, objects, outline, parsed

NUCLEUS = "Nucleus"
"""Label of the second outline of QuPath's cells."""

_GEOGRAPHIC = ("EPSG", "CRS84", "OGC")
_DRAWN_AS_SAID = (Shape.POLYGON.value, Shape.ROTATED_BOX.value)
_LABELS = ("classification", "label", "group", "class", "category", "type_name")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One shape of a geometry."""

    shape: Shape
    rings: Sequence[Ring]
    holes: Sequence[bool]


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    """The shapes of a file, in constant memory; a feature that cannot be read is refused by its number."""
    head = outline(stream)
    _require_pixels(head)
    exact = head.values.get("exact")
    image = str(exact["image"]) if isinstance(exact, dict) and exact.get("image") else None
    for number, text in enumerate(_features(stream, head)):
        place = f"feature {number}"
        try:
            feature = parsed(text)
            yield from _shapes(feature, place, image, context.report)
        except Invalid as error:
            context.report.refuse(place, error.message)


def _features(stream: BinaryIO, head: Outline) -> Iterator[bytes]:
    if head.is_list:
        return list_items(stream)
    kind = head.values.get("type")
    if kind == "FeatureCollection" or "features" in head.keys:
        return (text for key, item, text in members(stream) if key == "features" and item is not None)
    if kind == "Feature" or "geometry" in head.keys or "coordinates" in head.keys:
        return objects(stream)
    raise Invalid("The file is no GeoJSON: it has neither features nor a geometry.")


def _require_pixels(head: Outline) -> None:
    """Refuse files with places on the earth: nothing says where those are on the image."""
    crs = head.values.get("crs")
    if isinstance(crs, dict):
        name = str((crs.get("properties") or {}).get("name", ""))
        if any(word in name.upper() for word in _GEOGRAPHIC):
            raise Invalid(
                f"The file's coordinates are places on the earth ({name}), not pixels. Transform them to pixels of the "
                "image first, for example with GDAL."
            )


def _shapes(feature: Any, place: str, image: str | None, report: Report) -> Iterator[ReadShape]:
    if not isinstance(feature, dict):
        raise Invalid("It is not a feature.")
    if "geometry" not in feature and "coordinates" in feature:
        feature = {"geometry": feature}
    properties = feature.get("properties") or {}
    geometry = feature.get("geometry")
    if not isinstance(properties, dict) or not isinstance(geometry, dict | None):
        raise Invalid("Its geometry or its properties are no object.")
    exact = properties.get("exact")
    exact = exact if isinstance(exact, dict) else {}
    identity = feature.get("id")
    frame = _frame(geometry)
    for each in _drawn(geometry, str(exact.get("shape", ""))):
        label = _label(properties)
        yield ReadShape(
            place,
            label.removesuffix(ABSENT_SUFFIX) if each.shape is Shape.ABSENT else label,
            each.shape,
            each.rings,
            each.holes,
            image,
            frame,
            identity if isinstance(identity, str) else None,
            str(properties.get("name") or ""),
            _attributes(properties, exact, report),
            str(exact.get("author") or ""),
            None,
            _color(properties),
        )
        identity = None  # of several shapes the first one has it
    nucleus = feature.get("nucleusGeometry")
    if isinstance(nucleus, dict):
        for each in _drawn(nucleus, ""):
            yield ReadShape(f"{place}, nucleus", NUCLEUS, each.shape, each.rings, each.holes, image, frame)


def _drawn(geometry: Mapping[str, Any] | None, form: str) -> list[Drawn]:
    """The shapes of a geometry; several points or lines are several shapes."""
    if geometry is None or form in (Shape.IMAGE, Shape.ABSENT):
        if form:
            return [Drawn(_form(form), (), ())]
        raise Invalid("It has no geometry.")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "Point":
        return [Drawn(Shape.POINT, [_ring([coordinates])], (False,))]
    if kind == "MultiPoint":
        return [Drawn(Shape.POINT, [_ring([point])], (False,)) for point in _list(coordinates)]
    if kind == "LineString":
        return [_line(coordinates, form)]
    if kind == "MultiLineString":
        return [_line(path, form) for path in _list(coordinates)]
    if kind == "Polygon":
        return [_polygon(_list(coordinates), form, bool(geometry.get("isEllipse")))]
    if kind == "MultiPolygon":
        parts = _list(coordinates)
        rings = [_opened(_ring(ring)) for part in parts for ring in _list(part)]
        holes = [index > 0 for part in parts for index in range(len(part))]
        if len(parts) == 1 and form != Shape.MULTI_POLYGON.value:
            return [Drawn(Shape.POLYGON, rings, holes)]
        return [Drawn(Shape.MULTI_POLYGON, rings, holes)]
    if kind == "GeometryCollection":
        return [each for part in _list(geometry.get("geometries")) for each in _drawn(part, "")]
    raise Invalid(f"Its geometry is of the unknown type {str(kind)[:40]!r}.")


def _line(coordinates: Any, form: str) -> Drawn:
    path = _ring(coordinates)
    return Drawn(_form(form) if form else Shape.LINE if len(path) == 2 else Shape.POLYLINE, [path], (False,))


def _polygon(coordinates: Sequence[Any], form: str, is_ellipse: bool) -> Drawn:
    rings = [_ring(ring) for ring in coordinates]
    if not rings:
        raise Invalid("Its polygon is empty.")
    if is_ellipse:
        return Drawn(Shape.ELLIPSE, [_bounds(rings[0])], (False,))
    if form not in _DRAWN_AS_SAID and len(rings) == 1 and is_rectangle(rings[0]):
        return Drawn(Shape.BOX, [_bounds(rings[0])], (False,))
    rings = [_opened(ring) for ring in rings]
    if form == Shape.ROTATED_BOX.value and len(rings[0]) == 4:
        return Drawn(Shape.ROTATED_BOX, rings[:1], (False,))
    return Drawn(Shape.POLYGON, rings, [index > 0 for index in range(len(rings))])


def _opened(ring: Ring) -> Ring:
    """A ring without its last vertex, which repeats the first one."""
    return ring[:-1] if len(ring) > 1 and ring[0, 0] == ring[-1, 0] and ring[0, 1] == ring[-1, 1] else ring


def is_rectangle(ring: Ring) -> bool:
    """Whether an upright rectangle was drawn; QuPath takes such polygons for rectangles too."""
    if len(ring) != 5 or (ring[0] != ring[4]).any():
        return False
    steps = np.diff(ring, axis=0) != 0
    across = [bool(step[0]) for step in steps]
    return bool((steps.sum(axis=1) == 1).all()) and across in ([True, False] * 2, [False, True] * 2)


def _bounds(ring: Ring) -> Ring:
    return np.stack([ring.min(axis=0), ring.max(axis=0)])


def _ring(coordinates: Any) -> Ring:
    try:
        array = np.asarray(coordinates)
    except ValueError:
        raise Invalid("Some of its coordinates are no pairs of numbers.") from None
    if array.dtype.kind == "O" and array.ndim == 2 and any(value is None for value in array.flat):
        raise Invalid("A coordinate is not a finite number (NaN, infinity or null).")
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "iuf":
        raise Invalid("Some of its coordinates are no pairs of numbers.")
    return array[:, :2].astype(np.float64)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid("Its coordinates are no list.")
    return value


def _form(name: str) -> Shape:
    try:
        return Shape(name)
    except ValueError:
        raise Invalid(f"Its shape {name[:40]!r} is unknown.") from None


def _frame(geometry: Mapping[str, Any] | None) -> Frame:
    """The plane, as QuPath writes it; it leaves out the first one."""
    plane = (geometry or {}).get("plane")
    if not isinstance(plane, dict):
        return DEFAULT_FRAME
    values = [plane.get("z", 0), plane.get("t", 0), plane.get("c", -1)]
    if not all(isinstance(value, int) and -1 <= value < 2**15 for value in values):
        raise Invalid("Its plane is no whole numbers z, t and c.")
    return Frame(*values)


def _label(properties: Mapping[str, Any]) -> str:
    """The class: QuPath's, or what other programs call it."""
    for key in _LABELS:
        value = properties.get(key)
        if isinstance(value, dict):
            if isinstance(value.get("names"), list):
                return ": ".join(map(str, value["names"]))
            value = value.get("name") or value.get("value")
        if isinstance(value, str | int) and str(value).strip():
            return str(value).strip()
    annotation = properties.get("annotation")
    if isinstance(annotation, dict) and annotation.get("name"):
        return str(annotation["name"]).strip()
    return ""


def _color(properties: Mapping[str, Any]) -> str | None:
    """A colour as ``#rrggbb``, from a list or from one signed number with the alpha in front."""
    classification = properties.get("classification")
    found = classification if isinstance(classification, dict) else properties
    color = found.get("color")
    if isinstance(color, list) and len(color) >= 3 and all(isinstance(part, int) for part in color[:3]):
        return "#" + "".join(f"{part & 0xFF:02x}" for part in color[:3])
    packed = found.get("colorRGB")
    return f"#{packed & 0xFFFFFF:06x}" if isinstance(packed, int) else None


def _attributes(properties: Mapping[str, Any], exact: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Measurements and metadata; NaN says that something was not measured, and is left out."""
    found: dict[str, Any] = {}
    measurements = properties.get("measurements")
    if isinstance(measurements, list):  # before QuPath 0.4
        measurements = {each.get("name"): each.get("value") for each in measurements if isinstance(each, dict)}
    for source in (measurements, properties.get("metadata")):
        if isinstance(source, dict):
            for name, value in source.items():
                if isinstance(value, str | int | float):
                    found[str(name)] = value
                elif value is not None:
                    report.lose("nested properties: an annotation's attributes are single values")
    kept = exact.get("attributes")
    return found | kept if isinstance(kept, dict) else found
