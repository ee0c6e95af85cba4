"""Tiles served as they lie in the file show exactly what the reader decodes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest
import pyvips
import simplejpeg
import tifffile
from PIL import Image

from exact_core.tiles.slide_file import SlideFile
from exact_core.tiles.tile_index import TileIndex
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid

AsSlide = Callable[[Path], SlideFile]


def _largest_difference(slide: SlideFile, expected: Callable[[int, int, int, int, int], np.ndarray]) -> int:
    """Compare every ready tile, decoded as a browser would, with the expected pixels."""
    index = TileIndex(Path(slide.index_path))
    descriptor = os.open(slide.path, os.O_RDONLY)
    worst = compared = 0
    for level in slide.levels:
        ready = index.levels.get(level.source_level) if level.native else None
        if ready is None:
            continue
        for row in range(ready.rows):
            for column in range(ready.columns):
                data = ready.read(descriptor, 0, column, row)
                assert data is not None
                x, y, width, height = level.box(column, row)
                shown = simplejpeg.decode_jpeg(data, colorspace="RGB")[:height, :width].astype(int)
                worst = max(worst, int(np.abs(shown - expected(level.source_level, x, y, width, height)).max()))
                compared += 1
    os.close(descriptor)
    assert compared
    return worst


def _openslide_pixels(path: Path) -> Callable[[int, int, int, int, int], np.ndarray]:
    slide = openslide.OpenSlide(path)

    def read(level: int, x: int, y: int, width: int, height: int) -> np.ndarray:
        scale = slide.level_downsamples[level]
        region = slide.read_region((round(x * scale), round(y * scale)), level, (width, height))
        return np.asarray(region.convert("RGB")).astype(int)

    return read


@pytest.mark.data
def test_tiles_of_a_real_slide_decode_to_openslides_pixels(shared_data: Path, as_slide: AsSlide) -> None:
    path = shared_data / "01-wsi" / "CMU-1-Small-Region.svs"
    assert _largest_difference(as_slide(path), _openslide_pixels(path)) == 0


@pytest.fixture(params=[80, 95])  # libvips writes YCbCr below 90 and RGB from there on, both without a marker
def vips_pyramid(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"vips-{request.param}.tif"
    pyvips.Image.new_from_array(tissue(1536, 2048)).copy(interpretation="srgb").tiffsave(
        str(path), tile=True, pyramid=True, tile_width=256, tile_height=256, compression="jpeg", Q=request.param
    )
    return path


def test_tiles_of_a_vips_pyramid_decode_to_openslides_pixels(vips_pyramid: Path, as_slide: AsSlide) -> None:
    slide = as_slide(vips_pyramid)
    assert len(TileIndex(Path(slide.index_path)).levels) == 4
    assert _largest_difference(slide, _openslide_pixels(vips_pyramid)) == 0


def test_the_colour_marker_makes_other_decoders_see_the_right_colours(vips_pyramid: Path, as_slide: AsSlide) -> None:
    """Pillow and browsers take three components for YCbCr where no marker says otherwise."""
    slide = as_slide(vips_pyramid)
    with tifffile.TiffFile(vips_pyramid) as tiff:
        is_rgb = tiff.pages[0].photometric == tifffile.PHOTOMETRIC.RGB
    assert is_rgb == ("95" in vips_pyramid.name)
    descriptor = os.open(vips_pyramid, os.O_RDONLY)
    data = TileIndex(Path(slide.index_path)).levels[0].read(descriptor, 0, 1, 1)
    os.close(descriptor)
    assert data is not None
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.info["adobe_transform"] == (0 if is_rgb else 1)
        shown = np.asarray(opened.convert("RGB")).astype(int)
    assert float(np.abs(shown - tissue(1536, 2048)[256:512, 256:512]).mean()) < 6


def test_a_tiled_ome_stack_keeps_its_tiles_plane_by_plane(tmp_path: Path, as_slide: AsSlide) -> None:
    planes = np.stack([tissue(600, 700, seed) for seed in (1, 2, 3)])
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(
        path, planes, tile=(256, 256), photometric="rgb", compression="jpeg", compressionargs={"level": 92},
        metadata={"axes": "ZYXS"}, ome=True,
    )  # fmt: skip
    slide = as_slide(path)
    assert slide.driver == "picture"
    ready = TileIndex(Path(slide.index_path)).levels[0]
    assert ready.planes == 3
    descriptor = os.open(path, os.O_RDONLY)
    for plane in range(3):
        data = ready.read(descriptor, plane, 0, 0)
        assert data is not None
        shown = simplejpeg.decode_jpeg(data, colorspace="RGB").astype(int)
        differences = [float(np.abs(shown - other[:256, :256]).mean()) for other in planes]
        assert differences.index(min(differences)) == plane
    os.close(descriptor)


def test_other_compressions_are_rendered(tmp_path: Path, as_slide: AsSlide) -> None:
    for compression in ("lzw", "deflate"):
        path = tmp_path / f"{compression}.tif"
        tifffile.imwrite(path, tissue(600, 700), tile=(256, 256), photometric="rgb", compression=compression)
        assert as_slide(path).index_path == ""


def test_tiles_whose_colours_the_file_misstates_are_rendered(tmp_path: Path, as_slide: AsSlide) -> None:
    """A file says RGB, but its tiles carry a marker that makes browsers see YCbCr: they would show wrong colours."""
    path = write_jpeg_pyramid(tmp_path / "plain.tif", tissue(512, 512), levels=1)
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        tiles = []
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            tiff.filehandle.seek(offset)
            tiles.append(tiff.filehandle.read(count))
        tables = page.jpegtables or b""
    jfif = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    lying = tmp_path / "lying.tif"
    tifffile.imwrite(
        lying, iter([tile[:2] + jfif + tile[2:] for tile in tiles]), shape=(512, 512, 3), dtype=np.uint8,
        tile=(256, 256), photometric="rgb", compression="jpeg", jpegtables=tables or None, metadata=None,
    )  # fmt: skip
    with tifffile.TiffFile(lying, mode="r+") as tiff:
        tiff.pages[0].tags["PhotometricInterpretation"].overwrite(2)
    assert as_slide(lying).index_path == ""


def test_a_tile_that_the_file_left_out_is_rendered(tmp_path: Path, as_slide: AsSlide) -> None:
    path = write_jpeg_pyramid(tmp_path / "sparse.tif", tissue(700, 900), levels=1)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tag = tiff.pages[0].tags["TileByteCounts"]
        counts = list(tag.value)
        counts[5] = 0
        tag.overwrite(counts)
    slide = as_slide(path)
    ready = TileIndex(Path(slide.index_path)).levels[0]
    descriptor = os.open(path, os.O_RDONLY)
    assert ready.read(descriptor, 0, 1, 1) is None
    assert ready.read(descriptor, 0, 0, 0) is not None
    os.close(descriptor)
