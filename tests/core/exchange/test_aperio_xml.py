"""Files as ImageScope and HALO write them."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ReadShape, Report
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, TUMOR, Document, read, written

FORMAT = built_in("aperio-xml")


def vertices(*points: tuple[float, float], tag: str = "Vertex") -> str:
    return "<Vertices>" + "".join(f'<{tag} X="{x}" Y="{y}" Z="0"/>' for x, y in points) + "</Vertices>"


def region(points: str, kind: object = 0, negative: int = 0, text: str = "", more: str = "") -> str:
    return (
        f'<Region Id="1" Type="{kind}" Zoom="0.04" Selected="0" ImageLocation="" ImageFocus="-1" Length="2909.1" '
        f'Area="2066.0" LengthMicrons="733.0" AreaMicrons="131.1" Text="{text}" NegativeROA="{negative}" '
        f'InputRegionId="0" Analyze="1" DisplayId="1">{more}{points}</Region>'
    )


def layer(*regions: str, name: str = "", color: int = 65280, attributes: str = "") -> str:
    return (
        f'<Annotation Id="1" Name="{name}" ReadOnly="0" NameReadOnly="0" LineColorReadOnly="0" Incremental="0" '
        f'Type="4" LineColor="{color}" Visible="1" Selected="1" MarkupImagePath="" MacroName=""><Attributes>'
        f"{attributes}</Attributes><Regions>{''.join(regions)}</Regions><Plots/></Annotation>"
    )


def parse(*layers: str) -> tuple[list[ReadShape], Report]:
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Annotations MicronsPerPixel="0.252">{"".join(layers)}</Annotations>'
    )
    return read(FORMAT, text.encode())


SQUARE = vertices((10, 10), (50, 10), (50, 50), (10, 50))
INNER = vertices((20, 20), (30, 20), (30, 30), (20, 30))
ACROSS = vertices((40, 20), (60, 20), (60, 30), (40, 30))


@pytest.mark.parametrize(
    ("kind", "points", "shape", "ring"),
    [
        (0, SQUARE, Shape.POLYGON, [[10, 10], [50, 10], [50, 50], [10, 50]]),
        (1, SQUARE, Shape.BOX, [[10, 10], [50, 50]]),
        (1, vertices((10, 10), (50, 50)), Shape.BOX, [[10, 10], [50, 50]]),
        (1, vertices((0, 5), (5, 0), (15, 10), (10, 15)), Shape.ROTATED_BOX, [[0, 5], [5, 0], [15, 10], [10, 15]]),
        (2, vertices((10, 20), (50, 40)), Shape.ELLIPSE, [[10, 20], [50, 40]]),
        (2, vertices((10, 20), (50, 20), (50, 40), (10, 40)), Shape.ELLIPSE, [[10, 20], [50, 40]]),
        (3, vertices((1, 2), (3, 4)), Shape.LINE, [[1, 2], [3, 4]]),
        (4, vertices((1, 2), (3, 4)), Shape.LINE, [[1, 2], [3, 4]]),
        (5, vertices((1.5, 2.25)), Shape.POINT, [[1.5, 2.25]]),
        ("Rectangle", vertices((10, 10), (50, 50), tag="V"), Shape.BOX, [[10, 10], [50, 50]]),
        ("Polygon", vertices((0, 0), (9, 0), (0, 9), (0, 0), tag="V"), Shape.POLYGON, [[0, 0], [9, 0], [0, 9]]),
        ("Ruler", vertices((1, 2), (3, 4), tag="V"), Shape.LINE, [[1, 2], [3, 4]]),
    ],
)
def test_the_kinds_of_regions(kind: object, points: str, shape: Shape, ring: list[list[float]]) -> None:
    (found,), _ = parse(layer(region(points, kind), name="Tumor"))
    assert (found.shape, np.asarray(found.rings[0]).tolist()) == (shape, ring)


def test_the_label_is_the_layer_and_its_colour_is_read_as_windows_writes_it() -> None:
    description = '<Attribute Name="Description" Id="0" Value="Necrosis"/>'
    found, _ = parse(
        layer(region(SQUARE), name="Tumor", color=255),
        layer(region(SQUARE), color=16711680, attributes=description),
        layer(region(SQUARE), name="", color=65535),
    )
    assert [each.label for each in found] == ["Tumor", "Necrosis", "Layer 1"]
    assert [each.color for each in found] == ["#ff0000", "#0000ff", "#ffff00"]


def test_texts_and_attributes_of_regions_are_kept() -> None:
    headers = '<RegionAttributeHeaders><AttributeHeader Id="7" Name="Grade" ColumnWidth="-1"/></RegionAttributeHeaders>'
    more = '<Attributes><Attribute Name="7" Id="0" Value="3"/><Attribute Name="Empty" Id="0" Value=""/></Attributes>'
    (found,), _ = parse(layer(headers, region(SQUARE, text="see &lt;here&gt;", more=more), name="Tumor"))
    assert (found.text, found.attributes) == ("see <here>", {"Grade": 3})


def test_a_negative_region_is_a_hole_in_the_outline_around_it_wherever_it_stands() -> None:
    for regions in ([region(SQUARE), region(INNER, negative=1)], [region(INNER, negative=1), region(SQUARE)]):
        (found,), report = parse(layer(*regions, name="Tumor"))
        assert found.shape is Shape.POLYGON
        assert list(found.holes) == [False, True]
        assert np.asarray(found.rings[1]).tolist() == [[20, 20], [30, 20], [30, 30], [20, 30]]
        assert not report.losses


def test_of_nested_outlines_the_smallest_one_has_the_hole() -> None:
    outer = vertices((0, 0), (100, 0), (100, 100), (0, 100))
    found, _ = parse(layer(region(outer), region(SQUARE), region(INNER, negative=1), name="Tumor"))
    assert [len(each.rings) for each in found] == [1, 2]


def test_a_negative_region_across_the_border_is_cut_out() -> None:
    (found,), _ = parse(layer(region(SQUARE), region(ACROSS, negative=1), name="Tumor"))
    ring = np.asarray(found.rings[0])
    x, y = ring.T
    assert abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2 == 40 * 40 - 10 * 10


def test_a_negative_region_without_an_outline_is_told() -> None:
    other = layer(region(SQUARE), name="Other")
    found, report = parse(layer(region(INNER, negative=1), name="Tumor"), other)
    assert [each.label for each in found] == ["Other"]
    assert "holes outside" in report.to_json()["losses"][0]["what"]


def test_regions_without_vertices_are_told() -> None:
    found, report = parse(layer(region("<Vertices/>"), region("")))
    assert found == []
    assert report.to_json()["losses"] == [{"what": "regions without vertices: left out", "count": 2}]


@pytest.mark.parametrize("wrong", ["abc", "", "NaN", "inf", "1e999", "--3"])
def test_a_wrong_coordinate_is_refused_with_its_place(wrong: str) -> None:
    bad = vertices((1, 2)).replace('X="1"', f'X="{wrong}"')
    with pytest.raises(Invalid, match="layer 2, region 1"):
        parse(layer(region(SQUARE), name="a"), layer(region(bad), name="b"))


def test_decimal_commas_are_read() -> None:
    (found,), _ = parse(layer(region('<Vertices><Vertex X="1,5" Y="2,25"/></Vertices>')))
    assert np.asarray(found.rings[0]).tolist() == [[1.5, 2.25]]


def test_what_we_write_is_what_image_scope_has() -> None:
    content, _ = written(FORMAT, Document({IMAGE.id: EVERY_SHAPE}))
    root = ET.parse(io.BytesIO(content)).getroot()
    assert root.tag == "Annotations"
    assert root.get("MicronsPerPixel") == "0.25"
    layers = {each.get("Name"): each for each in root}
    assert set(layers) == {"Tumor & <stroma>", "Cell \"µ\" 'x'"}
    assert layers[TUMOR.name].get("LineColor") == str(0xFF | 0x80 << 8)
    regions = layers[TUMOR.name].findall("Regions/Region")
    assert [each.get("Id") for each in regions] == [str(number) for number in range(1, len(regions) + 1)]
    negative = [each for each in regions if each.get("NegativeROA") == "1"]
    assert len(negative) == sum(sum(each.geometry.ring_holes) for each in EVERY_SHAPE if each.type is TUMOR)
    assert negative[0].find("Vertices/Vertex").attrib == {"X": "150", "Y": "150", "Z": "0"}  # type: ignore[union-attr]


def test_our_annotations_survive_other_programs_holes_and_edits() -> None:
    content, _ = written(FORMAT, Document({IMAGE.id: [EVERY_SHAPE[7], EVERY_SHAPE[2]]}))
    added = region(vertices((280, 110), (290, 110), (290, 120), (280, 120)), negative=1)
    text = content.decode().replace("  </Regions>", f"{added}</Regions>", 1).replace('X="180"', 'X="190"')
    found, report = read(FORMAT, text.encode())
    polygon, ellipse = sorted(found, key=lambda each: len(each.rings), reverse=True)
    assert (len(polygon.rings), polygon.uuid) == (4, EVERY_SHAPE[7].uuid)
    assert np.asarray(ellipse.rings[0]).tolist() == [[100, 100], [190, 140]]
    assert not report.losses
