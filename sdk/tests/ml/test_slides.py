"""The streamer on a real file, read by the platform's own reader: here, and ahead of time in other processes."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml.detections import Detections, detect
from exact_sdk.ml.tiles import Frame, TilePlan
from exact_sdk.ml.tilestream import Streaming, stream
from exact_sdk.slides import write_slide
from scipy import ndimage

from exact_core.api.images import ImageInfo
from exact_core.tiles.pixels import FilePixelReader
from exact_core.tiles.slide_file import SlideFile


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    return write_slide(tmp_path_factory.mktemp("slides") / "slide.tif", 700, 600, cells=12)


@pytest.fixture
def reader(slide):
    file = SlideFile("k", str(slide.path), "openslide", "", (), ())
    opened = FilePixelReader(ImageInfo(1, 1, "slide", slide.width, slide.height), file)
    yield opened
    opened.close()


def dark(samples):
    """Probabilities of glass and of something dark."""
    share = 1 - samples.astype(np.float32).mean(axis=-1) / 255
    return np.stack([1 - share, share], axis=1)


def test_every_level_is_streamed_to_the_pixels_that_the_file_has(reader):
    for number, level in enumerate(reader.source.levels):
        whole = dark(reader.read(0, 0, level.width, level.height, number)[None])[0]
        rows: list = []
        plan = TilePlan(level.width, level.height, 256, 192)
        how = Streaming(batch=3, window="hann", frame=Frame(level=number), processes=number % 2, ahead=4)
        stream(reader, dark, lambda _y, band, _covered, rows=rows: rows.append(band.copy()), plan, 2, how=how)
        np.testing.assert_allclose(np.concatenate(rows, axis=1), whole, atol=2e-6)
    assert number >= 1, "the other processes were asked too"


def test_cells_on_the_seams_of_tiles_are_found_once(reader, slide):
    def cells(samples):
        found = []
        for tile in samples:
            marks, _ = ndimage.label(tile.max(axis=-1) < 150)
            boxes = [(at[1].start, at[0].start, at[1].stop, at[0].stop) for at in ndimage.find_objects(marks)]
            box = np.array([one for one in boxes if one[2] - one[0] > slide.radius], float).reshape(-1, 4)
            found.append(Detections((box[:, :2] + box[:, 2:]) / 2, box, np.zeros(len(box), int), np.ones(len(box))))
        return found

    def centres(core):
        found = [each.centres for each in detect(reader, cells, core=core, halo=96, how=Streaming(batch=4))]
        return sorted(map(tuple, np.concatenate(found)))

    once = centres(1024)
    assert centres(200) == once
    apart = np.linalg.norm(np.array(once)[:, None] - np.array(slide.cells)[None] - 0.5, axis=-1)
    assert (apart.min(axis=1) < 3 * slide.radius).all(), "each is where cells were painted"
    assert len(once) > 4
