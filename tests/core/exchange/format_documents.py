"""Documents to write in every format, and what must come back."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import numpy as np
from hypothesis import strategies as st

from exact_core.annotations.geometry import Geometry
from exact_core.annotations.rules import DEFAULT_FRAME
from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.exchange.document import (
    ExchangeImage,
    ExchangeType,
    Format,
    ReadContext,
    ReadShape,
    Report,
    WrittenShape,
)

IMAGE = ExchangeImage(7, "slide-1", 2000, 1500, 0.25, 0.25, size_z=5, size_t=3, size_c=2)
SECOND = ExchangeImage(8, "slide-2", 900, 700, 0.5, 0.5)
TUMOR = ExchangeType(1, "Tumor & <stroma>", "Pathology", "#ff8000", (Shape.POLYGON,))
CELL = ExchangeType(2, "Cell \"µ\" 'x'", "Cytology", "#0040c0", (Shape.POINT,))
WHEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@dataclass
class Document:
    """What is exported, in memory."""

    annotations: Mapping[int, Sequence[WrittenShape]]
    images: Sequence[ExchangeImage] = (IMAGE,)
    types: Sequence[ExchangeType] = (TUMOR, CELL)
    title: str = "Study & <1>"
    facts: Mapping[str, Any] = field(default_factory=lambda: {"revision": 12, "content": "abc"})

    def shapes(self, image: ExchangeImage) -> Iterator[WrittenShape]:
        return iter(self.annotations.get(image.id, ()))


def geometry(shape: Shape, rings: Any, holes: Sequence[bool] = (), bits: int = 0) -> Geometry:
    """A geometry of rings in level-0 pixels, stored with fractions of ``bits`` binary digits."""
    arrays = [np.rint(np.asarray(ring, np.float64) * (1 << bits)).astype(np.int32).reshape(-1, 2) for ring in rings]
    flags = tuple(holes) if holes else tuple(index > 0 for index in range(len(arrays)))
    vertices = np.concatenate(arrays) if arrays else np.empty((0, 2), np.int32)
    return Geometry(shape, vertices, tuple(map(len, arrays)), flags, bits)


def annotation(number: int, shape: Shape, rings: Any, holes: Sequence[bool] = (), **more: Any) -> WrittenShape:
    """An annotation whose UUID is its number."""
    facts: dict[str, Any] = {
        "type": TUMOR,
        "frame": Frame(),
        "text": "",
        "attributes": {},
        "author": "Ada",
        "claimed_author": "",
        "created_at": WHEN,
        "edited_at": WHEN,
    }
    bits = more.pop("bits", 0)
    return WrittenShape(
        id=number,
        uuid=f"00000000-0000-4000-8000-{number:012d}",
        geometry=geometry(shape, rings, holes, bits),
        **{**facts, **more},
    )


SQUARE = [[100, 100], [300, 100], [300, 300], [100, 300]]
HOLE = [[150, 150], [150, 200], [200, 200], [200, 150]]
HOLE_2 = [[220, 220], [220, 260], [260, 260]]
FAR = [[800, 800], [1000, 820], [900, 1000]]
FAR_HOLE = [[880, 840], [880, 870], [910, 870]]

EVERY_SHAPE = [
    annotation(1, Shape.POINT, [[[10, 20]]], type=CELL, text='a "dot" & <more>\nin two lines'),
    annotation(
        2, Shape.BOX, [[[10, 20], [60, 50]]], attributes={"grade": 2, "kind": "12", "sure": True, "note": "a < b"}
    ),
    annotation(3, Shape.ELLIPSE, [[[100, 100], [180, 140]]], author="Bo", claimed_author="Dr. Çelik"),
    annotation(4, Shape.ELLIPSE, [[[400, 400], [480, 480]]]),
    annotation(5, Shape.LINE, [[[5, 6], [70, 80]]]),
    annotation(6, Shape.POLYLINE, [[[5, 6], [70, 80], [90, 10], [95, 300]]], text="a way"),
    annotation(7, Shape.POLYGON, [SQUARE]),
    annotation(8, Shape.POLYGON, [SQUARE, HOLE, HOLE_2], text="with holes", attributes={"area": 1.5}),
    annotation(9, Shape.ROTATED_BOX, [[[500, 500], [560, 580], [520, 610], [460, 530]]], type=CELL),
    annotation(10, Shape.MULTI_POLYGON, [SQUARE, HOLE, FAR, FAR_HOLE], [False, True, False, True]),
    annotation(11, Shape.MULTI_POLYGON, [FAR], [False]),
    annotation(12, Shape.IMAGE, [], type=CELL, text="blurred"),
    annotation(13, Shape.POINT, [[[11, 21]]], frame=Frame(z=3, t=1, c=0)),
    annotation(14, Shape.POLYGON, [FAR, FAR_HOLE], frame=Frame(z=2)),
    annotation(15, Shape.POLYGON, [[[0, 0], [1999, 0], [2000, 1500], [0, 1499]]]),
    annotation(16, Shape.BOX, [[[0, 0], [2000, 1500]]]),
]

WITH_FRACTIONS = [
    annotation(21, Shape.POINT, [[[10.25, 20.5]]], bits=4),
    annotation(22, Shape.BOX, [[[10.5, 20.125], [60.0625, 50]]], bits=4),
    annotation(23, Shape.POLYGON, [np.add(SQUARE, 0.4375), np.add(HOLE, 0.0625)], bits=4),
    annotation(24, Shape.ELLIPSE, [[[100.5, 100.25], [180.25, 140.75]]], bits=4),
    annotation(25, Shape.POLYLINE, [[[5.5, 6], [70.0625, 80], [90, 10.9375]]], bits=4),
]


class OnlyWritten:
    """A stream that can neither seek nor be read, as an answer over the network."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> int:
        self.content += data
        return len(data)


def written(format_: Format, document: Document) -> tuple[bytes, Report]:
    """The bytes of a document and what was lost; writing twice must give the same."""
    assert format_.write is not None
    report = Report()
    first, second = OnlyWritten(), OnlyWritten()
    format_.write(document, cast("BinaryIO", first), report)
    format_.write(document, cast("BinaryIO", second), Report())
    assert first.content == second.content, "not the same bytes twice"
    return bytes(first.content), report


def read(
    format_: Format, content: bytes, images: Sequence[ExchangeImage] = (IMAGE,), name: str = ""
) -> tuple[list[ReadShape], Report]:
    """What a file holds."""
    assert format_.read is not None
    context = ReadContext(images, (TUMOR, CELL), Report(), name)
    return list(format_.read(io.BytesIO(content), context)), context.report


def round_trip(format_: Format, annotations: Sequence[WrittenShape]) -> dict[str | None, ReadShape]:
    """Written and read again, by UUID."""
    content, _ = written(format_, Document({IMAGE.id: annotations}))
    found, _ = read(format_, content)
    assert len({shape.uuid for shape in found}) == len(found)
    assert all(shape.place for shape in found)
    return {shape.uuid: shape for shape in found}


def places(geometry_: Geometry) -> list[list[list[float]]]:
    """The rings of a geometry in level-0 pixels, computed apart from the code under test."""
    scale = 2 ** getattr(geometry_, "fraction_bits", 0)
    return [(ring / scale).tolist() for ring in geometry_.rings()]


def same_geometry(found: ReadShape, expected: WrittenShape, tolerance: float) -> None:
    """Fail unless shape, rings and holes are the expected ones."""
    assert found.shape == expected.geometry.shape
    rings = places(expected.geometry)
    assert len(found.rings) == len(rings)
    for ring, wanted in zip(found.rings, rings, strict=True):
        assert np.asarray(ring).shape == np.asarray(wanted).shape
        np.testing.assert_allclose(ring, wanted, rtol=0, atol=tolerance)
    if len(rings) > 1:
        assert tuple(found.holes) == expected.geometry.ring_holes


def same(found: ReadShape, expected: WrittenShape, tolerance: float = 1e-9) -> None:
    """Fail unless everything that the document model has came back."""
    same_geometry(found, expected, tolerance)
    assert found.label == expected.type.name
    assert found.text == expected.text
    assert dict(found.attributes) == dict(expected.attributes)
    assert found.author == (expected.claimed_author or expected.author)
    assert (found.frame or DEFAULT_FRAME) == expected.frame
    assert found.uuid == expected.uuid


def coordinates(bits: int = 3) -> st.SearchStrategy[float]:
    """Places on and around the image, in fractions of a pixel."""
    return st.integers(-50 << bits, 2050 << bits).map(lambda value: value / (1 << bits))


def any_ring(least: int = 3, most: int = 12, bits: int = 3) -> st.SearchStrategy[list[list[float]]]:
    """Different vertices, in any order."""
    vertex = st.tuples(coordinates(bits), coordinates(bits))
    return st.lists(vertex, min_size=least, max_size=most, unique=True).map(lambda ring: [list(each) for each in ring])


def any_corners(bits: int = 3) -> st.SearchStrategy[list[list[float]]]:
    """The upper left and lower right corner of a box with an area."""
    size = st.integers(1, 800 << bits).map(lambda value: value / (1 << bits))
    at = coordinates(bits)
    return st.tuples(at, at, size, size).map(lambda box: [[box[0], box[1]], [box[0] + box[2], box[1] + box[3]]])


def any_annotation(bits: int = 3) -> st.SearchStrategy[WrittenShape]:
    """An annotation of any shape, with text, attributes, author and frame."""
    holes = st.lists(any_ring(bits=bits), max_size=2)
    polygon = st.tuples(any_ring(bits=bits), holes).map(
        lambda found: ([found[0], *found[1]], [False] + [True] * len(found[1]))
    )
    several = st.lists(polygon, min_size=1, max_size=3).map(
        lambda parts: ([ring for rings, _ in parts for ring in rings], [hole for _, flags in parts for hole in flags])
    )
    geometries = st.one_of(
        any_ring(1, 1, bits).map(lambda ring: (Shape.POINT, [ring], [False])),
        any_corners(bits).map(lambda ring: (Shape.BOX, [ring], [False])),
        any_corners(bits).map(lambda ring: (Shape.ELLIPSE, [ring], [False])),
        any_ring(2, 2, bits).map(lambda ring: (Shape.LINE, [ring], [False])),
        any_ring(3, 9, bits).map(lambda ring: (Shape.POLYLINE, [ring], [False])),
        polygon.map(lambda found: (Shape.POLYGON, *found)),
        several.map(lambda found: (Shape.MULTI_POLYGON, *found)),
    )
    text = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=12).map(
        str.strip
    )
    value = st.one_of(st.integers(-(10**6), 10**6), st.booleans(), text.filter(bool), st.floats(-1e6, 1e6), st.none())
    frame = st.tuples(*[st.integers(-1, 4)] * 3).map(lambda found: Frame(*found))
    return st.builds(
        lambda number, found, text_, attributes, author, frame_, type_: annotation(
            number,
            found[0],
            found[1],
            found[2],
            bits=bits,
            text=text_,
            attributes=attributes,
            author=author,
            frame=frame_,
            type=type_,
        ),
        st.integers(1, 10**9),
        geometries,
        text,
        st.dictionaries(st.text("abcXYZ_", min_size=1, max_size=8), value, max_size=3),
        text,
        frame,
        st.sampled_from([TUMOR, CELL]),
    )
