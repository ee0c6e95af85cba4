"""DICOM slides open as a file and as a folder."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from exact_core.tiles.decode_pool import DecodePool
from exact_core.tiles.frames import Frame
from exact_core.tiles.probe import ProbeReport
from exact_core.tiles.slide_file import SlideFile
from tests.core.tiles.pictures import tissue

pydicom = pytest.importorskip("pydicom")

_TILE = 256
_MPP = 0.0005  # millimetres


def _write_level(path: Path, pixels: np.ndarray, series: str, frame_of_reference: str, factor: int) -> None:
    """Write one level of a slide as a tiled DICOM file of JPEG frames."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage, generate_uid

    height, width = pixels.shape[:2]
    rows, columns = -(-height // _TILE), -(-width // _TILE)
    padded = np.pad(pixels, ((0, rows * _TILE - height), (0, columns * _TILE - width), (0, 0)), mode="edge")
    frames = []
    for row in range(rows):
        for column in range(columns):
            out = io.BytesIO()
            part = padded[row * _TILE : (row + 1) * _TILE, column * _TILE : (column + 1) * _TILE]
            Image.fromarray(part).save(out, "JPEG", quality=92, subsampling=1)
            frames.append(out.getvalue())
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SOPClassUID, data.SOPInstanceUID = (
        VLWholeSlideMicroscopyImageStorage,
        data.file_meta.MediaStorageSOPInstanceUID,
    )
    data.SeriesInstanceUID, data.StudyInstanceUID = series, generate_uid()
    data.FrameOfReferenceUID, data.Modality = frame_of_reference, "SM"
    data.PatientName, data.PatientID = "Nobody^Real", "0"
    data.ContentDate = datetime.date(2026, 1, 1).strftime("%Y%m%d")
    kind = "NONE" if factor == 1 else "RESAMPLED"
    data.ImageType = ["ORIGINAL" if factor == 1 else "DERIVED", "PRIMARY", "VOLUME", kind]
    data.Rows = data.Columns = _TILE
    data.NumberOfFrames, data.SamplesPerPixel, data.PlanarConfiguration = len(frames), 3, 0
    data.PhotometricInterpretation = "YBR_FULL_422"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = width, height
    data.DimensionOrganizationType = "TILED_FULL"
    data.TotalPixelMatrixFocalPlanes, data.NumberOfOpticalPaths = 1, 1
    path_item = Dataset()
    path_item.OpticalPathIdentifier = "1"
    data.OpticalPathSequence = [path_item]
    measures = Dataset()
    measures.PixelSpacing = [_MPP * factor, _MPP * factor]
    measures.SliceThickness = 0.001
    shared = Dataset()
    shared.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PixelData = encapsulate(frames, has_bot=True)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    data.save_as(path, enforce_file_format=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from pydicom.uid import generate_uid

    folder = tmp_path / "slide"
    folder.mkdir()
    series, frame_of_reference = generate_uid(), generate_uid()
    pixels = tissue(1100, 1500)
    for number, factor in enumerate((1, 4)):
        _write_level(folder / f"level{number}.dcm", pixels[::factor, ::factor], series, frame_of_reference, factor)
    return folder


@pytest.mark.parametrize("name", ["", "level0.dcm"])
def test_a_dicom_slide_opens_as_folder_and_as_file(
    folder: Path,
    probe: Callable[[Path], ProbeReport],
    pool: DecodePool,
    as_slide: Callable[[Path], SlideFile],
    name: str,
) -> None:
    path = folder / name if name else folder
    report = probe(path)
    assert not report.unreadable, report.unreadable
    assert (report.width, report.height, report.vendor) == (1500, 1100, "dicom")
    assert report.mpp_x == pytest.approx(0.5)
    assert [level["downsample"] for level in report.levels] == pytest.approx([1, 4], rel=0.01)
    slide = as_slide(path)
    shown = pool.region_now(slide, Frame(), 300, 200, 500, 400)
    assert float(np.abs(shown.astype(int) - tissue(1100, 1500)[200:600, 300:800]).mean()) < 3
    with openslide.OpenSlide(folder / "level0.dcm") as opened:
        expected = np.asarray(opened.read_region((300, 200), 0, (500, 400)).convert("RGB"))
    assert np.array_equal(shown, expected)


@pytest.mark.parametrize("damage", ["missing", "short", "huge"])
def test_damaged_pixel_data_is_a_reason(folder: Path, probe: Callable[[Path], ProbeReport], damage: str) -> None:
    path = folder / "level0.dcm"
    (folder / "level1.dcm").unlink()
    content = path.read_bytes()
    start = content.index(b"\xe0\x7f\x10\x00")
    if damage == "missing":
        path.write_bytes(content[:start])
    elif damage == "short":
        path.write_bytes(content[: start + (len(content) - start) // 2])
    else:
        data = pydicom.dcmread(path)
        data.TotalPixelMatrixColumns = data.TotalPixelMatrixRows = 2**31 - 1
        data.save_as(path)
    assert probe(path).unreadable
