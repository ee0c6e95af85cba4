"""Files as ASAP writes them."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ReadShape, Report
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, Document, read, written

FORMAT = built_in("asap-xml")


def annotation(
    kind: str, *points: tuple[object, object], group: str = "Tumor", name: str = "Annotation 0", first: int = 0
) -> str:
    coordinates = "".join(
        f'<Coordinate Order="{order}" X="{x}" Y="{y}" />' for order, (x, y) in enumerate(points, start=first)
    )
    return (
        f'<Annotation Name="{name}" Type="{kind}" PartOfGroup="{group}" Color="#F4FA58">'
        f"<Coordinates>{coordinates}</Coordinates></Annotation>"
    )


def parse(*annotations: str) -> tuple[list[ReadShape], Report]:
    groups = '<Group Name="Tumor" PartOfGroup="None" Color="#00ff00"><Attributes /></Group>'
    body = f"<Annotations>{''.join(annotations)}</Annotations><AnnotationGroups>{groups}</AnnotationGroups>"
    text = f'<?xml version="1.0"?><ASAP_Annotations>{body}</ASAP_Annotations>'
    return read(FORMAT, text.encode())


SQUARE = ((0, 0), (40, 0), (40, 40), (0, 40))
INNER = ((10, 10), (20, 10), (20, 20), (10, 20))


@pytest.mark.parametrize(
    ("kind", "points", "shape", "count"),
    [
        ("Dot", ((3, 4),), Shape.POINT, 1),
        ("Polygon", SQUARE[:3], Shape.POLYGON, 3),
        ("Rectangle", SQUARE, Shape.BOX, 2),
        ("Spline", SQUARE, Shape.POLYGON, 4),
        ("Measurement", SQUARE[:2], Shape.LINE, 2),
        ("Polygon", (*SQUARE, SQUARE[0]), Shape.POLYGON, 4),
    ],
)
def test_the_kinds_of_annotations(kind: str, points: tuple[tuple[int, int], ...], shape: Shape, count: int) -> None:
    (found,), report = parse(annotation(kind, *points))
    assert (found.shape, len(found.rings[0]), found.label, found.color) == (shape, count, "Tumor", "#f4fa58")
    assert (kind == "Spline") == bool(report.warnings)


def test_a_set_of_points_is_as_many_points() -> None:
    found, _ = parse(annotation("PointSet", (1, 2), (3, 4), (5, 6)))
    assert [each.shape for each in found] == [Shape.POINT] * 3
    assert [each.rings[0].tolist() for each in found] == [[[1, 2]], [[3, 4]], [[5, 6]]]
    assert len({each.place for each in found}) == 3


def test_coordinates_follow_their_order_and_not_their_place_in_the_file() -> None:
    turned = (
        '<Annotation Name="x" Type="Polygon" PartOfGroup="None" Color="#000000"><Coordinates>'
        '<Coordinate Order="2" X="40" Y="40"/><Coordinate Order="0" X="0" Y="0"/><Coordinate Order="1" X="40" Y="0"/>'
        "</Coordinates></Annotation>"
    )
    (found,), _ = parse(turned)
    assert np.asarray(found.rings[0]).tolist() == [[0, 0], [40, 0], [40, 40]]
    assert (found.label, found.text) == ("None", "x")


def test_a_group_of_holes_is_cut_out_of_its_group() -> None:
    found, report = parse(annotation("Polygon", *INNER, group="Tumor_hole"), annotation("Polygon", *SQUARE))
    (only,) = found
    assert (only.label, list(only.holes), report.losses) == ("Tumor", [False, True], {})


def test_a_group_that_is_only_called_hole_stays_a_group() -> None:
    found, _ = parse(annotation("Polygon", *INNER, group="black_hole"), annotation("Polygon", *SQUARE))
    assert sorted(each.label for each in found) == ["Tumor", "black_hole"]


@pytest.mark.parametrize("bad", [("a", 1), (1, ""), ("NaN", 1), (1, "-inf")])
def test_a_wrong_coordinate_is_refused_with_its_place(bad: tuple[object, object]) -> None:
    with pytest.raises(Invalid, match=r"annotation 2 .*coordinate 2"):
        parse(annotation("Polygon", *SQUARE), annotation("Polygon", (0, 0), bad, (1, 1)))


@pytest.mark.parametrize("order", ["-1", "99999999999999999999", "1.5", "x"])
def test_a_wrong_order_is_refused(order: str) -> None:
    text = annotation("Polygon", *SQUARE).replace('Order="1"', f'Order="{order}"')
    with pytest.raises(Invalid, match="Order"):
        parse(text)


def test_older_files_without_their_own_root_are_read() -> None:
    text = f"<Annotations>{annotation('Dot', (1, 2))}</Annotations>".encode()
    assert FORMAT.sniff(text, "x.xml") == 100
    assert built_in("aperio-xml").sniff(text, "x.xml") == 0
    assert len(read(FORMAT, text)[0]) == 1


def test_asap_accepts_what_we_write() -> None:
    """It refuses a file with a group that is not listed, and keeps coordinates by their order from 0."""
    content, _ = written(FORMAT, Document({IMAGE.id: EVERY_SHAPE}))
    root = ET.parse(io.BytesIO(content)).getroot()
    listed = {each.get("Name") for each in root.iter("Group")} | {"None"}
    assert {each.get("PartOfGroup") for each in root.iter("Annotation")} <= listed
    kinds = {"Dot", "Polygon", "Spline", "PointSet", "Measurement", "Rectangle"}
    for each in root.iter("Annotation"):
        assert each.get("Type") in kinds
        orders = [int(one.get("Order", "")) for one in each.iter("Coordinate")]
        assert orders == list(range(len(orders)))


def test_what_asap_saved_again_still_has_its_holes() -> None:
    """ASAP drops our attribute; the group's name still tells."""
    content, _ = written(FORMAT, Document({IMAGE.id: [EVERY_SHAPE[7]]}))
    saved = re.sub(rb' Exact="[^"]*"', b"", re.sub(rb" Exact='[^']*'", b"", content))
    assert b"Exact" not in saved
    (found,), _ = read(FORMAT, saved)
    assert list(found.holes) == [False, True, True]
    assert found.uuid is None
