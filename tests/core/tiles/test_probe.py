"""Every file gets a picture or a clear reason, and the process that asks lives on."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import struct
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from exact_core.settings import Settings
from exact_core.tiles.probe import ProbeReport, probe_file
from exact_core.tiles.worker_process import WorkerProcess
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid

Probe = Callable[[Path], ProbeReport]

_READABLE = {
    "CMU-1-Small-Region.svs": (2220, 2967, 1, 1, 1, "openslide"),
    "test3-DAPI-2-387.ndpi": (3968, 4864, 1, 1, 1, "openslide"),
    "plain/he-512x680.jpg": (680, 512, 1, 1, 1, "picture"),
    "plain/he-512x680.png": (680, 512, 1, 1, 1, "picture"),
    "plain/he-512x680.tif": (680, 512, 1, 1, 1, "picture"),
    "plain/he-862x896.tiff": (896, 862, 1, 1, 1, "picture"),
    "frames/qupath-cells-1.jp2": (185, 261, 1, 1, 1, "picture"),
    "frames/qupath-cells.jpg": (185, 261, 1, 1, 1, "picture"),
    "frames/qupath-cells.png": (93, 131, 1, 1, 1, "picture"),
    "frames/qupath-cells.tif": (93, 131, 1, 1, 1, "picture"),
    "frames/qupath-cells.ome.tif": (93, 131, 1, 1, 1, "picture"),
    "frames/qupath-cells-2z.ome.tif": (93, 131, 2, 1, 1, "picture"),
    "frames/qupath-cells-2t.ome.tif": (93, 131, 1, 2, 1, "picture"),
    "frames/qupath-cells-2c.ome.tif": (93, 131, 1, 1, 2, "picture"),
    "frames/qupath-cells-gray8.png": (93, 131, 1, 1, 1, "picture"),
    "frames/qupath-cells-gray16.tif": (93, 131, 1, 1, 1, "picture"),
    "frames/qupath-cells-gray32.tif": (93, 131, 1, 1, 1, "picture"),
    "robustness/boxes.tiff": (300, 250, 1, 1, 1, "openslide"),
    "robustness/boxes_0.dcm": (16, 16, 1, 1, 1, "openslide"),
    "robustness/boxes_1.dcm": (16, 16, 1, 1, 1, "openslide"),
    "robustness/small.svs": (16, 16, 1, 1, 1, "openslide"),
    "dicom-tiny/sm_image.dcm": (50, 50, 1, 1, 1, "openslide"),
    "dicom-tiny/sm_image_control.dcm": (50, 50, 1, 1, 1, "openslide"),
    "dicom-tiny/sm_image_dots.dcm": (50, 50, 1, 1, 1, "openslide"),
    "dicom-tiny/sm_image_numbers.dcm": (50, 50, 1, 1, 1, "openslide"),
}
_UNREADABLE = {
    "robustness/unopenable.tiff": "compression",
    "robustness/unreadable.svs": "cannot decode a part",
    "dicom-tiny/sm_image_grayscale.dcm": "BitsAllocated value 16",
    "dicom-tiny/sm_image_grayscale_reversed.dcm": "BitsAllocated value 16",
    "dicom-tiny/sm_image_jpegls.dcm": "transfer syntax",
    "dicom-tiny/sm_image_jpegls_nobot.dcm": "transfer syntax",
    "dicom-tiny/sm_annotations.dcm": "not a slide",
    "dicom-tiny/seg_image_sm_control.dcm": "not a slide",
    "dicom-tiny/seg_image_sm_control_labelmap.dcm": "not a slide",
    "dicom-tiny/seg_image_sm_control_labelmap_palette_color.dcm": "not a slide",
    "dicom-tiny/seg_image_sm_dots.dcm": "not a slide",
    "dicom-tiny/seg_image_sm_dots_tiled_full.dcm": "not a slide",
    "dicom-tiny/seg_image_sm_numbers.dcm": "not a slide",
    "annotations/histomicsui-sample.anot": "cannot read this file",
    "annotations/large_image-sample.geojson": "cannot read this file",
}


@pytest.mark.data
def test_the_lists_of_this_test_name_every_real_file(shared_data: Path) -> None:
    root = shared_data / "01-wsi"
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert found == set(_READABLE) | set(_UNREADABLE)


@pytest.mark.data
@pytest.mark.parametrize("name", _READABLE)
def test_a_good_file_is_described(shared_data: Path, probe: Probe, name: str) -> None:
    report = probe(shared_data / "01-wsi" / name)
    assert not report.unreadable
    assert (report.width, report.height, report.size_z, report.size_t, report.size_c, report.driver) == _READABLE[name]
    assert report.levels[0]["width"] == report.width
    assert json.loads(json.dumps(report.as_json()))["driver"] == report.driver


@pytest.mark.data
@pytest.mark.parametrize("name", _UNREADABLE)
def test_a_bad_file_gets_a_reason(shared_data: Path, probe: Probe, name: str) -> None:
    path = shared_data / "01-wsi" / name
    report = probe(path)
    assert _UNREADABLE[name].lower() in report.unreadable.lower()
    assert path.name not in report.unreadable
    assert not report.levels


@pytest.mark.data
def test_resolution_and_channels_are_taken_over(shared_data: Path, probe: Probe) -> None:
    svs = probe(shared_data / "01-wsi" / "CMU-1-Small-Region.svs")
    assert (svs.mpp_x, svs.objective_power) == (0.499, 20.0)
    assert svs.associated == ("label", "macro", "thumbnail")
    assert svs.tile_index
    assert not svs.needs_conversion
    ome = probe(shared_data / "01-wsi" / "frames" / "qupath-cells-2c.ome.tif")
    assert ome.mpp_x == 0.25
    assert [channel["color"] for channel in ome.frames["channels"]] == ["#00ff00", "#0000ff"]
    deep = probe(shared_data / "01-wsi" / "frames" / "qupath-cells-gray16.tif")
    channel = deep.frames["channels"][0]
    assert 255 < channel["low"] < channel["high"] <= 65535


@pytest.mark.data
def test_a_screens_72_dpi_is_no_resolution_of_a_microscope(shared_data: Path, probe: Probe) -> None:
    assert probe(shared_data / "01-wsi" / "robustness" / "boxes.tiff").mpp_x is None


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [name for name in _READABLE if not name.startswith("robustness")],
)
def test_a_file_that_is_cut_off_is_told_from_a_whole_one(
    shared_data: Path, probe: Probe, tmp_path: Path, name: str
) -> None:
    path = shared_data / "01-wsi" / name
    whole = path.read_bytes()
    size = len(whole)
    cut = tmp_path / f"cut{path.suffix}"
    for length in (0, 1, 200, size // 10, size // 2, size * 9 // 10, size - size // 50):
        cut.write_bytes(whole[:length])
        report = probe(cut)
        assert report.unreadable, f"{name} cut to {length} of {size} bytes"
        assert cut.name not in report.unreadable


@pytest.mark.data
@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "test3-DAPI-2-387.ndpi"])
def test_a_slide_cut_before_its_description_is_called_cut_off(
    shared_data: Path, probe: Probe, tmp_path: Path, name: str
) -> None:
    whole = (shared_data / "01-wsi" / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) // 10])
    assert probe(path).unreadable == "The file is cut off: its description lies past its end."


@pytest.mark.data
def test_an_empty_file_is_called_empty(probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "empty.svs"
    path.touch()
    assert probe(path).unreadable == "The file is empty."


def test_a_file_that_is_not_there_gets_a_reason(probe: Probe, tmp_path: Path) -> None:
    assert "cannot be opened" in probe(tmp_path / "missing.svs").unreadable
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "readme.txt").write_text("no slide")
    assert "No file of the folder is a slide" in probe(folder).unreadable


def _ifd(entries: list[tuple[int, int, int, int]], following: int) -> bytes:
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


def _claim(width: int, height: int, offset: int, *, tiles: int = 1) -> list[tuple[int, int, int, int]]:
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 7), (262, 3, 1, 6), (277, 3, 1, 3),
        (322, 3, 1, 256), (323, 3, 1, 256), (324, 4, tiles, offset), (325, 4, tiles, 1000),
    ]  # fmt: skip


def _strip(width: int, height: int, rows: int) -> list[tuple[int, int, int, int]]:
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, rows), (279, 4, 1, 64),
    ]  # fmt: skip


_HEAD = b"II*\0" + struct.pack("<I", 8)
_BOMBS = {
    "claims 2^31 by 2^31 pixels": _HEAD + _ifd(_claim(2**31, 2**31, 8), 0),
    "claims 2^31 by 1 pixels": _HEAD + _ifd(_claim(2**31, 1, 8, tiles=2**23), 0),
    "claims 60000 by 60000 in one strip": _HEAD + _ifd(_strip(60000, 60000, 60000), 0) + bytes(100),
    "one-byte strips": _HEAD + _ifd(_strip(1, 2**24, 1), 0) + bytes(100),
    "strips of no rows": _HEAD + _ifd(_strip(100, 100, 0), 0) + bytes(100),
    "tiles past the end": _HEAD + _ifd(_claim(256, 256, 2**31), 0),
    "a directory that follows itself": _HEAD + _ifd(_claim(256, 256, 8), 8),
    "directories in a circle": _HEAD + _ifd([], 14) + _ifd([], 20) + _ifd([], 8),
    "a directory past the end": b"II*\0" + struct.pack("<I", 2**32 - 2),
    "a tag of 2^32 values": _HEAD + _ifd([(324, 4, 2**32 - 1, 8)], 0),
    "sub-directories in a circle": _HEAD + _ifd([*_claim(256, 256, 8), (330, 4, 1, 8)], 0),
    "big TIFF of 2^60 entries": b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**60),
    "nothing but a magic": b"II*\0",
}


@pytest.mark.parametrize("name", _BOMBS)
def test_a_hostile_tiff_gets_a_reason(probe: Probe, tmp_path: Path, name: str) -> None:
    path = tmp_path / "bomb.tif"
    path.write_bytes(_BOMBS[name])
    started = time.monotonic()
    assert probe(path).unreadable
    assert time.monotonic() - started < 30


def test_a_million_directories_are_not_walked_for_ever(tmp_path: Path) -> None:
    entry = _ifd([(256, 4, 1, 1)], 0)[:-4]
    count = 1_000_000
    directories = bytearray()
    for number in range(count):
        following = 8 + (number + 1) * (len(entry) + 4) if number + 1 < count else 0
        directories += entry + struct.pack("<I", following)
    path = tmp_path / "many.tif"
    path.write_bytes(_HEAD + bytes(directories))
    started = time.monotonic()
    report = probe_file(path, Settings(decode_seconds=3.0))
    assert report.unreadable
    assert time.monotonic() - started < 25


def _png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_pictures_that_claim_too_much_are_refused_by_their_header(probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(2**31 - 1, 2**31 - 1, zlib.compress(bytes(1000))))
    assert "more than can be shown" in probe(path).unreadable


def test_a_large_claim_with_little_behind_it_is_found_to_be_cut_off(probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(30_000, 30_000, zlib.compress(bytes(10_000_000))))
    assert probe(path).unreadable


def test_a_picture_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """A decompression bomb: about four gigabytes of pixels in a few megabytes."""
    path = tmp_path / "bomb.png"
    compressor = zlib.compressobj(9)
    start = compressor.compress(b"\0") + compressor.flush(zlib.Z_FULL_FLUSH)
    rows = compressor.compress(bytes((1 + 3 * 60_000) * 100)) + compressor.flush(zlib.Z_FULL_FLUSH)
    path.write_bytes(_png(60_000, 60_000, start + rows * 600))
    started = time.monotonic()
    report = probe_file(path, Settings(decode_seconds=0.5))
    assert "seconds" in report.unreadable
    assert time.monotonic() - started < 20


def test_a_reader_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.tif"
    tifffile.imwrite(
        path, np.zeros((9000, 9000, 3), np.uint8), photometric="rgb", compression="deflate", rowsperstrip=9000
    )
    report = probe_file(path, Settings(decode_memory_mib=300))
    assert "memory" in report.unreadable
    assert "300 MiB" in report.unreadable


def test_a_reader_that_is_killed_is_a_reason_and_the_next_file_is_read(tmp_path: Path) -> None:
    worker = WorkerProcess(2048)
    good = write_jpeg_pyramid(tmp_path / "good.tif", tissue(600, 700))
    assert not probe_file(good, Settings(), worker=worker).unreadable
    first = worker.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)  # holds the process in the middle of what it does next

    def crash() -> None:
        os.kill(first, signal.SIGSEGV)
        os.kill(first, signal.SIGCONT)

    threading.Timer(0.2, crash).start()
    assert probe_file(good, Settings(), worker=worker).unreadable == "The reader crashed on this file."
    assert not probe_file(good, Settings(), worker=worker).unreadable
    assert worker.pid != first
    worker.stop()


def test_a_reader_that_hangs_is_stopped(tmp_path: Path) -> None:
    worker = WorkerProcess(2048)
    good = write_jpeg_pyramid(tmp_path / "good.tif", tissue(600, 700))
    assert not probe_file(good, Settings(), worker=worker).unreadable
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    assert "took longer than" in probe_file(good, Settings(decode_seconds=0.1), worker=worker).unreadable
    assert worker.pid is None
    assert not probe_file(good, Settings(), worker=worker).unreadable
    worker.stop()


def test_a_large_picture_is_to_be_converted(probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.fromarray(tissue(4500, 5000)).save(path, quality=80)
    report = probe(path)
    assert (report.needs_conversion, report.reason) == (True, "It is a large picture without smaller versions.")
    assert (report.width, report.height) == (5000, 4500)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert "cut off" in probe(path).unreadable


def test_a_jpeg_2000_slide_is_to_be_converted(probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "j2k.tif"
    tifffile.imwrite(
        path, tissue(4500, 4500), tile=(512, 512), photometric="rgb", compression="jpeg2000", metadata=None,
        compressionargs={"level": 60},
    )  # fmt: skip
    report = probe(path)
    assert not report.unreadable
    assert "JPEG 2000" in report.reason
    assert not report.tile_index


def test_one_damaged_byte_never_brings_the_reader_down_for_others(probe: Probe, tmp_path: Path) -> None:
    good = write_jpeg_pyramid(tmp_path / "good.tif", tissue(600, 700))
    content = good.read_bytes()
    generator = random.Random(3)
    for _ in range(60):
        changed = bytearray(content)
        spot = (
            generator.randrange(len(changed))
            if generator.random() < 0.3
            else len(changed) - 1 - generator.randrange(900)
        )
        changed[spot] = generator.randrange(256)
        damaged = tmp_path / "damaged.tif"
        damaged.write_bytes(bytes(changed))
        report = probe(damaged)
        assert report.unreadable or report.width > 0
    assert not probe(good).unreadable


def test_probing_leaves_nothing_behind(probe: Probe, tmp_path: Path) -> None:
    shutil.copyfile(write_jpeg_pyramid(tmp_path / "a.tif", tissue(600, 700)), tmp_path / "b.tif")
    before = sorted(tmp_path.iterdir())
    probe(tmp_path / "b.tif")
    assert sorted(tmp_path.iterdir()) == before
