"""Writes a whole slide as a scanner's software would: a DICOM series of tiled levels, made by wsidicom from pixels."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from pydicom.uid import JPEGBaseline8Bit, generate_uid
from wsidicom import ImageData, WsiDicom, WsiInstance
from wsidicom.codec import Encoder
from wsidicom.geometry import Point, PointMm, Size, SizeMm
from wsidicom.instance import WsiDataset
from wsidicom.metadata import (
    Equipment,
    Image,
    ImageCoordinateSystem,
    ImageType,
    Label,
    LossyCompression,
    OpticalPath,
    Patient,
    Pyramid,
    Series,
    Slide,
    SlideSample,
    Study,
    WsiMetadata,
)
from wsidicom.metadata.schema.dicom.wsi import WsiMetadataDicomSchema
from wsidicom.source import Source

TILE = 256


class _Pixels(ImageData):
    """The pixels of a scan in JPEG tiles, in colour."""

    def __init__(self, pixels: NDArray[np.uint8], mpp: float) -> None:
        self._pixels = pixels
        self._mm = mpp / 1000
        super().__init__(Encoder.create(JPEGBaseline8Bit, 8, "YBR_FULL_422"))

    transfer_syntax = property(lambda self: JPEGBaseline8Bit)
    image_size = property(lambda self: Size(self._pixels.shape[1], self._pixels.shape[0]))
    tile_size = property(lambda self: Size(TILE, TILE))
    pixel_spacing = property(lambda self: SizeMm(self._mm, self._mm))
    imaged_size = property(lambda self: SizeMm(*(side * self._mm for side in self._pixels.shape[1::-1])))
    samples_per_pixel = property(lambda self: 3)
    bits = property(lambda self: 8)
    photometric_interpretation = property(lambda self: "YBR_FULL_422")
    image_coordinate_system = property(lambda self: ImageCoordinateSystem(PointMm(0, 0), 0))
    thread_safe = property(lambda self: True)
    transcoder = property(lambda self: None)

    @property
    def lossy_compression(self) -> list[LossyCompression] | None:
        return None

    def get_decoded_tile(self, tile_point: Point, z: float, path: str, cache: bool = True) -> NDArray[np.uint8]:
        x, y = tile_point.x * TILE, tile_point.y * TILE
        part = self._pixels[y : y + TILE, x : x + TILE]
        return np.pad(part, ((0, TILE - part.shape[0]), (0, TILE - part.shape[1]), (0, 0)), mode="edge")

    def get_encoded_tile(self, tile: Point, z: float, path: str) -> bytes:
        out = BytesIO()
        Picture.fromarray(self.get_decoded_tile(tile, z, path)).save(out, "JPEG", quality=92, subsampling=1)
        return out.getvalue()


class _Scan(Source):
    """One scan of one slide, without label and overview."""

    def __init__(self, pixels: NDArray[np.uint8], mpp: float) -> None:
        super().__init__()
        path = OpticalPath("1")
        metadata = WsiMetadata(
            study=Study(uid=generate_uid()),
            series=Series(uid=generate_uid(), number=1),
            patient=Patient(name="Nobody^Real", identifier="0"),
            equipment=Equipment(manufacturer="Example"),
            slide=Slide(identifier="slide", samples=[SlideSample("sample", uid=generate_uid())]),
            pyramid=Pyramid(Image(), [path], uid=generate_uid()),
            label=Label(),
            frame_of_reference_uid=generate_uid(),
            dimension_organization_uids=[generate_uid()],
        )
        data = _Pixels(pixels, mpp)
        dataset = WsiMetadataDicomSchema().dump(metadata, ImageType.VOLUME)
        self._level = WsiInstance.create_instance(data, dataset, ImageType.VOLUME, 0)

    @property
    def base_dataset(self) -> WsiDataset:
        return self._level.dataset

    @property
    def level_instances(self) -> Iterable[WsiInstance]:
        return [self._level]

    label_instances = overview_instances = thumbnail_instances = annotation_instances = property(lambda self: [])

    def close(self) -> None:
        """Nothing is open."""


def write_dicom_slide(folder: Path, pixels: NDArray[np.uint8], mpp: float) -> list[Path]:
    """Write a slide with every level down to a single tile into a new folder; the files."""
    folder.mkdir(parents=True)
    with WsiDicom(_Scan(pixels, mpp)) as slide:
        return [Path(path) for path in slide.save(folder, workers=1, add_missing_levels=True)]
