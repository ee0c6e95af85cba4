"""OME-XML of other programs: every shape, transforms, masks, older spellings, several images, and OME-TIFF."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ET
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile

from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ReadShape, Report
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, SECOND, Document, annotation, read, same, written

FORMAT = built_in("ome-xml")
NS = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def roi(*shapes: str, name: str = ' Name="Nucleus"', number: int = 0, more: str = "") -> str:
    return f'<ROI ID="ROI:{number}"{name}><Union>{"".join(shapes)}</Union>{more}</ROI>'


def image(number: int = 0, size: tuple[int, int] = (2000, 1500), rois: str = "", name: str = "slide-1") -> str:
    return (
        f'<Image ID="Image:{number}" Name="{name}"><Pixels ID="Pixels:{number}" DimensionOrder="XYCZT" Type="uint8" '
        f'SizeX="{size[0]}" SizeY="{size[1]}" SizeC="1" SizeZ="1" SizeT="1"/>{rois}</Image>'
    )


def file(*parts: str) -> bytes:
    body = "".join(parts)
    return f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NS}">{body}</OME>'.encode()


def parse(*rois: str) -> tuple[list[ReadShape], Report]:
    return read(FORMAT, file(image(), *rois))


def mask(pixels: np.ndarray, x: float = 0, y: float = 0, compression: str = "none", order: str = "big") -> str:
    data = np.packbits(pixels, bitorder=order).tobytes()  # type: ignore[call-overload]
    data = zlib.compress(data) if compression == "zlib" else data
    encoded = base64.b64encode(data).decode()
    return (
        f'<Mask ID="Shape:0" X="{x}" Y="{y}" Width="{pixels.shape[1]}" Height="{pixels.shape[0]}">'
        f'<BinData BigEndian="true" Length="{len(encoded)}" Compression="{compression}">{encoded}</BinData></Mask>'
    )


@pytest.mark.parametrize(
    ("drawn", "shape", "ring"),
    [
        ('<Rectangle X="10" Y="20" Width="30" Height="40.5"/>', Shape.BOX, [[10, 20], [40, 60.5]]),
        ('<Ellipse X="100" Y="50" RadiusX="10" RadiusY="20"/>', Shape.ELLIPSE, [[90, 30], [110, 70]]),
        ('<Line X1="1" Y1="2" X2="3" Y2="4"/>', Shape.LINE, [[1, 2], [3, 4]]),
        ('<Polyline Points="1,2 3,4 5,6"/>', Shape.POLYLINE, [[1, 2], [3, 4], [5, 6]]),
        ('<Polyline Points="1,2 3,4 5,6" Closed="true"/>', Shape.POLYGON, [[1, 2], [3, 4], [5, 6]]),
        ('<Polygon Points="1,2 3,4 5,6.25"/>', Shape.POLYGON, [[1, 2], [3, 4], [5, 6.25]]),
        ('<Polygon Points="points[1,2, 3,4, 5,6] points1[1,2, 3,4]"/>', Shape.POLYGON, [[1, 2], [3, 4], [5, 6]]),
        ('<Point X="7" Y="8"/>', Shape.POINT, [[7, 8]]),
        ('<Label X="7" Y="8" Text="here"/>', Shape.POINT, [[7, 8]]),
        ('<Shape TheZ="2"><Rect X="1" Y="2" Width="3" Height="4"/></Shape>', Shape.BOX, [[1, 2], [4, 6]]),
        ('<Shape><Circle Cx="5" Cy="6" R="2"/></Shape>', Shape.ELLIPSE, [[3, 4], [7, 8]]),
    ],
)
def test_the_kinds_of_shapes(drawn: str, shape: Shape, ring: list[list[float]]) -> None:
    (found,), _ = parse(roi(drawn))
    assert (found.shape, np.asarray(found.rings[0]).tolist()) == (shape, ring)
    assert found.label == "Nucleus"


def transform(*values: float) -> str:
    names = ("A00", "A10", "A01", "A11", "A02", "A12")
    return "<Transform " + " ".join(f'{name}="{value}"' for name, value in zip(names, values, strict=True)) + "/>"


QUARTER = transform(0, 1, -1, 0, 100, 0)  # a quarter turn clockwise, then 100 to the right
EIGHTH = transform(0.8, 0.6, -0.6, 0.8, 0, 0)


@pytest.mark.parametrize(
    ("drawn", "shape", "ring"),
    [
        (f'<Rectangle X="10" Y="20" Width="30" Height="40">{QUARTER}</Rectangle>', Shape.BOX, [[40, 10], [80, 40]]),
        (
            f'<Rectangle X="0" Y="0" Width="10" Height="20">{EIGHTH}</Rectangle>',
            Shape.ROTATED_BOX,
            [[0, 0], [8, 6], [-4, 22], [-12, 16]],
        ),
        (
            f'<Ellipse X="10" Y="20" RadiusX="3" RadiusY="5">{QUARTER}</Ellipse>',
            Shape.ELLIPSE,
            [[75, 7], [85, 13]],
        ),
        (f'<Point X="10" Y="20">{EIGHTH}</Point>', Shape.POINT, [[-4, 22]]),
        ('<Point X="10" Y="20" Transform="matrix(1 0 0 1 5 6)"/>', Shape.POINT, [[15, 26]]),
        ('<Point X="10" Y="20" Transform="none"/>', Shape.POINT, [[10, 20]]),
    ],
)
def test_transforms(drawn: str, shape: Shape, ring: list[list[float]]) -> None:
    (found,), _ = parse(roi(drawn))
    assert found.shape is shape
    np.testing.assert_allclose(found.rings[0], ring, atol=1e-9)


def test_a_turned_ellipse_is_a_polygon_of_the_same_area() -> None:
    (found,), report = parse(roi(f'<Ellipse X="200" Y="20" RadiusX="60" RadiusY="30">{EIGHTH}</Ellipse>'))
    assert found.shape is Shape.POLYGON
    polygon = shapely.Polygon(found.rings[0])
    assert polygon.area == pytest.approx(np.pi * 60 * 30, rel=0.01)
    assert polygon.centroid.coords[0] == pytest.approx((200 * 0.8 - 20 * 0.6, 200 * 0.6 + 20 * 0.8))
    assert report.losses


@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_a_mask_becomes_exactly_its_pixels(compression: str) -> None:
    pixels = np.random.default_rng(3).random((13, 21)) < 0.6
    (found,), _ = parse(roi(mask(pixels, 100, 50, compression)))
    y, x = np.mgrid[:13, :21]
    count = np.zeros((13, 21), int)
    for ring, _hole in zip(found.rings, found.holes, strict=True):
        count += shapely.contains_xy(shapely.Polygon(ring), x + 100.5, y + 50.5)
    assert ((count % 2 == 1) == pixels).all()
    assert found.shape is Shape.MULTI_POLYGON


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        ('<Rectangle X="10" Y="20" Width="30"/>', "ROI 1, shape 1 .* no Height"),
        ('<Rectangle X="10" Y="20" Width="x" Height="2"/>', "Width is 'x'"),
        ('<Polygon Points="1,2 3"/>', "pairs"),
        ('<Polygon Points="1,2 a,b"/>', "not numbers"),
        ('<Polygon Points="1,2 nan,3"/>', "not finite"),
        ('<Polygon Points=""/>', "no Points"),
        ('<Point X="1" Y="2" TheZ="1.5"/>', "TheZ"),
        ('<Point X="1" Y="2" TheZ="99999999999"/>', "plane"),
        ('<Point X="1" Y="2" Transform="rotate(30)"/>', "transform"),
        ('<Point X="1" Y="2"><Transform A00="1"/></Point>', "A10"),
        (mask(np.ones((3, 3), bool)).replace('Width="3"', 'Width="300"'), "bytes instead of"),
        (
            mask(np.ones((3, 3), bool)).replace('Width="3"', 'Width="300000"').replace('ht="3"', 'ht="300000"'),
            "at most",
        ),
        (mask(np.ones((3, 3), bool)).replace('"none"', '"zlib"'), "decoded"),
        (mask(np.ones((3, 3), bool)).replace('"none"', '"lzma"'), "compression"),
        (mask(np.ones((3, 3), bool)).replace("</BinData>", "!</BinData>"), "decoded"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(drawn: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        parse(roi(drawn))


def test_a_compressed_mask_cannot_grow_beyond_what_it_claims() -> None:
    bomb = base64.b64encode(zlib.compress(bytes(200_000_000))).decode()
    drawn = f'<Mask X="0" Y="0" Width="8" Height="8"><BinData Compression="zlib">{bomb}</BinData></Mask>'
    with pytest.raises(Invalid, match="65 bytes instead of 8"):
        parse(roi(drawn))


def test_polygons_of_one_plane_are_one_annotation_and_shapes_of_several_planes_are_not() -> None:
    square, other = '<Polygon Points="0,0 9,0 9,9"/>', '<Polygon Points="20,0 29,0 29,9"/>'
    (found,), _ = parse(roi(square, other))
    assert (found.shape, len(found.rings), list(found.holes)) == (Shape.MULTI_POLYGON, 2, [False, False])
    planes = [square.replace("<Polygon", f'<Polygon TheZ="{z}"') for z in range(3)]
    found_3, _ = parse(roi(*planes))
    assert [each.frame for each in found_3] == [Frame(z=0), Frame(z=1), Frame(z=2)]
    mixed, _ = parse(roi(square, '<Point X="1" Y="2"/>'))
    assert [each.shape for each in mixed] == [Shape.POLYGON, Shape.POINT]
    overlapping, _ = parse(roi(square, '<Polygon Points="5,0 14,0 14,9"/>'))
    assert shapely.Polygon(overlapping[0].rings[0]).area == pytest.approx(40.5 * 2 - 16 / 2)


def test_labels_texts_colours_and_pairs() -> None:
    pairs = (
        '<StructuredAnnotations><MapAnnotation ID="Annotation:7"><Value><M K="grade">3</M><M K="who">me</M></Value>'
        "</MapAnnotation></StructuredAnnotations>"
    )
    named = roi('<Point X="1" Y="2" Text="note" StrokeColor="-16776961"/>', more='<AnnotationRef ID="Annotation:7"/>')
    unnamed = roi('<Point X="1" Y="2" Text="Mitosis"/>', name="", number=1)
    nothing = roi('<Point X="1" Y="2"/>', name="", number=2)
    (first, second, third), _ = parse(pairs, named, unnamed, nothing)
    assert (first.label, first.text, first.color) == ("Nucleus", "note", "#ff0000")
    assert first.attributes == {"grade": 3, "who": "me"}
    assert (second.label, second.text, third.label) == ("Mitosis", "", "ROI")


def test_rois_of_several_images_know_theirs() -> None:
    content = file(
        image(0, rois='<ROIRef ID="ROI:1"/>'),
        image(1, (900, 700), '<ROIRef ID="ROI:0"/>', "slide-2"),
        roi('<Point X="1" Y="2"/>', number=0),
        roi('<Point X="3" Y="4"/>', number=1),
    )
    found, _ = read(FORMAT, content, [IMAGE, SECOND])
    assert [each.image for each in found] == ["slide-2", "slide-1"]


def test_an_image_of_another_size_is_scaled_or_refused() -> None:
    (found,), report = read(
        FORMAT, file(image(size=(500, 375)), roi('<Rectangle X="10" Y="20" Width="5" Height="1"/>'))
    )
    assert np.asarray(found.rings[0]).tolist() == [[40, 80], [60, 84]]
    assert "scaled by 4" in report.warnings[0]
    with pytest.raises(Invalid, match="another image"):
        read(FORMAT, file(image(size=(500, 500)), roi('<Point X="1" Y="2"/>')))


def test_two_images_are_written_into_one_file() -> None:
    document = Document({7: EVERY_SHAPE[:3], 8: [annotation(99, Shape.POINT, [[[5, 6]]])]}, images=(IMAGE, SECOND))
    content, _ = written(FORMAT, document)
    found, _ = read(FORMAT, content, [IMAGE, SECOND])
    assert [each.image for each in found] == ["slide-1"] * 3 + ["slide-2"]
    root = ET.parse(io.BytesIO(content)).getroot()
    assert [len(each.findall(f"{{{NS}}}ROIRef")) for each in root.findall(f"{{{NS}}}Image")] == [3, 1]
    order = [each.tag.rpartition("}")[2] for each in root]
    assert order == ["Image", "Image", "StructuredAnnotations", "ROI", "ROI", "ROI", "ROI"]


def tiff(description: str) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, np.zeros((16, 16), np.uint8), description=description, metadata=None)
    return out.getvalue()


def test_regions_are_read_from_an_ome_tiff() -> None:
    content, _ = written(FORMAT, Document({IMAGE.id: EVERY_SHAPE}))
    text = tiff(content.decode().replace("µ", "u").encode("ascii", "xmlcharrefreplace").decode())
    assert FORMAT.sniff(text[:65536], "slide.tif") >= 90
    found, _ = read(FORMAT, text)
    by_uuid = {each.uuid: each for each in found}
    for expected in EVERY_SHAPE:
        if expected.text.isascii() and expected.author.isascii():
            same(replace(by_uuid[expected.uuid], label=expected.type.name), expected, 1e-6)


def test_a_tiff_without_ome_xml_and_a_broken_one_are_refused() -> None:
    with pytest.raises(Invalid, match="no OME-XML"):
        read(FORMAT, tiff("just a picture"))
    with pytest.raises(Invalid, match="cannot be read as TIFF"):
        read(FORMAT, b"II*\0\xff\xff\xff\xff")


@pytest.mark.data
def test_real_ome_tiffs_without_regions_are_read_as_such(shared_data: Path) -> None:
    files = sorted((shared_data / "01-wsi" / "frames").glob("*.ome.tif"))
    assert files
    for path in files:
        with tifffile.TiffFile(path) as opened:
            page = opened.pages[0]
            ours = replace(IMAGE, width=page.imagewidth, height=page.imagelength)
        with path.open("rb") as stream:
            assert FORMAT.sniff(stream.read(65536), path.name) >= 90
        assert read(FORMAT, path.read_bytes(), [ours])[0] == []
