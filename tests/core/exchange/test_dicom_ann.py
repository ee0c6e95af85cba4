"""DICOM bulk annotations: a real file, our files read by highdicom alone, millimetres, and damaged files."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import openslide
import pydicom
import pytest
from highdicom.ann import AnnotationGroup, Measurements, MicroscopyBulkSimpleAnnotations
from pydicom.sr.codedict import codes

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid, Unavailable
from exact_core.exchange.document import ExchangeImage, ReadShape, Report
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import (
    CELL,
    EVERY_SHAPE,
    IMAGE,
    TUMOR,
    WITH_FRACTIONS,
    Document,
    annotation,
    read,
    same,
    written,
)
from tests.platform.dicom_slide import write_dicom_slide

FORMAT = built_in("dicom-ann")
TINY = ExchangeImage(1, "tiny", 50, 50, 500.0, 500.0)


@pytest.fixture
def source(shared_data: Path) -> pydicom.Dataset:
    """A real slide of 50 x 50 pixels."""
    return pydicom.dcmread(shared_data / "01-wsi" / "dicom-tiny" / "sm_image.dcm")


def made(source: pydicom.Dataset, *groups: AnnotationGroup, kind: str = "2D", **more: Any) -> bytes:
    """What another program would write, through highdicom."""
    found = MicroscopyBulkSimpleAnnotations(
        [source], kind, groups, "2.25.1", 1, "2.25.2", 1, "Maker", "Model", "1", "0", **more
    )
    out = io.BytesIO()
    found.save_as(out)
    return out.getvalue()


def group(kind: str, *data: Any, number: int = 1, label: str = "nuclei", **more: Any) -> AnnotationGroup:
    return AnnotationGroup(
        number,
        f"2.25.{number + 10}",
        label,
        codes.SCT.AnatomicalStructure,
        codes.SCT.Nucleus,
        kind,
        [np.array(each, np.float64) for each in data],
        "MANUAL",
        **more,
    )


@pytest.mark.data
def test_a_real_file_is_read_as_highdicom_reads_it(shared_data: Path) -> None:
    path = shared_data / "01-wsi" / "dicom-tiny" / "sm_annotations.dcm"
    found, report = read(FORMAT, path.read_bytes(), [TINY])
    expected = highdicom.ann.annread(path)
    rings = [ring for each in expected.get_annotation_groups() for ring in each.get_graphic_data("2D")]
    assert [each.shape for each in found] == [Shape.POINT] * 2
    assert [np.asarray(each.rings[0]).tolist() for each in found] == [ring.tolist() for ring in rings]
    names, values, units = expected.get_annotation_groups()[0].get_measurements()
    assert [each.attributes for each in found] == [{names[0].meaning: float(row[0])} for row in values]
    assert {each.label for each in found} == {"nuclei"}
    assert units[0].meaning in report.warnings[0]


@pytest.mark.data
def test_every_kind_of_graphic(source: pydicom.Dataset) -> None:
    content = made(
        source,
        group("POINT", [[1.5, 2.5]]),
        group("RECTANGLE", [[1, 2], [9, 2], [9, 7], [1, 7]], [[5, 0], [10, 5], [5, 10], [0, 5]], number=2),
        group("ELLIPSE", [[0, 5], [20, 5], [10, 2], [10, 8]], [[10, 0], [10, 20], [8, 10], [12, 10]], number=3),
        group("POLYLINE", [[0, 0], [1, 2]], [[0, 0], [1, 2], [3, 4]], number=4),
        group("POLYGON", [[0, 0], [9, 0], [9, 9]], [[20, 20], [30, 20], [30, 30], [20, 30]], number=5, label="x"),
    )
    found, report = read(FORMAT, content, [TINY])
    assert [each.shape for each in found] == [
        Shape.POINT,
        Shape.BOX,
        Shape.ROTATED_BOX,
        Shape.ELLIPSE,
        Shape.ELLIPSE,
        Shape.LINE,
        Shape.POLYLINE,
        Shape.POLYGON,
        Shape.POLYGON,
    ]
    rings = [np.asarray(each.rings[0]).tolist() for each in found]
    assert rings[1] == [[1, 2], [9, 7]]
    assert rings[3] == [[0, 2], [20, 8]]
    assert rings[4] == [[8, 0], [12, 20]]
    assert rings[8] == [[20, 20], [30, 20], [30, 30], [20, 30]]
    assert [each.place for each in found[-2:]] == [f"annotation group 5, annotation {number}" for number in (1, 2)]
    assert not report.losses


@pytest.mark.data
def test_a_turned_ellipse_is_a_polygon(source: pydicom.Dataset) -> None:
    content = made(source, group("ELLIPSE", [[17, 11], [33, 39], [32, 21], [18, 29]]))
    (found,), report = read(FORMAT, content, [TINY])
    assert found.shape is Shape.POLYGON
    assert np.asarray(found.rings[0]).mean(axis=0).tolist() == pytest.approx([25, 25])
    assert report.losses


@pytest.mark.data
def test_measurements_that_some_annotations_lack_are_attributes_of_the_others(source: pydicom.Dataset) -> None:
    values = np.array([np.nan, 7.5])
    measured = [Measurements(codes.SCT.Area, values, codes.UCUM.SquareMicrometer)]
    content = made(source, group("POINT", [[1, 2]], [[3, 4]], measurements=measured))
    found, _ = read(FORMAT, content, [TINY])
    assert [each.attributes for each in found] == [{}, {"Area": 7.5}]


@pytest.mark.data
def test_millimetres_are_placed_by_where_the_image_lies_on_the_slide(tmp_path: Path) -> None:
    """A slide written by wsidicom and opened by OpenSlide, annotated in millimetres by highdicom."""
    pixels = np.zeros((300, 400, 3), np.uint8)
    files = write_dicom_slide(tmp_path / "slide", pixels, 0.5)
    level0 = next(each for each in map(pydicom.dcmread, files) if each.TotalPixelMatrixColumns == 400)
    to_slide = highdicom.spatial.ImageToReferenceTransformer.for_image(level0, for_total_pixel_matrix=True)
    corners = np.array([[10.0, 20.0], [110.0, 20.0], [60.0, 90.5]])
    content = made(level0, group("POLYGON", to_slide(corners)), kind="3D")
    with openslide.OpenSlide(files[0]) as opened:
        image = ExchangeImage(1, "S", 400, 300, 0.5, 0.5, properties=dict(opened.properties))
    (found,), _ = read(FORMAT, content, [image])
    np.testing.assert_allclose(found.rings[0], corners, atol=1e-6)
    with pytest.raises(Invalid, match="not known where on it"):
        read(FORMAT, content, [replace(image, properties={})])


@pytest.mark.data
def test_coordinates_of_single_frames_are_refused_and_another_slide_is_told(source: pydicom.Dataset) -> None:
    content = made(source, group("POINT", [[1, 2]]), pixel_origin_interpretation="FRAME")
    with pytest.raises(Invalid, match="single frames"):
        read(FORMAT, content, [TINY])
    content = made(source, group("POINT", [[1, 2]]))
    other = ExchangeImage(1, "S", 50, 50, properties={"dicom.SOPInstanceUID": "2.25.3"})
    same_one = ExchangeImage(1, "S", 50, 50, properties={"dicom.SOPInstanceUID": str(source.SOPInstanceUID)})
    assert "another DICOM object" in read(FORMAT, content, [other])[1].warnings[0]
    assert read(FORMAT, content, [same_one])[1].warnings == []


def of_highdicom(content: bytes) -> tuple[Any, dict[tuple[str, str], Any]]:
    found = highdicom.ann.annread(io.BytesIO(content))
    return found, {(each.label, each.graphic_type.value): each for each in found.get_annotation_groups()}


def test_highdicom_reads_what_we_write() -> None:
    content, report = written(FORMAT, Document({IMAGE.id: [*EVERY_SHAPE, *WITH_FRACTIONS]}))
    found, groups = of_highdicom(content)
    assert found.SOPClassUID == "1.2.840.10008.5.1.4.1.1.91.1"
    assert (found.AnnotationCoordinateType, found.PixelOriginInterpretation) == ("2D", "VOLUME")
    points = groups[CELL.name, "POINT"].get_graphic_data("2D")
    assert [each.tolist() for each in points] == [[[10, 20]]]
    points = groups[TUMOR.name, "POINT"].get_graphic_data("2D")
    assert [each.tolist() for each in points] == [[[11, 21]], [[10.25, 20.5]]]
    ellipses = groups[TUMOR.name, "ELLIPSE"].get_graphic_data("2D")
    assert ellipses[0].tolist() == [[100, 120], [180, 120], [140, 100], [140, 140]]
    holes = groups[f"{TUMOR.name}_hole", "POLYGON"]
    assert holes.number_of_annotations == sum(sum(each.geometry.ring_holes) for each in [*EVERY_SHAPE, *WITH_FRACTIONS])
    names, values, _ = groups[TUMOR.name, "RECTANGLE"].get_measurements()
    assert [name.meaning for name in names] == ["grade"]
    assert values[0, 0] == 2
    assert groups[CELL.name, "POINT"].annotated_property_type.meaning == CELL.name
    assert "derived" in report.warnings[0]


def test_coordinates_that_single_precision_cannot_hold_are_stored_in_double() -> None:
    bits, places = 8, [[100_000.00390625, 70_000.5]]
    expected = annotation(1, Shape.POINT, [places], bits=bits)
    content, _ = written(FORMAT, Document({IMAGE.id: [expected]}))
    found, groups = of_highdicom(content)
    assert groups[TUMOR.name, "POINT"].get_graphic_data("2D")[0].tolist() == places
    assert "DoublePointCoordinatesData" in found.AnnotationGroupSequence[0]


def test_the_identities_of_the_slide_are_written_where_they_are_known_and_no_patient() -> None:
    names = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
    properties = {f"dicom.{name}": f"1.2.3.{index}" for index, name in enumerate(names)}
    image = ExchangeImage(
        IMAGE.id, "slide-1", 2000, 1500, 0.25, 0.25, properties=properties, file_name="Smith^John.dcm"
    )
    content, report = written(FORMAT, Document({IMAGE.id: EVERY_SHAPE[:1]}, images=(image,)))
    found = pydicom.dcmread(io.BytesIO(content))
    assert found.StudyInstanceUID == "1.2.3.0"
    assert found.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.1"
    assert found.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3.2"
    assert report.warnings == []
    assert b"Smith" not in content
    assert (found.PatientID, str(found.PatientName)) == ("", "")


def test_identities_follow_from_the_content() -> None:
    uids = set()
    for shapes in (EVERY_SHAPE[:1], EVERY_SHAPE[:1], EVERY_SHAPE[:2], [replace(EVERY_SHAPE[0], text="other")]):
        content, _ = written(FORMAT, Document({IMAGE.id: shapes}))
        uid = str(pydicom.dcmread(io.BytesIO(content)).SOPInstanceUID)
        assert uid.startswith("2.25.")
        assert int(uid[5:]) < 2**128
        uids.add(uid)
    assert len(uids) == 3


def test_long_and_odd_names_come_back_whole() -> None:
    odd = replace(TUMOR, name="a\\b " + "long " * 30)
    expected = annotation(
        1, Shape.POINT, [[[1, 2]]], type=odd, text="back\\slash", attributes={"p\\q" * 40: 1.1, "é": "ü"}
    )
    content, _ = written(FORMAT, Document({IMAGE.id: [expected]}))
    (found,), _ = read(FORMAT, content)
    attributes = {name: value for name, value in found.attributes.items() if name in expected.attributes}
    same(replace(found, attributes=attributes), expected)


@pytest.mark.data
def test_damaged_files_are_refused(source: pydicom.Dataset) -> None:
    whole = made(source, group("POLYGON", [[0, 0], [9, 0], [9, 9]], [[20, 20], [30, 20], [30, 30]]))
    rng = np.random.default_rng(1)
    for cut in range(0, len(whole), 97):
        _refused_or_read(whole[:cut])
    for _ in range(300):
        broken = bytearray(whole)
        for at in rng.integers(200, len(whole), 3):
            broken[at] = rng.integers(256)
        _refused_or_read(bytes(broken))


def _refused_or_read(content: bytes) -> list[ReadShape]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read(FORMAT, content, [TINY])[0]
        except Invalid:
            return []


@pytest.mark.data
def test_hostile_files_are_refused(source: pydicom.Dataset) -> None:
    whole = made(source, group("POLYGON", [[0, 0], [9, 0], [9, 9]]))
    more = pydicom.dcmread(io.BytesIO(whole))
    more.AnnotationGroupSequence[0].NumberOfAnnotations = 4_000_000_000
    nan = pydicom.dcmread(io.BytesIO(whole))
    nan.AnnotationGroupSequence[0].DoublePointCoordinatesData = np.full(6, np.nan).tobytes()
    index = pydicom.dcmread(io.BytesIO(whole))
    index.AnnotationGroupSequence[0].LongPrimitivePointIndexList = np.array([1, 2**31 - 1], np.int32).tobytes()
    for changed, message in ((more, "4000000000"), (nan, "not finite"), (index, "annotations")):
        out = io.BytesIO()
        changed.save_as(out)
        with pytest.raises(Invalid, match=message):
            read(FORMAT, out.getvalue(), [TINY])
    deflated = whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"[:20], 1)
    with pytest.raises(Invalid):
        read(FORMAT, deflated[:200] + b"1.2.840.10008.1.2.1.99" + deflated[200:], [TINY])
    for content, message in ((b"", "empty"), (b"no" * 500, "not DICOM")):
        with pytest.raises(Invalid, match=message):
            read(FORMAT, content, [TINY])


@pytest.mark.parametrize("name", ["dicom-ann", "dicom-seg"])
def test_without_its_packages_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    format_ = built_in(name)
    assert format_.write is not None
    with pytest.raises(Unavailable, match=r"exact-core\[dicom\]"):
        format_.write(Document({IMAGE.id: EVERY_SHAPE[:1]}), io.BytesIO(), Report())
    with pytest.raises(Unavailable, match=r"exact-core\[dicom\]"):
        read(format_, b"x")
