"""What a file holds, set aside on disk before anything of the platform is touched: by image, in the file's order.

Reading a file of a million shapes takes a minute; writing them takes seconds. Setting them aside first keeps the
database's write lock short, tells what is in the file before anything is changed, and needs memory for one piece only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from exact_core.annotations.geometry import MAX_RINGS, MAX_VERTICES
from exact_core.annotations.scope import Frame
from exact_core.api.errors import Invalid
from exact_core.exchange.document import ReadShape, Ring
from exact_core.exchange.placing import Places

PIECE_SHAPES = 20_000
"""Shapes that are checked, packed and written together."""

_PIECE_VERTICES = 1_000_000
_TABLES = (
    "piece (id INTEGER PRIMARY KEY, image INTEGER, boxes BLOB, data BLOB)",
    "image (number INTEGER PRIMARY KEY, name TEXT, width INTEGER, height INTEGER)",
)


@dataclass(slots=True)
class Piece:
    """Some shapes of one image: their places as flat arrays, and what is said of each, in the same order.

    ``frames`` and ``scores`` hold None where the file says nothing; ``labels`` are those of the file.
    """

    places: Places
    where: list[str]
    labels: list[str]
    uuids: list[str | None]
    texts: list[str]
    attributes: list[dict[str, Any]]
    authors: list[str]
    frames: list[Frame | None]
    scores: list[float | None]
    colors: list[str | None]

    def __len__(self) -> int:
        return len(self.places)


class Staging:
    """A file with the shapes of an import.

    Attributes:
        names: What the file calls its images, by their numbers, in order of coming; None where it does not say.
        sizes: Width and height of each, as the file says them first.
    """

    def __init__(self, path: Path) -> None:
        self.names: list[str | None] = []
        self.sizes: list[tuple[int, int] | None] = []
        self._numbers: dict[str | None, int] = {}
        self._open: dict[int, list[ReadShape]] = {}
        self._waiting = 0
        self._waiting_vertices = 0
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        for table in _TABLES:
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        for number, name, *size in self._connection.execute("SELECT * FROM image ORDER BY number"):
            self.names.append(name)
            self.sizes.append((size[0], size[1]) if size[0] else None)
            self._numbers[name] = number

    def add(self, shape: ReadShape) -> int:
        """Set a shape aside; returns the number of its image. ``Invalid`` for what could never be one shape."""
        vertices = sum(map(len, shape.rings))
        if vertices > MAX_VERTICES or len(shape.rings) > MAX_RINGS:
            raise Invalid(f"It has more than {MAX_VERTICES:,} vertices or {MAX_RINGS:,} rings; simplify it.")
        if len(shape.holes) != len(shape.rings) > 1:
            raise Invalid(f"There are {len(shape.rings)} rings but {len(shape.holes)} words about holes.")
        number = self._numbers.get(shape.image)
        if number is None:
            number = self._numbers[shape.image] = len(self.names)
            self.names.append(shape.image)
            self.sizes.append(shape.image_size)
            size = shape.image_size or (None, None)
            self._connection.execute("INSERT INTO image VALUES (?, ?, ?, ?)", (number, shape.image, *size))
        self._open.setdefault(number, []).append(shape)
        self._waiting += 1
        self._waiting_vertices += vertices
        if self._waiting >= PIECE_SHAPES or self._waiting_vertices >= _PIECE_VERTICES:
            self.flush()
        return number

    def flush(self) -> None:
        """Write everything that waits."""
        self._connection.execute("BEGIN")
        rows = [(number, *_encoded(waiting)) for number, waiting in self._open.items()]
        self._connection.executemany("INSERT INTO piece (image, boxes, data) VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")
        self._open.clear()
        self._waiting = self._waiting_vertices = 0

    def finish(self) -> None:
        """Write what waits, and make finding an image's shapes quick."""
        self.flush()
        self._connection.execute("CREATE INDEX IF NOT EXISTS by_image ON piece (image, id)")

    def pieces(self, number: int) -> Iterator[Piece]:
        """The shapes of one image in the file's order, some thousands at a time."""
        rows = self._connection.cursor().execute("SELECT data FROM piece WHERE image = ? ORDER BY id", (number,))
        held: list[Piece] = []
        for (data,) in rows:
            held.append(_decoded(data))
            if sum(map(len, held)) >= PIECE_SHAPES or sum(len(each.places.xy) for each in held) >= _PIECE_VERTICES:
                yield _joined(held)
                held = []
        if held:
            yield _joined(held)

    def boxes(self, number: int) -> Iterator[NDArray[np.float64]]:
        """Bounding boxes of the shapes of one image, ``(n, 4)``; NaN for labels without vertices."""
        rows = self._connection.cursor().execute("SELECT boxes FROM piece WHERE image = ? ORDER BY id", (number,))
        for (data,) in rows:
            yield np.frombuffer(data, np.float64).reshape(-1, 4)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _encoded(shapes: Sequence[ReadShape]) -> tuple[bytes, bytes]:
    """Bounding boxes, and everything: a header of JSON, padded to multiples of 8, and the vertices."""
    rings = [_ring(ring) for shape in shapes for ring in shape.rings]
    labels: dict[str, int] = {}
    authors: dict[str, int] = {}
    head: dict[str, Any] = {
        "shape": [shape.shape.number for shape in shapes],
        "rings": [len(shape.rings) for shape in shapes],
        "length": [len(ring) for ring in rings],
        "hole": [int(hole) for shape in shapes for hole in _holes(shape)],
        "where": [shape.place for shape in shapes],
        "label": [labels.setdefault(shape.label, len(labels)) for shape in shapes],
        "uuid": [shape.uuid for shape in shapes],
        "text": [shape.text for shape in shapes],
        "attributes": [dict(shape.attributes) for shape in shapes],
        "author": [authors.setdefault(shape.author, len(authors)) for shape in shapes],
        "frame": [[frame.z, frame.t, frame.c] if (frame := shape.frame) else None for shape in shapes],
        "score": [shape.score for shape in shapes],
        "color": [shape.color for shape in shapes],
    }
    head |= {"labels": list(labels), "authors": list(authors)}
    text = orjson.dumps(head)
    text += b" " * (-len(text) % 8)
    xy = np.concatenate(rings) if rings else np.empty((0, 2))
    boxes = _places(head, xy).boxes()
    return boxes.tobytes(), len(text).to_bytes(8, "little") + text + xy.tobytes()


def _places(head: Mapping[str, Any], xy: NDArray[np.float64]) -> Places:
    return Places(
        np.array(head["shape"], np.uint8),
        np.concatenate([[0], np.cumsum(head["rings"], dtype=np.int64)]),
        np.array(head["length"], np.int64),
        np.array(head["hole"], np.uint8),
        xy,
    )


def _ring(ring: Ring) -> Ring:
    if isinstance(ring, np.ndarray) and ring.dtype == np.float64 and ring.ndim == 2:
        return ring
    return np.asarray(ring, np.float64).reshape(-1, 2)


def _holes(shape: ReadShape) -> Sequence[bool]:
    """One word for each ring; that a single one is an outline need not be said."""
    return shape.holes if len(shape.rings) > 1 else [False] * len(shape.rings)


def _decoded(data: bytes) -> Piece:
    size = int.from_bytes(data[:8], "little")
    head = orjson.loads(data[8 : 8 + size])
    labels, authors = head["labels"], head["authors"]
    places = _places(head, np.frombuffer(data, np.float64, offset=8 + size).reshape(-1, 2))
    return Piece(
        places,
        head["where"],
        [labels[number] for number in head["label"]],
        head["uuid"],
        head["text"],
        head["attributes"],
        [authors[number] for number in head["author"]],
        [Frame(*frame) if frame else None for frame in head["frame"]],
        head["score"],
        head["color"],
    )


def _joined(pieces: Sequence[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    rings = np.concatenate([np.diff(piece.places.ring_start) for piece in pieces])
    places = Places(
        np.concatenate([piece.places.shape for piece in pieces]),
        np.concatenate([[0], np.cumsum(rings)]),
        np.concatenate([piece.places.ring_length for piece in pieces]),
        np.concatenate([piece.places.ring_hole for piece in pieces]),
        np.concatenate([piece.places.xy for piece in pieces]),
    )

    def all_of(name: str) -> list[Any]:
        return [value for piece in pieces for value in getattr(piece, name)]

    return Piece(places, *(all_of(name) for name in _SAID))


_SAID = ("where", "labels", "uuids", "texts", "attributes", "authors", "frames", "scores", "colors")
