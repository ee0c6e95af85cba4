"""Tiles: EXACT against the example of openslide-python, iipsrv, large_image and plain files, as CPU ratios."""

from __future__ import annotations

import io
import os
import random
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import simplejpeg
from openslide.deepzoom import DeepZoomGenerator

from benchmarks import jpeg_2000
from benchmarks.slides import write_pyramid
from benchmarks.tiles_figures import cpu, figure
from benchmarks.tiles_load import Server
from benchmarks.tiles_peers import PEERS, NotInstalled, places, start_exact

Figure = dict[str, Any]

_ROUNDS = 3
_ROUNDS_IN_PROCESS = 5
_SECONDS = 2
_PEER_NAMES = {
    "flask": "openslide-python's DeepZoom example on Flask",
    "iipsrv": "iipsrv 1.1 behind nginx, its cache off",
    "large_image": "large_image, TIFF source with its defaults",
    "nginx": "nginx serving tiles cut beforehand",
}
_LEAST = {"flask": 90.0, "iipsrv": 12.0, "large_image": 15.0}
_MOST_OF_NGINX = 6.0


def run() -> list[Figure]:
    """Compose a slide, then measure tiles over HTTP, in process, and at scales that the file lacks."""
    with tempfile.TemporaryDirectory(prefix="exact-bench-") as name:
        folder = Path(name)
        slide = write_pyramid(folder / "slide.tif")
        return [
            *_over_http(folder, slide),
            *_in_process(folder, slide),
            *_missing_level(folder),
            *jpeg_2000.measure(folder),
        ]


def _over_http(folder: Path, slide: Path) -> list[Figure]:
    servers: dict[str, Server] = {}
    skipped: dict[str, str] = {}
    try:
        servers["exact"] = start_exact(folder, slide)
        for name, start in PEERS.items():
            try:
                servers[name] = start(folder, slide)
            except NotInstalled as reason:
                skipped[name] = str(reason)
        for server in servers.values():
            server.wait_until_ready()
        order = list(servers.values())
        for _ in range(_ROUNDS):
            random.shuffle(order)
            for server in order:
                server.load(folder, _SECONDS)
    finally:
        for server in servers.values():
            server.stop()
    return [_http_figure(name, servers, skipped.get(name, "")) for name in _PEER_NAMES]


def _http_figure(name: str, servers: dict[str, Server], reason: str) -> Figure:
    is_limit = name == "nginx"
    bar = f"<= {_MOST_OF_NGINX:g}" if is_limit else f">= {_LEAST[name]:g}"
    title = "tile over HTTP with permission check: CPU " + (
        "of EXACT / CPU of " if is_limit else "of peer / of EXACT, "
    )
    told: Figure = {"name": title + name, "unit": "x", "bar": bar, "peer": _PEER_NAMES[name]}
    if reason:
        return {**told, "value": None, "holds": None, "skipped": reason}
    ours, theirs = (statistics.median(servers[each].cpu_ms) for each in ("exact", name))
    ratio = ours / theirs if is_limit else theirs / ours
    holds = ratio <= _MOST_OF_NGINX if is_limit else ratio >= _LEAST[name]
    return {**told, "value": round(ratio, 1), "holds": holds, "cpu_us": [round(1000 * ours), round(1000 * theirs)]}


def _in_process(folder: Path, slide: Path) -> list[Figure]:
    """The tile function alone, with the file in memory and dropped from it; and whether pixels are the same."""
    from exact_core.tiles.tile_index import TileIndex

    index = TileIndex(folder / "slide.index")
    descriptor = os.open(slide, os.O_RDONLY)
    opened = openslide.OpenSlide(slide)
    zoom = DeepZoomGenerator(opened, tile_size=254, overlap=1)
    chosen = places(slide)

    def exact(place: tuple[int, int, int]) -> object:
        level, column, row = place
        return index.levels[level].read(descriptor, 0, column, row)

    def deepzoom(place: tuple[int, int, int]) -> object:
        level, column, row = place
        buffer = io.BytesIO()
        zoom.get_tile(zoom.level_count - 1 - level, (column, row)).save(buffer, "jpeg", quality=75)
        return buffer.getvalue()

    def plain_read(place: tuple[int, int, int]) -> object:
        return os.pread(descriptor, 4096, hash(place) % index.file_size)

    warm, cold, coldest = [], [], []
    for number in range(_ROUNDS_IN_PROCESS):
        part = chosen[number * 200 : number * 200 + 80]
        for place in part:
            exact(place)
        warm.append(cpu(deepzoom, part) / cpu(exact, part * 40))
        theirs = cpu(deepzoom, part, drop=descriptor)
        cold.append(theirs / cpu(exact, part * 5, drop=descriptor))
        coldest.append(theirs / cpu(plain_read, part * 5, drop=descriptor))
    worst = _largest_difference(index, descriptor, opened, chosen[:200])
    os.close(descriptor)
    peer = "openslide-python's DeepZoom with Pillow, in the same process"
    return [
        figure("tile in process, file in memory: CPU of peer / of EXACT", warm, 700, peer),
        {
            **figure("tile in process, file dropped from memory: CPU of peer / of EXACT", cold, 120, peer),
            "limit": round(statistics.median(coldest), 1),  # one read of 4 KiB from this disk, and nothing else
        },
        {
            "name": "largest difference of a decoded tile to openslide's pixels",
            "value": worst,
            "unit": "levels of 255",
            "bar": "0",
            "holds": worst == 0,
        },
    ]


def _missing_level(folder: Path) -> list[Figure]:
    """A scale between the file's own ones, as the decode processes make it."""
    from exact_core.settings import Settings
    from exact_core.tiles.frames import Frame
    from exact_core.tiles.probe import probe_file
    from exact_core.tiles.pyramid import level_from_json
    from exact_core.tiles.render import OpenedImage, render_tile
    from exact_core.tiles.sources import open_source
    from exact_core.tiles.tile_index import TileIndex

    slide = write_pyramid(folder / "flat.tif", 8192, levels=False)
    report = probe_file(slide, Settings())
    path = folder / "flat.index"
    path.write_bytes(report.tile_index)
    image = OpenedImage(open_source(report.driver, slide), (), TileIndex(path), os.open(slide, os.O_RDONLY))
    level = next(each for each in map(level_from_json, report.levels) if not each.native)
    zoom = DeepZoomGenerator(openslide.OpenSlide(slide), tile_size=254, overlap=1)
    steps = level.factor.bit_length() - 1

    def exact(place: tuple[int, int, int]) -> object:
        return render_tile(image, level, place[1], place[2], Frame())

    def deepzoom(place: tuple[int, int, int]) -> object:
        buffer = io.BytesIO()
        zoom.get_tile(zoom.level_count - 1 - steps, place[1:]).save(buffer, "jpeg", quality=75)
        return buffer.getvalue()

    generator = random.Random(5)
    ratios = []
    for _ in range(_ROUNDS):
        part = [(0, generator.randrange(level.columns), generator.randrange(level.rows)) for _ in range(10)]
        ratios.append(cpu(deepzoom, part) / cpu(exact, part))
    image.close()
    name = f"level that the file lacks (1/{level.factor}): CPU of peer / of EXACT"
    return [figure(name, ratios, 10, "openslide-python's DeepZoom with Pillow, in the same process")]


def _largest_difference(index: Any, descriptor: int, opened: openslide.OpenSlide, chosen: list[Any]) -> int:
    worst = 0
    for level, column, row in chosen:
        shown = simplejpeg.decode_jpeg(index.levels[level].read(descriptor, 0, column, row), colorspace="RGB")
        height, width = shown.shape[:2]
        at = (column * width * 2**level, row * height * 2**level)
        if opened.level_downsamples[level] != 2**level:
            continue  # OpenSlide cannot be asked for whole pixels of a level whose size was rounded
        expected = np.asarray(opened.read_region(at, level, (width, height)).convert("RGB"))
        worst = max(worst, int(np.abs(shown.astype(np.int16) - expected).max()))
    return worst
