"""What is drawn, exported and imported into an empty image is there again: through the real database, every format."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from exact_core.annotations.geometry import from_rings
from exact_core.annotations.service import Annotations
from exact_core.annotations.writing import Create
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import Report
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import (
    Annotation,
    AnnotationDetail,
    AnnotationRevision,
    AnnotationSummary,
)
from tests.core.exchange.conftest import HEIGHT, WIDTH, Desk

WHOLE = ("geojson", "darwin", "csv")
"""Formats that keep every shape with all that belongs to it."""

AREAS = ("coco",)
"""Formats that keep areas without holes as they are, with all that belongs to them."""

Drawn = dict[str, Any]

fractions = st.sampled_from([0, 0, 0, 1 / 256, 0.5, 0.75])
"""Of pixels, as they are stored."""

points = st.tuples(
    st.integers(0, WIDTH - 1), fractions, st.integers(0, HEIGHT - 1), fractions
).map(lambda each: [each[0] + each[1], each[2] + each[3]])  # fmt: skip
near = st.tuples(st.integers(100, 400), st.integers(100, 400)).map(list)


@st.composite
def geometries(draw: st.DrawFn) -> Drawn:
    """A geometry as the API takes it; some are refused later, which the test looks at itself."""
    kinds = ("point", "box", "ellipse", "line", "polyline", "polygon", "holed", "several", "image", "absent")
    kind = draw(st.sampled_from(kinds))
    if kind in ("image", "absent"):
        return {"shape": kind}
    if kind == "point":
        return {"shape": "point", "points": [draw(points)]}
    if kind in ("box", "ellipse", "line"):
        x, y = draw(st.integers(0, WIDTH - 500)), draw(st.integers(0, HEIGHT - 500))
        width, height = draw(st.integers(2, 400)), draw(st.integers(2, 400))
        left, top = draw(fractions), draw(fractions)
        return {"shape": kind, "points": [[x + left, y + top], [x + width, y + height]]}
    if kind == "polyline":
        return {"shape": "polyline", "points": draw(st.lists(near, min_size=3, max_size=8, unique_by=tuple))}
    if kind == "polygon":
        return {"shape": "polygon", "rings": [star(draw, 5000, 5000)]}
    if kind == "holed":
        hole = [[4990, 4990], [5010, 4990], [5010, 5010]]
        return {"shape": "polygon", "rings": [star(draw, 5000, 5000, 100), hole[:: draw(st.sampled_from([1, -1]))]]}
    parts = [[star(draw, 2000 + 700 * place, 3000)] for place in range(draw(st.integers(1, 3)))]
    return {"shape": "multi_polygon", "parts": parts}


def star(draw: st.DrawFn, x: int, y: int, least: int = 20) -> list[list[float]]:
    """A ring around a place, in either direction, all of it between pixels or none."""
    count, between = draw(st.integers(3, 12)), draw(fractions)
    radii = draw(st.lists(st.integers(least, 300), min_size=count, max_size=count))
    turn = np.arange(count) * 2 * np.pi / count
    ends = ((x + r * np.cos(a), y + r * np.sin(a)) for r, a in zip(radii, turn, strict=True))
    ring = [[int(left) + between, int(top) + between] for left, top in ends]
    return ring[:: draw(st.sampled_from([1, -1]))]


def is_kept(geometry: Drawn) -> bool:
    """Whether the platform takes it; what it cuts or mends is none of this test's business."""
    rings = geometry.get("rings") or [ring for part in geometry.get("parts", ()) for ring in part]
    if not rings:
        return True
    holes = [False, *[geometry["shape"] == "polygon"] * (len(rings) - 1)]
    try:
        arrays = [np.array(ring, np.float64) for ring in rings]
        kept = from_rings(Shape(geometry["shape"]), arrays, holes, WIDTH, HEIGHT)
    except Invalid:
        return False
    return [len(ring) for ring in rings] == list(kept.ring_lengths)


shapes = st.fixed_dictionaries(
    {
        "geometry": geometries().filter(is_kept),
        "type": st.sampled_from(["Cell", "Nucleus"]),
        "text": st.text(
            st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp")), max_size=20
        ).map(str.strip),
        "attributes": st.fixed_dictionaries(
            {},
            optional={
                "grade": st.sampled_from(["low", "high"]),
                "size": st.integers(-(10**6), 10**6) | st.floats(-1e9, 1e9).map(lambda value: round(value, 3)),
                "sure": st.booleans(),
            },
        ),
        "frame": st.tuples(st.integers(-1, 2), st.integers(-1, 1), st.just(-1)),
    }
)


def draw_all(desk: Desk, drawn: list[Drawn]) -> None:
    """Draw shapes by the ordinary way; attributes belong to cells."""
    from exact_core.annotations.scope import Frame

    operations = [
        Create(
            f"00000000-0000-4000-8000-{number:012d}",
            desk.types[each["type"]],
            each["geometry"],
            Frame(*each["frame"]),
            each["text"],
            each["attributes"] if each["type"] == "Cell" else {},
        )
        for number, each in enumerate(drawn)
    ]
    people = desk.people["lead"]
    service = Annotations(desk.database, desk.services.kernel.hooks, people)
    service.apply(desk.images[0], operations, "", Repeat(people, None, "", "", ""))


def empty(desk: Desk) -> None:
    """Forget every annotation, as no user ever could."""
    with desk.database.write() as session:
        for table in (AnnotationDetail, AnnotationRevision, AnnotationSummary, Annotation):
            session.execute(delete(table))


@pytest.fixture
def round_trip(desk: Desk) -> Callable[[str, list[Drawn]], tuple[list[Any], list[Any], Report]]:
    """``round_trip("geojson", shapes)`` gives what was drawn, what is there after export and import, and the losses."""

    def make(name: str, drawn: list[Drawn]) -> tuple[list[Any], list[Any], Report]:
        empty(desk)
        draw_all(desk, drawn)
        before, report = desk.drawn(), Report()
        content = desk.export(name, report=report)
        again = desk.bring(content, "file")
        assert (again.added, again.updated, again.skipped) == (0, 0, 0), "importing what is there changes nothing"
        empty(desk)
        stored = desk.bring(content, "file", format=name)
        assert stored.added == len(before)
        return before, desk.drawn(), report

    return make


quickly = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)


@pytest.mark.parametrize("name", WHOLE)
@quickly
@given(drawn=st.lists(shapes, min_size=1, max_size=6))
def test_everything_comes_back(name: str, round_trip: Callable[..., Any], drawn: list[Drawn]) -> None:
    before, after, report = round_trip(name, drawn)
    assert after == before
    assert not report.losses


@pytest.mark.parametrize("name", AREAS)
@quickly
@given(
    drawn=st.lists(
        shapes.filter(lambda each: each["geometry"]["shape"] in ("box", "multi_polygon", "point", "image", "ellipse")),
        min_size=1,
        max_size=6,
    )
)
def test_areas_come_back(name: str, round_trip: Callable[..., Any], drawn: list[Drawn]) -> None:
    before, after, _ = round_trip(name, drawn)
    assert after == before


@quickly
@given(drawn=st.lists(shapes.filter(lambda each: each["geometry"]["shape"] == "box"), min_size=1, max_size=6))
def test_boxes_of_voc_come_back(round_trip: Callable[..., Any], drawn: list[Drawn]) -> None:
    before, after, report = round_trip("voc", drawn)
    assert after == before
    assert not report.losses


@quickly
@given(
    drawn=st.lists(
        shapes.filter(lambda each: each["geometry"]["shape"] not in ("multi_polygon", "image")
                      and len(each["geometry"].get("rings", [1])) == 1),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_what_the_text_export_can_say_comes_back(round_trip: Callable[..., Any], drawn: list[Drawn]) -> None:
    before, after, report = round_trip("exact-text", drawn)
    assert after == before
    assert not report.losses


@quickly
@given(
    drawn=st.lists(
        shapes.filter(lambda each: each["geometry"]["shape"] == "polygon" and len(each["geometry"]["rings"]) == 1),
        min_size=1, max_size=6, unique_by=lambda each: json.dumps(each["geometry"]),
    )
)  # fmt: skip
def test_outlines_of_yolo_come_back_without_words(desk: Desk, drawn: list[Drawn]) -> None:
    empty(desk)
    draw_all(desk, [{**each, "text": "", "attributes": {}, "frame": (0, 0, -1)} for each in drawn])
    before = desk.drawn()
    content = desk.export("yolo")
    empty(desk)
    assert desk.bring(content, "labels.zip").added == len(drawn)
    assert desk.drawn() == before


def test_holes_of_coco_come_back_pixel_by_pixel(desk: Desk) -> None:
    square = [[100, 100], [200, 100], [200, 200], [100, 200]]
    hole = [[120, 120], [150, 120], [150, 160], [120, 160]]
    draw_all(desk, [{"geometry": {"shape": "polygon", "rings": [square, hole]}, "type": "Cell", "text": "ring",
                     "attributes": {"sure": True}, "frame": (0, 0, -1)}])  # fmt: skip
    report = Report()
    content = desk.export("coco", report=report)
    assert list(report.losses) == ["outlines with holes: COCO keeps them as masks of whole pixels"]
    before = desk.drawn()
    empty(desk)
    desk.bring(content, "file.json")
    ((kind, form, rings, holes, frame, text, attributes),) = desk.drawn()
    assert (kind, form, holes, frame, text, attributes) == (
        "Cell", "polygon", (False, True), (0, 0, -1), "ring", {"sure": True},
    )  # fmt: skip
    assert [sorted(ring) for ring in rings] == [sorted(ring) for ring in before[0][2]]
