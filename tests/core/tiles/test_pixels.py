"""Reading the samples of an image through a process of one's own, whatever its driver does."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from exact_sdk.fakedist import FakeDistributions

from exact_core.api.errors import Invalid, Unavailable
from exact_core.api.images import ImageInfo
from exact_core.tiles.pixels import FilePixelReader
from exact_core.tiles.samples import Window, read_window, samples_from, samples_header, source_as_json, source_from_json
from exact_core.tiles.slide_file import SlideFile
from exact_core.tiles.sources import open_source
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid

DRIVER = """
    import os, time
    import numpy
    from exact_core.api.drivers import SourceInfo, SourceLevel

    class Moody:
        info = SourceInfo("moody", (SourceLevel(100, 100, 1.0),), is_color=False)
        memory_bytes = 0

        def __init__(self, path):
            pass

        def read(self, level, x, y, width, height, z, t, channel):
            if x == 1:
                os._exit(3)
            if x == 2:
                time.sleep(600)
            if x == 3:
                raise ValueError("a bad tile")
            return numpy.full((height, width), 1000 + x, ">i2")

        def close(self):
            pass
"""


def reader_of(path: Path, driver: str, **more: float) -> FilePixelReader:
    return FilePixelReader(ImageInfo(7, 1, "picture", 1, 1), SlideFile("k", str(path), driver, "", (), ()), **more)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_jpeg_pyramid(tmp_path_factory.mktemp("pixels") / "a.tif", tissue(600, 700))


@pytest.fixture(scope="module")
def reader(slide: Path) -> Iterator[FilePixelReader]:
    reader = reader_of(slide, "openslide")
    yield reader
    reader.close()


def test_samples_are_those_of_the_driver(reader: FilePixelReader, slide: Path) -> None:
    source = open_source("openslide", slide)
    assert reader.source == source.info
    assert reader.image.id == 7
    for level in range(len(source.info.levels)):
        assert np.array_equal(reader.read(10, 20, 100, 90, level), source.read(level, 10, 20, 100, 90, 0, 0, 0))
    source.close()


def test_outside_is_white_and_the_array_is_one_s_own(reader: FilePixelReader) -> None:
    pixels = reader.read(-20, 590, 40, 30)
    assert (pixels.shape, pixels.dtype) == ((30, 40, 3), np.uint8)
    assert (pixels[:, :20] == 255).all()
    assert (pixels[10:] == 255).all()
    assert (pixels[:10, 20:] != 255).any()
    assert (reader.read(5000, 5000, 3, 2) == 255).all()
    pixels[:] = 0  # no read-only view


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"level": 9}, "level: the image has 0 to 2, not 9"),
        ({"z": 1}, "z: the image has 0 to 0"),
        ({"width": 0}, "0 × 10 pixels cannot be read"),
        ({"width": 10**6, "height": 10**6}, "cannot be read at once"),
        ({"x": 2**40}, "too far"),
    ],
)
def test_what_there_is_not_is_refused(reader: FilePixelReader, asked: dict[str, int], reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        reader.read(**{"x": 0, "y": 0, "width": 10, "height": 10, **asked})


def test_another_process_opens_it_again_and_a_closed_one_stays_closed(slide: Path) -> None:
    reader = reader_of(slide, "openslide")
    other = pickle.loads(pickle.dumps(reader.reopen))()
    assert np.array_equal(other.read(0, 0, 50, 50), reader.read(0, 0, 50, 50))
    reader.close()
    other.close()
    with pytest.raises(Unavailable, match="was closed"):
        reader.read(0, 0, 1, 1)


def test_a_driver_that_crashes_hangs_or_fails_harms_only_its_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeDistributions(tmp_path / "site") as distributions:
        entry = {"exact.image_sources": {"moody": "exact_moody.driver:Moody"}}
        distributions.add("moody", "", files={"driver.py": DRIVER}, entry_points=entry)
        paths = [*distributions.paths, os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
        reader = reader_of(tmp_path / "x.moody", "moody", seconds=5.0)
        assert reader.read(0, 0, 2, 1).tolist() == [[1000, 1000]]
        assert reader.read(0, 0, 1, 1).dtype == np.dtype("=i2")
        for x, reason in ((1, "The reader crashed"), (3, "a bad tile")):
            with pytest.raises(Invalid, match=f"Image 7 cannot be read.*{reason}"):
                reader.read(x, 0, 1, 1)
            assert reader.read(9, 0, 1, 1).tolist() == [[1009]]
        quick = reader_of(tmp_path / "x.moody", "moody", seconds=1.0)
        assert quick.read(0, 0, 1, 1).tolist() == [[1000]]
        with pytest.raises(Invalid, match="longer than 1 second"):
            quick.read(2, 0, 1, 1)
        reader.close()
        quick.close()


def test_what_travels_arrives_as_it_was(tmp_path: Path) -> None:
    deep = np.arange(60, dtype=">u2").reshape(6, 10)
    tifffile.imwrite(tmp_path / "deep.tif", deep.astype(np.uint16), photometric="minisblack")
    source = open_source("picture", tmp_path / "deep.tif")
    assert source_from_json(source_as_json(source.info)) == source.info
    samples = read_window(source, Window(-1, -1, 4, 3))
    assert samples.tolist() == [[0, 0, 0, 0], [0, 0, 1, 2], [0, 10, 11, 12]]
    assert np.array_equal(samples_from(samples_header(samples), samples.tobytes()), samples)
    source.close()


@pytest.mark.parametrize(
    "header", [{}, {"shape": [2, 2], "dtype": "O"}, {"shape": [9], "dtype": "<u2"}, {"shape": "x"}]
)
def test_samples_that_are_none_are_refused(header: dict[str, object]) -> None:
    with pytest.raises(Invalid, match="not what was announced"):
        samples_from(header, b"12345678")
