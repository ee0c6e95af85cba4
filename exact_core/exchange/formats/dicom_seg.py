"""DICOM segmentations of slides: masks, read as exact polygons with holes along pixel edges.

A segment is a label; each connected part of it is an annotation. Binary, fractional (from half on) and label-map
segmentations are read, tiled fully or sparsely, strip by strip. The matrix of the segmentation may be that of a smaller
level: polygons are scaled to level 0. A mask has no single shapes, points or lines, so only areas are written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ExchangeImage, Format, ReadContext, ReadShape, Report, Ring
from exact_core.exchange.formats import dicom_objects as dicom
from exact_core.exchange.formats.dicom_seg_writing import WHAT, write_segmentation
from exact_core.exchange.mask_tracing import MaskTracer
from exact_core.exchange.numbers import read_object
from exact_core.exchange.slide_properties import image_of_file

MAX_SIDE = 1 << 22
MAX_FRAMES = 1 << 22
STRIP_PIXELS = 1 << 23
THRESHOLD = 0.5


def sniff(head: bytes, _file_name: str) -> int:
    return 100 if dicom.object_class(head) in (dicom.SEGMENTATION, dicom.LABEL_MAP) else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    highdicom, pydicom = dicom.packages()
    dicom.require_class(stream, (dicom.SEGMENTATION, dicom.LABEL_MAP), WHAT)
    image = image_of_file(context, WHAT)
    with dicom.telling(WHAT):
        _check(pydicom.dcmread(stream, stop_before_pixels=True))
        stream.seek(0)
        found = highdicom.seg.segread(stream, lazy_frame_retrieval=True)
        matrix = _Matrix(found)
    scale = _scale(matrix, image, context.report)
    if matrix.is_fractional:
        context.report.warn(f"The segmentation is fractional: pixels of {THRESHOLD:g} or more were taken as inside.")
    for segment in found.SegmentSequence:
        number = int(segment.SegmentNumber)
        if number:
            yield from _segment(matrix, segment, number, scale)


def _segment(matrix: _Matrix, segment: Any, number: int, scale: Ring) -> Iterator[ReadShape]:
    tracer = MaskTracer()
    for row, strip in matrix.strips(number):
        tracer.add(strip, row)
    label = (
        read_object(dicom.noted(segment)).get("label") or str(segment.get("SegmentLabel", "")) or f"segment {number}"
    )
    color = dicom.color_of_lab(segment.get("RecommendedDisplayCIELabValue"))
    for index, region in enumerate(tracer.regions(), start=1):
        yield ReadShape(
            place=f"segment {number}, region {index}",
            label=str(label),
            shape=Shape.POLYGON,
            rings=[ring * scale for ring in (region.outline, *region.holes)],
            holes=[False, *(True for _ in region.holes)],
            color=color,
        )


def _check(header: Any) -> None:
    """Refuse what would be built up to any size from a few numbers."""
    if "TotalPixelMatrixColumns" not in header:
        raise Invalid("The segmentation is of a volume or a single picture, not of a slide; only slides' can be read.")
    columns, rows = int(header.TotalPixelMatrixColumns), int(header.TotalPixelMatrixRows)
    tile = int(header.Columns), int(header.Rows)
    if min(columns, rows, *tile) < 1 or max(columns, rows) > MAX_SIDE:
        raise Invalid(f"The segmentation claims {columns} × {rows} pixels in tiles of {tile[0]} × {tile[1]}.")
    frames = int(header.NumberOfFrames)
    full = str(header.get("DimensionOrganizationType", "")) == "TILED_FULL"
    listed = MAX_FRAMES if full else len(header.get("PerFrameFunctionalGroupsSequence", []))
    if not 0 < frames <= min(listed, MAX_FRAMES):
        raise Invalid(f"The segmentation claims {frames} frames, and {listed} are described or can be read.")


class _Matrix:
    """The total pixel matrix of a segmentation, read in strips."""

    def __init__(self, found: Any) -> None:
        self._found = found
        self.columns, self.rows = int(found.TotalPixelMatrixColumns), int(found.TotalPixelMatrixRows)
        self.is_fractional = str(found.SegmentationType) == "FRACTIONAL"
        self._height = max(1, min(int(found.Rows), STRIP_PIXELS // self.columns))
        self._strips = self._occupied(int(found.Rows))

    def _occupied(self, tile_rows: int) -> dict[int, set[int]]:
        """For each segment the strips in which it has tiles; those of segment 0 count for all."""
        strips: dict[int, set[int]] = defaultdict(set)
        if str(self._found.get("DimensionOrganizationType", "")) == "TILED_FULL":
            strips[0] = set(range(-(-self.rows // self._height)))
            return strips
        for frame in self._found.PerFrameFunctionalGroupsSequence:
            segment = 0
            if "SegmentIdentificationSequence" in frame:
                segment = int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
            top = int(frame.PlanePositionSlideSequence[0].RowPositionInTotalImagePixelMatrix) - 1
            first, last = max(top, 0) // self._height, min(top + tile_rows, self.rows) - 1
            strips[segment].update(range(first, last // self._height + 1))
        return strips

    def strips(self, segment: int) -> Iterator[tuple[int, Any]]:
        """The first row and the mask of each strip that may hold pixels of a segment."""
        for strip in sorted(self._strips[segment] | self._strips[0]):
            top = strip * self._height
            with dicom.telling(WHAT):
                values = self._found.get_total_pixel_matrix(
                    row_start=top,
                    row_end=min(top + self._height, self.rows),
                    segment_numbers=[segment],
                    skip_overlap_checks=True,
                    as_indices=True,
                )[:, :, 0]
            yield top, values >= THRESHOLD if self.is_fractional else values != 0


def _scale(matrix: _Matrix, image: ExchangeImage, report: Report) -> Ring:
    """Level-0 pixels of a pixel of the matrix, across and down."""
    factor: Ring = np.array([image.width / matrix.columns, image.height / matrix.rows])
    # Smaller levels are rounded to whole pixels, so their sides may be off by one.
    slack = 2 / np.array([matrix.columns, matrix.rows]).min() + 0.001
    if abs(factor[0] / factor[1] - 1) > slack:
        raise Invalid(
            f"The segmentation is of {matrix.columns} × {matrix.rows} pixels and {image.name} of {image.width} × "
            f"{image.height}: that is another image or a part of it."
        )
    if (factor != 1).any():
        report.warn(
            f"The segmentation is of a level of {matrix.columns} × {matrix.rows} pixels: its polygons were scaled by "
            f"{factor[0]:.6g} and {factor[1]:.6g}."
        )
    return factor


FORMAT = Format(
    name="dicom-seg",
    title="DICOM Segmentation",
    extension=".dcm",
    media_type="application/dicom",
    one_image=True,
    sniff=sniff,
    read=read,
    write=write_segmentation,
)
