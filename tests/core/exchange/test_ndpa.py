"""Files as NDP.view writes them, on a real slide whose scan lies off the middle of the glass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import openslide
import pytest

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ExchangeImage
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, Document, annotation, read, same, written

FORMAT = built_in("ndpa")


def state(drawn: str, title: str = "Mitosis", details: str = "", unit: str = "nanometers", number: int = 1) -> str:
    return (
        f'<ndpviewstate id="{number}"><title>{title}</title><details>{details}</details>'
        f"<coordformat>{unit}</coordformat><lens>4.63</lens><x>1334342</x><y>2423208</y><z>0</z><showtitle>0</showtitle><showhistogram>0</showhistogram>"
        f"<showlineprofile>0</showlineprofile>{drawn}</ndpviewstate>"
    )


def freehand(*points: tuple[object, object], closed: int = 1, special: str = "", kind: str = "freehand") -> str:
    listed = "".join(f"<point><x>{x}</x><y>{y}</y></point>" for x, y in points)
    return (
        f'<annotation type="{kind}" displayname="AnnotateFreehand" color="#ff00AA"><measuretype>0</measuretype>'
        f"<closed>{closed}</closed><pointlist>{listed}</pointlist>{special}</annotation>"
    )


def file(*states: str) -> bytes:
    head = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
    return f"{head}<annotations>{''.join(states)}</annotations>".encode()


# 2000 x 1500 pixels of 250 nm: the centre is pixel (1000, 750).
SQUARE = ((-250_000, -187_500), (0, -187_500), (0, 0), (-250_000, 0))


@pytest.mark.parametrize(
    ("drawn", "shape", "ring"),
    [
        (freehand(*SQUARE), Shape.POLYGON, [[0, 0], [1000, 0], [1000, 750], [0, 750]]),
        (freehand(*SQUARE, special="<specialtype>rectangle</specialtype>"), Shape.BOX, [[0, 0], [1000, 750]]),
        (freehand(*SQUARE[:3], closed=0), Shape.POLYLINE, [[0, 0], [1000, 0], [1000, 750]]),
        (freehand(*SQUARE[:3], kind="freehandline"), Shape.POLYLINE, [[0, 0], [1000, 0], [1000, 750]]),
        ('<annotation type="pin"><x>250</x><y>-250</y><icon>pinred</icon></annotation>', Shape.POINT, [[1001, 749]]),
        (
            '<annotation type="circle"><x>0</x><y>0</y><radius>2500</radius></annotation>',
            Shape.ELLIPSE,
            [[990, 740], [1010, 760]],
        ),
        (
            '<annotation type="linearmeasure"><x1>0</x1><y1>0</y1><x2>250</x2><y2>500</y2></annotation>',
            Shape.LINE,
            [[1000, 750], [1001, 752]],
        ),
    ],
)
def test_the_kinds_of_annotations(drawn: str, shape: Shape, ring: list[list[float]]) -> None:
    (found,), report = read(FORMAT, file(state(drawn, details="two\nlines")))
    assert (found.shape, found.label, found.text) == (shape, "Mitosis", "two\nlines")
    np.testing.assert_allclose(found.rings[0], ring, atol=1e-9)
    assert "XOffsetFromSlideCentre" in report.warnings[0]


def test_several_annotations_of_one_view_and_unknown_kinds() -> None:
    found, report = read(FORMAT, file(state(freehand(*SQUARE) + freehand(*SQUARE)), state('<annotation type="tube"/>')))
    assert len(found) == 2
    assert report.to_json()["losses"] == [{"what": "annotations of the kind tube: left out", "count": 1}]


def test_pixels_are_taken_as_they_are() -> None:
    (found,), report = read(FORMAT, file(state(freehand((1, 2), (3, 4), (9, 9)), unit="pixels")))
    assert np.asarray(found.rings[0]).tolist() == [[1, 2], [3, 4], [9, 9]]
    assert report.warnings == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (file(state(freehand((1, 2), ("x", 3)))), "view state 1 .*point 2"),
        (file(state(freehand((1, 2), ("NaN", 3)))), "finite"),
        (file(state('<annotation type="circle"><x>1</x><y>2</y></annotation>')), "radius"),
        (file(state(freehand((1, 2)).replace("<y>2</y>", ""))), "no y"),
        (file(state(freehand(*SQUARE), unit="furlongs")), "furlongs"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(content: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        read(FORMAT, content)


def test_without_a_resolution_nothing_can_be_placed() -> None:
    unknown = replace(IMAGE, mpp_x=None)
    with pytest.raises(Invalid, match="µm per pixel"):
        read(FORMAT, file(state(freehand(*SQUARE))), [unknown])


def test_the_image_is_found_by_the_name_of_the_file() -> None:
    images = [replace(IMAGE, id=number, name=f"S{number}", file_name=f"scan{number}.ndpi") for number in (1, 2)]
    found, _ = read(FORMAT, file(state(freehand(*SQUARE))), images, "scan2.ndpi.ndpa")
    assert len(found) == 1
    with pytest.raises(Invalid, match="which image"):
        read(FORMAT, file(state(freehand(*SQUARE))), images, "other.ndpa")


@pytest.fixture
def slide(shared_data: Path) -> ExchangeImage:
    """A real NDPI file, whose scan lies 12.5 mm off the centre of the glass."""
    with openslide.OpenSlide(shared_data / "01-wsi" / "test3-DAPI-2-387.ndpi") as opened:
        properties = dict(opened.properties)
        mpp = [float(properties[f"openslide.mpp-{axis}"]) for axis in "xy"]
        return ExchangeImage(1, "DAPI", *opened.dimensions, *mpp, properties=properties)


@pytest.mark.data
def test_shapes_lie_where_the_slide_says(slide: ExchangeImage) -> None:
    """The place of a pixel on the glass, computed as ASAP's reader does."""
    expected = annotation(1, Shape.POINT, [[[100, 200]]])
    content, report = written(FORMAT, Document({slide.id: [expected]}, images=(slide,)))
    text = content.decode()
    x = (100 - slide.width / 2) * slide.mpp_x * 1000 + 12538720  # type: ignore[operator]
    y = (200 - slide.height / 2) * slide.mpp_y * 1000 - 96063  # type: ignore[operator]
    assert f"<x>{round(x)}</x><y>{round(y)}</y><icon>" in text
    assert report.warnings == []
    (found,), report = read(FORMAT, content, [slide])
    same(found, expected, 0.003)
    assert report.warnings == []


@pytest.mark.data
def test_every_shape_comes_back_on_a_real_slide(slide: ExchangeImage) -> None:
    shapes = [each for each in EVERY_SHAPE if each.geometry.shape is not Shape.IMAGE]
    content, _ = written(FORMAT, Document({slide.id: shapes}, images=(slide,)))
    found, _ = read(FORMAT, content, [slide])
    by_uuid = {each.uuid: each for each in found}
    for expected in shapes:
        same(by_uuid[expected.uuid], expected, 0.003)
