"""DICOM segmentations: real masks pixel by pixel, every kind of them, our own read by highdicom, and damaged files."""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
import shapely
from highdicom.seg import Segmentation, SegmentDescription
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.sr.codedict import codes

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ExchangeImage, ReadShape, WrittenShape
from exact_core.exchange.formats import dicom_seg_writing
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import (
    CELL,
    EVERY_SHAPE,
    IMAGE,
    TUMOR,
    Document,
    annotation,
    any_annotation,
    places,
    read,
    written,
)

FORMAT = built_in("dicom-seg")
TINY = ExchangeImage(1, "tiny", 50, 50, 500.0, 500.0)
REAL = ["control", "control_labelmap", "control_labelmap_palette_color", "dots", "dots_tiled_full", "numbers"]


def masks_of(shapes: list[ReadShape], size: tuple[int, int]) -> dict[str, np.ndarray]:
    """The pixels of each segment, drawn by shapely from the polygons; no pixel in two regions of one segment."""
    y, x = np.mgrid[: size[0], : size[1]]
    masks: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(size, int))
    for each in shapes:
        polygon = shapely.Polygon(each.rings[0], each.rings[1:])
        assert polygon.is_valid
        assert list(each.holes) == [False] + [True] * (len(each.rings) - 1)
        masks[each.place.partition(",")[0]] += shapely.contains_xy(polygon, x + 0.5, y + 0.5)
    return dict(masks)


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_a_real_mask_is_read_pixel_by_pixel(shared_data: Path, name: str) -> None:
    path = shared_data / "01-wsi" / "dicom-tiny" / f"seg_image_sm_{name}.dcm"
    found, report = read(FORMAT, path.read_bytes(), [TINY])
    expected = highdicom.seg.segread(path)
    matrix = expected.get_total_pixel_matrix()
    masks = masks_of(found, (50, 50))
    assert len(masks) > 5
    labels = {each.place.partition(",")[0]: each.label for each in found}
    for index, number in enumerate(expected.segment_numbers):
        mask = masks.get(f"segment {number}", np.zeros((50, 50), int))
        assert (mask == matrix[:, :, index]).all()
        if mask.any():
            assert labels[f"segment {number}"] == expected.get_segment_description(number).segment_label
    assert report.warnings == []


@pytest.fixture
def source(shared_data: Path) -> pydicom.Dataset:
    """A real slide of 50 x 50 pixels."""
    return pydicom.dcmread(shared_data / "01-wsi" / "dicom-tiny" / "sm_image.dcm")


def made(source: pydicom.Dataset, pixels: np.ndarray, kind: str, count: int = 1, **more: Any) -> bytes:
    """What another program would write, through highdicom."""
    descriptions = [
        SegmentDescription(n, f"tissue {n}", codes.SCT.Tissue, codes.SCT.ConnectiveTissue, "MANUAL")
        for n in range(1, count + 1)
    ]
    found = Segmentation(
        [source],
        pixels,
        kind,
        descriptions,
        "2.25.1",
        1,
        "2.25.2",
        1,
        "M",
        "M",
        "1",
        "0",
        tile_pixel_array=True,
        **more,
    )
    out = io.BytesIO()
    found.save_as(out)
    return out.getvalue()


@pytest.mark.data
@pytest.mark.parametrize("organization", ["TILED_FULL", "TILED_SPARSE"])
def test_masks_of_both_tilings(source: pydicom.Dataset, organization: str) -> None:
    pixels = np.random.default_rng(4).random((50, 50)) < 0.5
    pixels[20:30] = False  # a row of tiles that is not stored
    more = {"dimension_organization_type": organization, "omit_empty_frames": organization == "TILED_SPARSE"}
    content = made(source, pixels.astype(np.uint8)[None], "BINARY", **more)
    found, _ = read(FORMAT, content, [TINY])
    assert (masks_of(found, (50, 50))["segment 1"] == pixels).all()
    assert {each.label for each in found} == {"tissue 1"}


@pytest.mark.data
def test_a_fractional_mask_is_cut_at_half_and_says_so(source: pydicom.Dataset) -> None:
    pixels = np.random.default_rng(4).random((50, 50)).astype(np.float32)
    content = made(source, pixels[None], "FRACTIONAL", max_fractional_value=200)
    found, report = read(FORMAT, content, [TINY])
    expected = highdicom.seg.segread(io.BytesIO(content)).get_total_pixel_matrix()[:, :, 0] >= 0.5
    assert (masks_of(found, (50, 50))["segment 1"] == expected).all()
    assert "0.5" in report.warnings[0]


@pytest.mark.data
def test_a_mask_of_a_smaller_level_is_scaled(source: pydicom.Dataset) -> None:
    pixels = np.zeros((50, 50), np.uint8)
    pixels[10:20, 5:25] = 1
    content = made(source, pixels[None], "BINARY")
    level0 = replace(TINY, width=201, height=199)
    (found,), report = read(FORMAT, content, [level0])
    np.testing.assert_allclose(found.rings[0].min(axis=0), [5 * 4.02, 10 * 3.98])
    assert "scaled by 4.02 and 3.98" in report.warnings[0]
    with pytest.raises(Invalid, match="another image"):
        read(FORMAT, content, [replace(TINY, width=300)])


@pytest.mark.data
def test_the_volume_of_a_scanner_is_refused(source: pydicom.Dataset) -> None:
    changed = pydicom.dcmread(io.BytesIO(made(source, np.ones((1, 50, 50), np.uint8), "BINARY")))
    del changed.TotalPixelMatrixColumns
    out = io.BytesIO()
    changed.save_as(out)
    with pytest.raises(Invalid):
        read(FORMAT, out.getvalue(), [TINY])


def expected_mask(shapes: list[WrittenShape], image: ExchangeImage = IMAGE) -> np.ndarray:
    """The union of the areas by centres of pixels, drawn by shapely."""
    mask = np.zeros((image.height, image.width), bool)
    for each in shapes:
        rings = places(each.geometry)
        if each.geometry.shape is Shape.BOX:
            polygon = shapely.box(*rings[0][0], *rings[0][1])
        elif each.geometry.shape is Shape.MULTI_POLYGON:
            polygon = shapely.Polygon()
            for ring, hole in zip(rings, each.geometry.ring_holes, strict=True):
                part = shapely.Polygon(ring)
                polygon = polygon.difference(part) if hole else polygon.union(part)
        else:
            polygon = shapely.Polygon(rings[0], rings[1:])
        x0, y0, x1, y1 = (int(value) for value in polygon.bounds)
        y, x = np.mgrid[max(y0, 0) : min(y1 + 1, image.height), max(x0, 0) : min(x1 + 1, image.width)]
        inside = shapely.contains_xy(polygon, x + 0.5, y + 0.5)
        mask[max(y0, 0) : min(y1 + 1, image.height), max(x0, 0) : min(x1 + 1, image.width)] |= inside
    return mask


def test_highdicom_reads_the_masks_that_we_write() -> None:
    areas = [each for each in EVERY_SHAPE if each.id in (2, 7, 8, 9, 10, 11, 14)]
    content, report = written(FORMAT, Document({IMAGE.id: [*areas, EVERY_SHAPE[0], EVERY_SHAPE[11]]}))
    found = highdicom.seg.segread(io.BytesIO(content))
    assert found.segment_numbers == range(1, 3) or list(found.segment_numbers) == [1, 2]
    labels = [found.get_segment_description(number).segment_label for number in (1, 2)]
    assert labels == [TUMOR.name, CELL.name]
    matrix = found.get_total_pixel_matrix()
    assert matrix.shape == (1500, 2000, 2)
    for index, type_ in enumerate((TUMOR, CELL)):
        differ = matrix[:, :, index] != expected_mask([each for each in areas if each.type is type_])
        assert differ.sum() <= 3  # centres that lie exactly on an edge
    losses = report.to_json()["losses"]
    assert {each["count"] for each in losses} == {7, 2, 1}


def test_masks_that_we_write_come_back_exactly() -> None:
    squares = [annotation(n, Shape.BOX, [[[n * 100, n * 90], [n * 100 + 60, n * 90 + 700]]]) for n in range(1, 8)]
    ring = annotation(
        9,
        Shape.POLYGON,
        [[[1500, 10], [1990, 10], [1990, 500], [1500, 500]], [[1600, 100], [1600, 200], [1700, 200], [1700, 100]]],
    )
    content, _ = written(FORMAT, Document({IMAGE.id: [*squares, ring]}))
    found, report = read(FORMAT, content)
    area = sum(shapely.Polygon(each.rings[0], each.rings[1:]).area for each in found)
    assert area == expected_mask([*squares, ring]).sum()
    hole = next(each for each in found if len(each.rings) == 2)
    assert np.asarray(hole.rings[0]).tolist() == [[1500, 10], [1990, 10], [1990, 500], [1500, 500]]
    assert report.warnings == []


SMALL = replace(IMAGE, width=150, height=90)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shapes=st.lists(any_annotation(), min_size=1, max_size=3))
def test_any_areas_give_a_readable_mask(shapes: list[WrittenShape]) -> None:
    content, _ = written(FORMAT, Document({SMALL.id: shapes}, images=(SMALL,)))
    found, _ = read(FORMAT, content, [SMALL])
    for each in found:
        ring = np.asarray(each.rings[0])
        assert (ring >= 0).all()
        assert (ring <= [150, 90]).all()


def test_areas_too_large_for_level_0_give_a_smaller_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_seg_writing, "MAX_TILES", 4)
    large = annotation(1, Shape.BOX, [[[40, 40], [1960, 1440]]])
    content, report = written(FORMAT, Document({IMAGE.id: [large]}))
    assert any("2 times smaller" in each or "4 times smaller" in each for each in report.warnings)
    (found,), _ = read(FORMAT, content)
    np.testing.assert_allclose(found.rings[0], [[40, 40], [1960, 40], [1960, 1440], [40, 1440]], atol=4)


def test_areas_across_many_tiles_and_at_the_borders_are_whole() -> None:
    image = replace(IMAGE, width=1301, height=1103)
    whole = annotation(1, Shape.BOX, [[[0, 0], [1301, 1103]]])
    content, _ = written(FORMAT, Document({image.id: [whole]}, images=(image,)))
    (found,), _ = read(FORMAT, content, [image])
    assert np.asarray(found.rings[0]).tolist() == [[0, 0], [1301, 0], [1301, 1103], [0, 1103]]


def test_an_image_without_areas_has_an_empty_mask() -> None:
    for shapes in ([], [EVERY_SHAPE[0]]):
        content, report = written(FORMAT, Document({IMAGE.id: shapes}))
        assert read(FORMAT, content)[0] == []
        assert any("no areas" in each for each in report.warnings)


@pytest.mark.data
def test_damaged_files_are_refused_or_read(shared_data: Path) -> None:
    whole = (shared_data / "01-wsi" / "dicom-tiny" / "seg_image_sm_numbers.dcm").read_bytes()
    rng = np.random.default_rng(2)
    broken = [whole[:cut] for cut in range(0, len(whole), 1499)]
    for _ in range(40):
        copy = bytearray(whole)
        for at in rng.integers(300, len(whole), 4):
            copy[at] = rng.integers(256)
        broken.append(bytes(copy))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for content in broken:
            try:
                read(FORMAT, content, [TINY])
            except Invalid:
                continue


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TotalPixelMatrixColumns", 4_000_000_000),
        ("TotalPixelMatrixRows", 0),
        ("Rows", 0),
        ("NumberOfFrames", 100_000_000),
        ("SegmentationType", "WRONG"),
    ],
)
def test_hostile_numbers_are_refused(source: pydicom.Dataset, name: str, value: Any) -> None:
    changed = pydicom.dcmread(io.BytesIO(made(source, np.ones((1, 50, 50), np.uint8), "BINARY")))
    setattr(changed, name, value)
    out = io.BytesIO()
    changed.save_as(out)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Invalid):
            read(FORMAT, out.getvalue(), [TINY])
