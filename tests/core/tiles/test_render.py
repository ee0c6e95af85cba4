"""Rendered pixels: frames, channels, levels that the file lacks, regions, thumbnails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest
import simplejpeg
import tifffile
from PIL import Image

from exact_core.api.errors import Invalid, NotFound
from exact_core.tiles.decode_pool import DecodePool
from exact_core.tiles.frames import Frame
from exact_core.tiles.slide_file import SlideFile
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid

AsSlide = Callable[[Path], SlideFile]


def _difference(shown: np.ndarray, expected: np.ndarray) -> float:
    assert shown.shape == expected.shape
    return float(np.abs(shown.astype(int) - expected.astype(int)).mean())


def _whole(pool: DecodePool, slide: SlideFile, frame: Frame | None = None) -> np.ndarray:
    level = slide.levels[0]
    return pool.region_now(slide, frame or Frame(), 0, 0, level.width, level.height)


@pytest.mark.data
@pytest.mark.parametrize(("name", "axis"), [("2z", "z"), ("2t", "t")])
def test_frames_of_a_stack_show_their_own_pixels(
    shared_data: Path, pool: DecodePool, as_slide: AsSlide, name: str, axis: str
) -> None:
    path = shared_data / "01-wsi" / "frames" / f"qupath-cells-{name}.ome.tif"
    slide = as_slide(path)
    with tifffile.TiffFile(path) as tiff:
        planes = [page.asarray() for page in tiff.pages]
    assert not np.array_equal(planes[0], planes[1])
    for number, plane in enumerate(planes):
        shown = _whole(pool, slide, Frame(**{axis: number}))
        assert np.array_equal(shown[:, :, 1], plane)  # its palette rises from black to green
        assert not shown[:, :, [0, 2]].any()


@pytest.mark.data
def test_channels_are_shown_alone_and_mixed_in_their_colours(
    shared_data: Path, pool: DecodePool, as_slide: AsSlide
) -> None:
    path = shared_data / "01-wsi" / "frames" / "qupath-cells-2c.ome.tif"
    slide = as_slide(path)
    with tifffile.TiffFile(path) as tiff:
        green, blue = (page.asarray() for page in tiff.pages)
    nothing = np.zeros_like(green)
    assert np.array_equal(_whole(pool, slide, Frame(c=0)), np.dstack([nothing, green, nothing]))
    assert np.array_equal(_whole(pool, slide, Frame(c=1)), np.dstack([nothing, nothing, blue]))
    assert np.array_equal(_whole(pool, slide), np.dstack([nothing, green, blue]))


@pytest.mark.data
@pytest.mark.parametrize("name", ["gray16", "gray32"])
def test_deep_samples_keep_the_picture(shared_data: Path, pool: DecodePool, as_slide: AsSlide, name: str) -> None:
    """The same picture in 8, 16 and 32 bit: after stretching, each is a straight line of the other."""
    folder = shared_data / "01-wsi" / "frames"
    shown = _whole(pool, as_slide(folder / f"qupath-cells-{name}.tif"))[:, :, 0].astype(float)
    with Image.open(folder / "qupath-cells-gray8.png") as image:
        plain = np.asarray(image).astype(float)
    assert shown.min() == 0
    assert shown.max() == 255
    assert np.corrcoef(shown.ravel(), plain.ravel())[0, 1] > 0.999


@pytest.mark.data
@pytest.mark.parametrize("name", ["qupath-cells.png", "qupath-cells.tif", "qupath-cells.ome.tif"])
def test_the_same_picture_in_three_formats_is_the_same(
    shared_data: Path, pool: DecodePool, as_slide: AsSlide, name: str
) -> None:
    folder = shared_data / "01-wsi" / "frames"
    with Image.open(folder / "qupath-cells.png") as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(_whole(pool, as_slide(folder / name)), expected)


@pytest.mark.data
@pytest.mark.parametrize("name", ["he-512x680.jpg", "he-512x680.png", "he-512x680.tif", "he-862x896.tiff"])
def test_plain_pictures_are_shown_exactly(shared_data: Path, pool: DecodePool, as_slide: AsSlide, name: str) -> None:
    path = shared_data / "01-wsi" / "plain" / name
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(_whole(pool, as_slide(path)), expected)


@pytest.mark.data
@pytest.mark.parametrize("name", ["test3-DAPI-2-387.ndpi", "dicom-tiny/sm_image_numbers.dcm", "robustness/boxes.tiff"])
def test_slides_without_ready_tiles_are_shown_as_openslide_reads_them(
    shared_data: Path, pool: DecodePool, as_slide: AsSlide, name: str
) -> None:
    path = shared_data / "01-wsi" / name
    slide = as_slide(path)
    with openslide.OpenSlide(path) as opened:
        for level in (slide.levels[0], slide.levels[-1]):
            size = (min(level.width, 600), min(level.height, 600))
            expected = np.asarray(opened.read_region((0, 0), level.source_level, size).convert("RGB"))
            shown = pool.region_now(slide, Frame(), 0, 0, *size, level.downsample)
            assert np.array_equal(shown, expected)
            tile = simplejpeg.decode_jpeg(pool.tile_now(slide, level, 0, 0, Frame()))
            assert tile.shape[:2] == level.box(0, 0)[:1:-1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright_and_lose_their_metadata(
    tmp_path: Path, pool: DecodePool, as_slide: AsSlide, orientation: int
) -> None:
    path = tmp_path / f"photo-{orientation}.png"
    image = Image.fromarray(tissue(60, 90))
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "Patient Jane Doe"
    image.save(path, exif=exif)
    slide = as_slide(path)
    sideways = orientation >= 5
    assert (slide.levels[0].width, slide.levels[0].height) == ((60, 90) if sideways else (90, 60))
    turned = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a.swapaxes(0, 1), 2), 8: lambda a: np.rot90(a, 1),
    }[orientation](tissue(60, 90))  # fmt: skip
    assert np.array_equal(_whole(pool, slide), turned)
    assert b"Jane" not in pool.tile_now(slide, slide.levels[0], 0, 0, Frame())


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp", ".bmp"])
def test_pictures_of_every_kind_are_shown(
    tmp_path: Path, pool: DecodePool, as_slide: AsSlide, mode: str, suffix: str
) -> None:
    path = tmp_path / f"{mode.replace(';', '-')}{suffix}"
    base = Image.fromarray(tissue(50, 70))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(base.convert("L")).astype(np.uint16) * 200)
    else:
        image = base.convert(mode)
    try:
        image.save(path, **({"lossless": True} if suffix == ".webp" else {}))
    except (OSError, ValueError, KeyError):
        pytest.skip(f"Pillow does not write {mode} as {suffix}")
    shown = _whole(pool, as_slide(path))
    with Image.open(path) as again:
        if again.mode.startswith("I"):
            deep = np.asarray(again).astype(float)
            assert np.corrcoef(shown[:, :, 0].ravel(), deep.ravel())[0, 1] > 0.999
            return
        expected = again.convert("RGB")
        if again.mode in {"RGBA", "LA"}:
            flat = Image.new("RGB", again.size, (255, 255, 255))
            flat.paste(again.convert("RGBA"), mask=again.getchannel("A"))
            expected = flat
    assert _difference(shown, np.asarray(expected)) < 3


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd", "packbits"])
@pytest.mark.parametrize("layout", ["strips", "tiles", "planes"])
def test_tiff_of_every_layout_is_shown_exactly(
    tmp_path: Path, pool: DecodePool, as_slide: AsSlide, compression: str | None, layout: str
) -> None:
    path = tmp_path / f"{layout}-{compression}.tif"
    pixels = tissue(300, 500)
    written = np.ascontiguousarray(np.moveaxis(pixels, 2, 0)) if layout == "planes" else pixels
    tifffile.imwrite(
        path, written, photometric="rgb", planarconfig="separate" if layout == "planes" else "contig",
        compression=compression, tile=(128, 128) if layout == "tiles" else None,
        rowsperstrip=37 if layout == "strips" else None, metadata=None,
    )  # fmt: skip
    assert np.array_equal(_whole(pool, as_slide(path)), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "float32", "float64"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_grey_samples_of_every_type_are_stretched(
    tmp_path: Path, pool: DecodePool, as_slide: AsSlide, dtype: str, byteorder: str
) -> None:
    path = tmp_path / f"{dtype}.tif"
    ramp = np.linspace(1, 120, 64 * 64).reshape(64, 64).astype(dtype)
    tifffile.imwrite(path, ramp, byteorder=byteorder, photometric="minisblack", metadata=None)
    shown = _whole(pool, as_slide(path))[:, :, 0]
    if dtype == "uint8":
        assert np.array_equal(shown, ramp)
    else:
        assert (int(shown[0, 0]), int(shown[-1, -1])) == (0, 255)
        assert np.all(np.diff(shown.ravel().astype(int)) >= 0)


def test_white_is_zero_pictures_are_inverted(tmp_path: Path, pool: DecodePool, as_slide: AsSlide) -> None:
    path = tmp_path / "white.tif"
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tifffile.imwrite(path, ramp, photometric="miniswhite", metadata=None)
    assert np.array_equal(_whole(pool, as_slide(path))[:, :, 0], 255 - ramp)


def test_an_imagej_hyperstack_is_addressed_by_time_plane_and_channel(
    tmp_path: Path, pool: DecodePool, as_slide: AsSlide
) -> None:
    path = tmp_path / "hyper.tif"
    stack = np.arange(2 * 3 * 2, dtype=np.uint8).reshape(2, 3, 2, 1, 1) * 10 + np.zeros((1, 1, 1, 20, 30), np.uint8)
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TZCYX"})
    slide = as_slide(path)
    for t in range(2):
        for z in range(3):
            for c in range(2):
                shown = _whole(pool, slide, Frame(z, t, c))
                assert int(shown.max()) == (t * 6 + z * 2 + c) * 10


def test_16_bit_colour_is_stretched_alike_in_every_colour(tmp_path: Path, pool: DecodePool, as_slide: AsSlide) -> None:
    path = tmp_path / "deep.tif"
    pixels = tissue(80, 90)
    tifffile.imwrite(path, pixels.astype(np.uint16) * 257, photometric="rgb", metadata=None)
    shown = _whole(pool, as_slide(path)).astype(float)
    for color in range(3):
        assert np.corrcoef(shown[:, :, color].ravel(), pixels[:, :, color].ravel())[0, 1] > 0.999


def test_a_sub_directory_pyramid_is_used(tmp_path: Path, as_slide: AsSlide, pool: DecodePool) -> None:
    path = tmp_path / "pyramid.ome.tif"
    pixels = tissue(1200, 1600)
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(pixels, subifds=2, tile=(256, 256), photometric="rgb", compression="deflate")
        for number in (1, 2):
            writer.write(pixels[:: 2**number, :: 2**number], tile=(256, 256), photometric="rgb", compression="deflate")
    slide = as_slide(path)
    assert [level.downsample for level in slide.levels] == [1, 2, 4]
    assert _difference(pool.region_now(slide, Frame(), 0, 0, 400, 300, 4.0), pixels[::4, ::4]) < 1


def test_levels_that_the_file_lacks_are_averaged(tmp_path: Path, pool: DecodePool, as_slide: AsSlide) -> None:
    pixels = tissue(2100, 2900)
    ready = as_slide(write_jpeg_pyramid(tmp_path / "ready.tif", pixels, levels=1))
    path = tmp_path / "rendered.tif"
    tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", compression="lzw", metadata=None)
    rendered = as_slide(path)
    expected = np.asarray(Image.fromarray(pixels).reduce(4))
    assert np.array_equal(pool.region_now(rendered, Frame(), 0, 0, 725, 525, 4.0), expected)
    for slide, limit in ((ready, 4.0), (rendered, 4.0)):
        level = slide.levels[1]
        assert (level.width, level.height, level.factor) == (725, 525, 4)
        for row in range(level.rows):
            for column in range(level.columns):
                x, y, width, height = level.box(column, row)
                tile = simplejpeg.decode_jpeg(pool.tile_now(slide, level, column, row, Frame()))
                assert _difference(tile, expected[y : y + height, x : x + width]) < limit


def test_a_region_outside_of_the_picture_is_white(tmp_path: Path, pool: DecodePool, as_slide: AsSlide) -> None:
    slide = as_slide(write_jpeg_pyramid(tmp_path / "a.tif", tissue(600, 700)))
    shown = pool.region_now(slide, Frame(), -50, -40, 100, 80)
    assert (shown[:40] == 255).all()
    assert (shown[:, :50] == 255).all()
    assert not (shown[40:, 50:] == 255).all()
    assert (pool.region_now(slide, Frame(), 5000, 5000, 20, 10) == 255).all()


def test_a_region_is_read_at_any_scale(tmp_path: Path, pool: DecodePool, as_slide: AsSlide) -> None:
    pixels = tissue(1500, 1700)
    slide = as_slide(write_jpeg_pyramid(tmp_path / "a.tif", pixels))
    for downsample in (1.0, 1.5, 3.0, 0.5):
        shown = pool.region_now(slide, Frame(), 100, 200, 300, 200, downsample)
        size = (round(300 * downsample), round(200 * downsample))
        part = Image.fromarray(pixels[200 : 200 + size[1], 100 : 100 + size[0]]).resize(
            (300, 200), Image.Resampling.BOX
        )
        assert _difference(shown, np.asarray(part)) < 12


@pytest.mark.parametrize("size", [64, 256, 1024])
def test_a_thumbnail_keeps_the_shape_of_the_picture(
    tmp_path: Path, pool: DecodePool, as_slide: AsSlide, size: int
) -> None:
    pixels = tissue(1500, 3000)
    slide = as_slide(write_jpeg_pyramid(tmp_path / "a.tif", pixels))
    shown = simplejpeg.decode_jpeg(pool.thumbnail_now(slide, size, Frame()))
    assert shown.shape[:2] == (size // 2, size)


def test_a_small_picture_is_not_blown_up(tmp_path: Path, pool: DecodePool, as_slide: AsSlide) -> None:
    path = tmp_path / "small.png"
    Image.fromarray(tissue(30, 40)).save(path)
    assert simplejpeg.decode_jpeg(pool.thumbnail_now(as_slide(path), 256, Frame())).shape == (30, 40, 3)


@pytest.mark.data
def test_label_and_macro_are_read(shared_data: Path, pool: DecodePool, as_slide: AsSlide) -> None:
    slide = as_slide(shared_data / "01-wsi" / "CMU-1-Small-Region.svs")
    assert simplejpeg.decode_jpeg(pool.associated_now(slide, "label")).shape == (463, 387, 3)
    assert simplejpeg.decode_jpeg(pool.associated_now(slide, "macro", 500)).shape[1] == 500


def test_senseless_requests_are_refused_before_any_process_is_asked(
    tmp_path: Path, pool: DecodePool, as_slide: AsSlide
) -> None:
    slide = as_slide(write_jpeg_pyramid(tmp_path / "a.tif", tissue(600, 700)))
    with pytest.raises(NotFound):
        pool.tile_now(slide, slide.levels[0], 99, 0, Frame())
    for box in ((0, 0, 0, 10, 1.0), (0, 0, 10, 100_000, 1.0), (0, 0, 10, 10, 0.0), (0, 0, 10, 10, float("nan"))):
        with pytest.raises(Invalid):
            pool.region_now(slide, Frame(), *box)
    with pytest.raises(Invalid):
        pool.thumbnail_now(slide, 100_000, Frame())
