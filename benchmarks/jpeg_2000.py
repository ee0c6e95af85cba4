"""A slide with JPEG 2000 tiles, which browsers cannot show: the one transcoding, and tiles after it."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import tifffile
from openslide.deepzoom import DeepZoomGenerator
from skimage import data

from benchmarks.tiles_figures import cpu, figure

_SIDE = 8192
_TILE = 256
_APERIO_RGB = 33005
_ROUNDS = 5
_PEER = "openslide-python's DeepZoom with Pillow, which decodes JPEG 2000 for every tile"


def measure(folder: Path) -> list[dict[str, Any]]:
    """CPU per tile of the conversion job's writer, over all levels, and of tiles of the pyramid that it wrote."""
    from exact_core.settings import Settings
    from exact_core.tiles.probe import probe_file
    from exact_core.tiles.tile_index import TileIndex

    slide = _write_slide(folder / "jpeg-2000.svs")
    zoom = DeepZoomGenerator(openslide.OpenSlide(slide), tile_size=_TILE - 2, overlap=1)
    report = probe_file(slide, Settings())
    assert report.needs_conversion, report.unreadable
    pyramid = folder / "transcoded.tif"
    spent = _transcode(slide, report.driver, pyramid)

    path = folder / "transcoded.index"
    path.write_bytes(probe_file(pyramid, Settings()).tile_index)
    index = TileIndex(path)
    tiles = sum(level.columns * level.rows for level in index.levels.values())
    descriptor = os.open(pyramid, os.O_RDONLY)

    def exact(place: tuple[int, int]) -> object:
        return index.levels[0].read(descriptor, 0, *place)

    def deepzoom(place: tuple[int, int]) -> object:
        buffer = io.BytesIO()
        zoom.get_tile(zoom.level_count - 1, place).save(buffer, "jpeg", quality=75)
        return buffer.getvalue()

    generator = random.Random(7)
    side = _SIDE // _TILE
    once, after = [], []
    for _ in range(_ROUNDS):
        part = [(generator.randrange(side), generator.randrange(side)) for _ in range(20)]
        theirs = cpu(deepzoom, part)
        after.append(theirs / cpu(exact, part * 40))
        once.append(theirs / (spent / tiles))
    os.close(descriptor)
    return [
        figure("JPEG 2000, transcoded once: CPU per tile of peer / of EXACT", once, 1.8, _PEER),
        figure("JPEG 2000, after that, tile in process: CPU of peer / of EXACT", after, 90, _PEER),
    ]


def _write_slide(path: Path) -> Path:
    """One level as Aperio's scanners write it, from a picture of tissue."""
    piece = data.immunohistochemistry()
    times = -(-_SIDE // piece.shape[0])
    noise = np.random.default_rng(3).integers(-6, 7, (_SIDE, _SIDE, 1), np.int16)
    picture = np.tile(piece, (times, times, 1))[:_SIDE, :_SIDE].astype(np.int16) + noise
    tifffile.imwrite(
        path,
        picture.clip(0, 255).astype(np.uint8),
        tile=(_TILE, _TILE),
        photometric="rgb",
        compression=_APERIO_RGB,
        compressionargs={"level": 40},
        description=f"Aperio Image Library v12\n{_SIDE}x{_SIDE} ({_TILE}x{_TILE}) J2K/KDU Q=70|AppMag = 20|MPP = 0.5",
        metadata=None,
    )
    return path


def _transcode(slide: Path, driver: str, target: Path) -> float:
    """Run the writer as the job does; gives its seconds of CPU."""
    request = {
        "path": str(slide), "driver": driver, "target": str(target), "memory_mib": 2048, "seconds": 600,
        "mpp": [0.5, 0.5],
    }  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "exact_core.images.pyramid_writer", json.dumps(request)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as writer:
        code = writer.wait()  # its input stays open until then: it ends with the process that asked
    assert code == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
