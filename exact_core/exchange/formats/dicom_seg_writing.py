"""Writing DICOM segmentations: one binary segment for each type, in sparse tiles, through temporary files."""

from __future__ import annotations

import copy
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExchangeImage, ExchangeType, ExportDocument, Report, Ring, WrittenShape
from exact_core.exchange.formats import dicom_objects as dicom
from exact_core.exchange.mask_drawing import draw
from exact_core.exchange.outlines import box_outline, ellipse_outline
from exact_core.exchange.rings import level0_rings

WHAT = "DICOM segmentation"
TILE = 512
MAX_TILES = 16_384
"""Of 32 KiB each, on disk while they are drawn."""
_AREAS = (Shape.BOX, Shape.ROTATED_BOX, Shape.ELLIPSE, Shape.POLYGON, Shape.MULTI_POLYGON)
_Tile = tuple[int, int, int]
"""Number of a segment, row and column of a tile."""


def write_segmentation(document: ExportDocument, stream: BinaryIO, report: Report) -> None:
    """Draw the areas of one image, at level 0 or, where that would be too much, at a smaller level."""
    _, pydicom = dicom.packages()
    image = document.images[0]
    areas = _Areas(document, image)
    factor, tiles = areas.planned()
    if factor > 1:
        report.warn(f"The mask is {factor} times smaller than level 0 on each side, as the areas are large.")
    types = areas.types or list(document.types)[:1]
    if not tiles:
        report.warn(f"{image.name} has no areas: its segmentation has one empty tile.")
        tiles = [(1, 0, 0)]
    with tempfile.TemporaryFile() as drawn, tempfile.TemporaryFile() as frames:
        slots = {tile: index for index, tile in enumerate(tiles)}
        drawn.truncate(len(tiles) * TILE * TILE // 8)
        canvas = np.memmap(drawn, np.uint8, "r+", shape=(len(tiles), TILE, TILE // 8))
        newest = _draw(document, image, areas, factor, slots, canvas, report)
        used = [tile for tile in tiles if canvas[slots[tile]].any()] or tiles[:1]
        digest = hashlib.sha256(f"{dicom.facts_of(document)}\0{image.name}\0{factor}".encode())
        for tile in used:
            content = canvas[slots[tile]].tobytes()
            digest.update(repr(tile).encode() + content)
            frames.write(content)
        del canvas
        frames.seek(0)
        made = _header(document, image, types, factor, digest.hexdigest(), report)
        _add_frames(made, used, factor, image)
        dicom.set_times(made, newest)
        made[0x7FE00010] = pydicom.DataElement(0x7FE00010, "OB", frames)
        dicom.save(made, stream)


class _Areas:
    """What of a document can be drawn."""

    def __init__(self, document: ExportDocument, image: ExchangeImage) -> None:
        self._document = document
        self._image = image
        self._boxes: list[tuple[int, int, int, int, int]] = []
        found: dict[int, ExchangeType] = {}
        extents: list[tuple[int, float, float, float, float]] = []
        for shape in document.shapes(image):
            if shape.geometry.shape in _AREAS:
                found[shape.type.id] = shape.type
                extents.append((shape.type.id, *_extent(outlines(shape))))
        self.types = [found[key] for key in sorted(found)]
        self.numbers = {type_.id: number for number, type_ in enumerate(self.types, 1)}
        self._extents = np.array(extents, np.float64).reshape(-1, 5)

    def planned(self) -> tuple[int, list[_Tile]]:
        """By how much the mask is smaller than level 0, and which tiles the areas may touch, in order."""
        factor = 1
        while True:
            tiles: set[_Tile] = set()
            for key, *box in self._extents.tolist():
                window = window_of(box, factor, self._image)
                number = self.numbers[int(key)]
                rows, columns = tile_range(window[1], window[3]), tile_range(window[0], window[2])
                tiles.update((number, row, column) for row in rows for column in columns)
                if len(tiles) > MAX_TILES:
                    break
            else:
                return factor, sorted(tiles)
            factor *= 2


def outlines(shape: WrittenShape) -> list[Ring]:
    """The rings of an area as polygons."""
    rings = level0_rings(shape.geometry)
    if shape.geometry.shape is Shape.BOX:
        return [box_outline(rings[0])]
    return [ellipse_outline(rings[0])] if shape.geometry.shape is Shape.ELLIPSE else rings


def _extent(rings: Sequence[Ring]) -> tuple[float, float, float, float]:
    vertices = np.concatenate(rings)
    (x0, y0), (x1, y1) = vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()
    return x0, y0, x1, y1


def window_of(box: Sequence[float], factor: int, image: ExchangeImage) -> tuple[int, int, int, int]:
    """The pixels of the mask that an area may touch: left, top, right, bottom; columns in whole bytes."""
    width, height = -(-image.width // factor), -(-image.height // factor)
    x0, y0 = max(int(box[0] // factor), 0), max(int(box[1] // factor), 0)
    x1, y1 = min(int(box[2] // factor) + 1, width), min(int(box[3] // factor) + 1, height)
    return x0 // 8 * 8, y0, max(x1, x0 // 8 * 8), max(y1, y0)


def tile_range(first: int, end: int) -> range:
    """The tiles of a range of pixels."""
    return range(first // TILE, -(-end // TILE)) if end > first else range(0)


def _draw(
    document: ExportDocument,
    image: ExchangeImage,
    areas: _Areas,
    factor: int,
    slots: dict[_Tile, int],
    canvas: Any,
    report: Report,
) -> datetime:
    newest = datetime(1970, 1, 1, tzinfo=UTC)
    for shape in document.shapes(image):
        newest = max(newest, shape.edited_at.astimezone(UTC))
        if shape.geometry.shape not in _AREAS:
            report.lose("points, lines, labels of whole images, what is absent: a mask has no place for them")
            continue
        report.lose("what tells shapes of one type apart, their texts, attributes, authors and identities: one mask")
        if shape.frame.z >= 0 or shape.frame.t >= 0 or shape.frame.c >= 0:
            report.lose("planes of stacks: the mask is of the whole slide")
        rings = [ring / factor for ring in outlines(shape)]
        box = np.array(_extent(rings)) * factor
        seen = False
        for row, column, mask in _pieces(rings, window_of(box.tolist(), factor, image)):
            seen = True
            top, left = row % TILE, column % TILE // 8
            tile = canvas[slots[areas.numbers[shape.type.id], row // TILE, column // TILE]]
            tile[top : top + mask.shape[0], left : left + mask.shape[1]] |= mask
        if not seen:
            report.lose("areas without the centre of a pixel of the mask: not in it")
    return newest


def _pieces(rings: Sequence[Ring], window: tuple[int, int, int, int]) -> Iterator[tuple[int, int, Any]]:
    """The drawing of an area cut at the borders of tiles: first row and column, and pixels, eight to a byte."""
    left, top, right, bottom = window
    width = -(-(right - left) // 8) * 8
    for band in tile_range(top, bottom):
        first, end = max(top, band * TILE), min(bottom, (band + 1) * TILE)
        mask = draw(rings, left, first, width, end - first)
        mask[:, right - left :] = 0  # beyond the border of the image
        if not mask.any():
            continue
        packed = np.packbits(mask, axis=1, bitorder="little")
        for column in tile_range(left, right):
            start, stop = max(left, column * TILE), min(left + width, (column + 1) * TILE)
            piece = packed[:, (start - left) // 8 : (stop - left) // 8]
            if piece.any():
                yield first, start, piece


def _header(
    document: ExportDocument,
    image: ExchangeImage,
    types: Sequence[ExchangeType],
    factor: int,
    content: str,
    report: Report,
) -> Any:
    """The segmentation with one frame for each segment, for the frames to be put into."""
    highdicom, pydicom = dicom.packages()
    source = dicom.source_image(image, document, report)
    if not image.mpp_x or not image.mpp_y:
        report.warn("The resolution of the image is not known: 1 µm per pixel was written, as DICOM asks for one.")
    spacing = ((image.mpp_y or 1.0) / 1000, (image.mpp_x or 1.0) / 1000)
    shared = pydicom.Dataset()
    shared.PixelMeasuresSequence = highdicom.PixelMeasuresSequence(spacing, slice_thickness=0.001)
    source.SharedFunctionalGroupsSequence = [shared]
    source.Rows = source.Columns = TILE
    source.NumberOfFrames = 1
    position = dicom.slide_position(image) or ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 1.0, 0.0, 0.0))
    facts = dicom.facts_of(document)
    names = [each.name for each in types] or ["nothing"]
    colors = [each.color for each in types] or ["#000000"]
    made = highdicom.seg.Segmentation(
        source_images=[source],
        pixel_array=np.ones((1, TILE, TILE, len(names)), np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=[
            _described(number, name, color) for number, (name, color) in enumerate(zip(names, colors, strict=True), 1)
        ],
        series_instance_uid=dicom.derived_uid("segmentation series", facts, image.id, image.name),
        series_number=1,
        sop_instance_uid=dicom.derived_uid("segmentation", image.id, content),
        instance_number=1,
        manufacturer="EXACT",
        manufacturer_model_name="EXACT",
        software_versions="2",
        device_serial_number="0",
        content_description=dicom.label_of(document.title),
        content_label="SEGMENTATION",
        pixel_measures=highdicom.PixelMeasuresSequence([side * factor for side in spacing], slice_thickness=0.001),
        plane_orientation=highdicom.PlaneOrientationSequence("SLIDE", position[1]),
        plane_positions=[
            highdicom.PlanePositionSequence("SLIDE", image_position=position[0], pixel_matrix_position=(1, 1))
        ],
        omit_empty_frames=False,
    )
    organization = dicom.derived_uid("dimensions", facts, image.id, content)
    for each in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        each.DimensionOrganizationUID = organization
    made.SegmentsOverlap = "UNDEFINED"
    return made


def _described(number: int, name: str, color: str) -> Any:
    highdicom, _ = dicom.packages()
    made = highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=dicom.label_of(name),
        segmented_property_category=dicom.category(),
        segmented_property_type=dicom.code_of(name),
        algorithm_type="MANUAL",
        display_color=dicom.lab_of(color),
    )
    if dicom.label_of(name) != name:
        dicom.note(made, {"label": name})
    return made


def _add_frames(made: Any, tiles: Sequence[_Tile], factor: int, image: ExchangeImage) -> None:
    """Say which segment and place each frame is of."""
    highdicom, _ = dicom.packages()
    made.TotalPixelMatrixColumns, made.TotalPixelMatrixRows = -(-image.width // factor), -(-image.height // factor)
    rows = {row: index for index, row in enumerate(sorted({row for _, row, _ in tiles}), 1)}
    columns = {column: index for index, column in enumerate(sorted({column for *_, column in tiles}), 1)}
    origin = made.TotalPixelMatrixOriginSequence[0]
    to_slide = highdicom.spatial.PixelToReferenceTransformer(
        [float(origin.XOffsetInSlideCoordinateSystem), float(origin.YOffsetInSlideCoordinateSystem), 0.0],
        [float(each) for each in made.ImageOrientationSlide],
        [float(each) for each in made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing],
    )
    template = made.PerFrameFunctionalGroupsSequence[0]
    frames = []
    for segment, row, column in tiles:
        frame = copy.deepcopy(template)
        if "SegmentIdentificationSequence" in frame:  # of a single segment it is said once for all frames
            frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = segment
        frame.FrameContentSequence[0].DimensionIndexValues = [segment, rows[row], columns[column]]
        place = frame.PlanePositionSlideSequence[0]
        x, y, _ = to_slide(np.array([[column * TILE, row * TILE]]))[0].tolist()
        place.XOffsetInSlideCoordinateSystem, place.YOffsetInSlideCoordinateSystem = _short(x), _short(y)
        place.ColumnPositionInTotalImagePixelMatrix = column * TILE + 1
        place.RowPositionInTotalImagePixelMatrix = row * TILE + 1
        frames.append(frame)
    made.PerFrameFunctionalGroupsSequence = frames
    made.NumberOfFrames = len(tiles)


def _short(value: float) -> str:
    """A number in the 16 characters of a decimal string."""
    return f"{value:.10g}"
