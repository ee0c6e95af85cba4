"""Files of any size are read within bounded memory; what is larger than any shape is refused before it is held."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from exact_core.api.errors import Invalid
from exact_core.exchange.reading import Source, read_into
from exact_core.exchange.registry import all_built_in, built_in
from exact_core.exchange.staging import Staging
from tests.core.exchange.conftest import Desk
from tests.core.exchange.format_documents import CELL, IMAGE, TUMOR

MOST_MIB = 320
"""Of a process that imports and exports 100,000 polygons; it begins with about 150."""


@pytest.mark.timeout(900)  # the machine may be busy
def test_a_hundred_thousand_polygons_need_little_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.core.exchange.memory_probe", str(tmp_path), "100000"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=880)
    found = json.loads(answer.stdout)
    assert found["added"] == 100_000
    assert found["import_peak_mib"] < MOST_MIB, found
    assert found["peak_mib"] < MOST_MIB, found


class Made(io.RawIOBase):
    """A file that is made while it is read: a beginning, a piece again and again, an end; it can seek."""

    def __init__(self, begin: bytes, piece: bytes, times: int, end: bytes) -> None:
        self._begin, self._piece, self._end = begin, piece, end
        self._middle = len(piece) * times
        self._size = len(begin) + self._middle + len(end)
        self._at = 0
        self.furthest = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0 if whence == 0 else self._at if whence == 1 else self._size)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._size - self._at)
        done = 0
        while done < wanted:
            part = self._from(self._at + done)[: wanted - done]
            buffer[done : done + len(part)] = part
            done += len(part)
        self._at += done
        self.furthest = max(self.furthest, self._at)
        return done

    def _from(self, place: int) -> bytes:
        if place < len(self._begin):
            return self._begin[place:]
        place -= len(self._begin)
        if place < self._middle:
            return self._piece[place % len(self._piece) :]
        return self._end[place - self._middle :]


HEADS = {
    "geojson": (b'{"type": "FeatureCollection", "features": [', b"]}"),
    "coco": (
        b'{"images": [{"id": 1, "file_name": "slide-1", "width": 2000, "height": 1500}], '
        b'"categories": [{"id": 1, "name": "Cell"}], "annotations": [',
        b"]}",
    ),
    "darwin": (b'{"version": "2.0", "item": {"name": "slide-1"}, "annotations": [', b"]}"),
}


def read(name: str, made: Made, tmp_path: Path) -> tuple[int, list[str]]:
    """How many shapes a file has, and why others were refused."""
    staging = Staging(tmp_path / "staged")
    source = Source(
        io.BufferedReader(made, 1 << 20), "file", [IMAGE], [TUMOR, CELL], list(all_built_in()), built_in(name)
    )
    try:
        content = read_into(staging, source)
    finally:
        staging.close()
    return content.shapes, [reason for _, reason in content.report.refused]


@contextmanager
def held_at_most(mib: float) -> Iterator[None]:
    """Hold what the block does to a peak of memory above what there was before it."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory("VmRSS")
    yield
    assert _memory("VmHWM") - before < mib, "it was held in memory"


def _memory(name: str) -> float:
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0]) / 1024


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize(
    ("piece", "times"),
    [
        (b"[", 200_000),
        (b'{"a":', 100_000),
        (b'"' + b"a" * 65_535, 2_000),
        (b" " * 65_536, 1_500),
        (b"1,", 300_000),
        (b"\0" * 65_536, 1_500),
    ],
    ids=["brackets", "objects", "a text without end", "spaces", "numbers", "zeros"],
)
def test_what_never_ends_is_refused_without_being_held(name: str, piece: bytes, times: int, tmp_path: Path) -> None:
    begin, end = HEADS[name]
    with held_at_most(220), suppress(Invalid):  # or nothing is found in it
        shapes, _ = read(name, Made(begin, piece, times, end), tmp_path)
        assert shapes == 0


def polygons(name: str, ring: str) -> str:
    """One shape of a ring in each format."""
    if name == "geojson":
        return (
            '{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [['
            + ring
            + "]]}, "
            + ('"properties": {"classification": {"name": "Cell"}}}')
        )
    if name == "coco":
        flat = ring.replace("[", "").replace("]", "")
        return '{"image_id": 1, "category_id": 1, "segmentation": [[' + flat + '], "bbox": [0, 0, 1, 1]}'.replace(
            '], "bbox"', ']], "bbox"'
        )  # fmt: skip
    pairs = [pair.split(",") for pair in ring.strip("[]").split("],[")]
    points = ", ".join(f'{{"x": {x}, "y": {y}}}' for x, y in pairs)
    return '{"name": "Cell", "polygon": {"paths": [[' + points + "]]}}"


@pytest.mark.parametrize("name", HEADS)
def test_numbers_that_are_none_and_rings_that_turn_the_wrong_way(name: str, tmp_path: Path) -> None:
    begin, end = HEADS[name]
    good = polygons(name, "[10,10],[10,50],[50,50],[50,12]")
    other_way = polygons(name, "[10,10],[50,12],[50,50],[10,50]")
    bad = [polygons(name, ring) for ring in ("[10,10],[NaN,50],[50,50]", "[10,10],[1e999,50],[50,50]")]
    shapes, reasons = read(name, Made(begin, ", ".join([good, *bad, other_way]).encode(), 1, end), tmp_path)
    assert (shapes, len(reasons)) == (2, 2), reasons


def vertices(times: int) -> Made:
    """A file of one shape between two good ones."""
    good = polygons("geojson", "[10,10],[10,50],[50,50]").encode()
    feature = b', {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [['
    return Made(HEADS["geojson"][0] + good + feature, b"[1,2],", times, b"[1,2]]]}}, " + good + b"]}")


def test_a_shape_of_ten_million_vertices_is_refused_and_the_others_come(tmp_path: Path) -> None:
    with held_at_most(400):
        shapes, refused = read("geojson", vertices(10_000_000), tmp_path)
    assert shapes == 2
    assert len(refused) == 1
    assert "larger than any shape" in refused[0]


def test_what_is_larger_than_any_text_of_a_shape_ends_the_reading_before_it_is_held(tmp_path: Path) -> None:
    made = vertices(40_000_000)
    with pytest.raises(Invalid, match="larger than any shape"):
        read("geojson", made, tmp_path)
    assert made.furthest < 80_000_000


def test_winding_does_not_matter(desk: Desk) -> None:
    rings = [[[10, 10], [10, 50], [50, 50], [50, 10.5]], [[110, 10], [150, 10.5], [150, 50], [110, 50]]]
    for ring in rings:
        ring.append(ring[0])
    hole = [[20, 20], [30, 20], [30, 30], [20, 30], [20, 20]]
    features = [
        {"type": "Feature", "properties": {"classification": {"name": "Cell"}},
         "geometry": {"type": "Polygon", "coordinates": coordinates}}
        for coordinates in ([rings[0], hole], [rings[0], hole[::-1]], [rings[1]], [rings[1][::-1]])
    ]  # fmt: skip
    desk.bring(json.dumps({"type": "FeatureCollection", "features": features}).encode())
    packed = [row.packed for row in desk.rows()]
    assert len(packed) == 4
    areas = sorted({tuple(sorted(map(tuple, row.geometry.xy.tolist()))) for row in desk.rows()})
    assert len(areas) == 2
