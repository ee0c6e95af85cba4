"""XML that attacks or is broken: refused with a reason, quickly, in little memory, whatever the format."""

from __future__ import annotations

import contextlib
import io
import time
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from exact_core.api.errors import Invalid
from exact_core.exchange import xml_reading
from exact_core.exchange.document import ReadContext, Report
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, Document, read, written

NAMES = ["aperio-xml", "asap-xml", "ndpa", "ome-xml"]
ROOTS = {"aperio-xml": "Annotations", "asap-xml": "ASAP_Annotations", "ndpa": "annotations", "ome-xml": "OME"}
LAUGHS = "".join(
    f'<!ENTITY l{level} "{"&l" + str(level - 1) + ";" if level else "lol"}{"&l0;" * 9 if level else ""}">'
    for level in range(9)
)


def test_this_file_names_every_xml_format() -> None:
    assert set(ROOTS) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("before", "inside"),
    [
        ("<!DOCTYPE x [" + LAUGHS + "]>", "&l8;"),
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "&e;"),
        ('<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', ""),
        ('<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>', ""),
    ],
)
def test_document_types_are_refused_with_the_reason(name: str, before: str, inside: str) -> None:
    root = ROOTS[name]
    content = f'<?xml version="1.0"?>{before}<{root}>{inside}</{root}>'.encode()
    with pytest.raises(Invalid, match=r"document type \(DTD\)"):
        read(built_in(name), content)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"   \n", "ends early|not XML"),
        (b"not xml at all", "not XML"),
        (b"<ROOT><b></ROOT>", "not XML"),
        (b"<ROOT>", "ends early"),
        (b"<ROOT x='1' x='2'/>", "not XML"),
        (b"<ROOT>&undefined;</ROOT>", "not XML"),
        (b"<ROOT>\x00</ROOT>", "not XML"),
        (b'<?xml version="1.0" encoding="klingon"?><ROOT/>', "'klingon'"),
        (b'<?xml version="1.0" encoding="shift_jis"?><ROOT/>', "'shift_jis'"),
        (b'<?xml version="1.0" encoding="UTF-8"?><ROOT>\xff\xfe\xfa</ROOT>', "not XML"),
        (b"<ROOT/><b/>", "not XML"),
        (b"<other/>", "starts with 'other'"),
    ],
)
def test_what_is_no_xml_is_refused(name: str, content: bytes, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        read(built_in(name), content.replace(b"ROOT", ROOTS[name].encode()))


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_file_is_refused_wherever_it_is_cut(name: str) -> None:
    content, _ = written(built_in(name), Document({IMAGE.id: EVERY_SHAPE}))
    for cut in range(1, len(content.rstrip()) - 1, 211):
        with pytest.raises(Invalid):
            read(built_in(name), content[:cut])


@pytest.mark.parametrize("name", NAMES)
def test_changed_bytes_never_do_more_than_refuse(name: str) -> None:
    content, _ = written(built_in(name), Document({IMAGE.id: EVERY_SHAPE}))
    rng = np.random.default_rng(7)
    for _ in range(150):
        changed = bytearray(content)
        for at in rng.integers(0, len(content), 4):
            changed[at] = rng.integers(32, 127)
        with contextlib.suppress(Invalid):
            read(built_in(name), bytes(changed))


@pytest.mark.parametrize("name", NAMES)
def test_deep_nesting_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="nests"):
        read(built_in(name), f"<{ROOTS[name]}>".encode() + b"<a>" * 100_000)


@pytest.mark.parametrize("name", NAMES)
def test_huge_coordinates_stay_numbers_for_the_import_to_refuse(name: str) -> None:
    content, _ = written(built_in(name), Document({IMAGE.id: EVERY_SHAPE[6:7]}))
    text = content.decode().replace('"300"', '"1e300"').replace("300,", "1e300,").replace("<x>-175000<", "<x>1e300<")
    (found,), _ = read(built_in(name), text.encode())
    assert np.isfinite(found.rings[0]).all()
    assert np.abs(found.rings[0]).max() > 1e200


class Endless(io.RawIOBase):
    """A file made while it is read: so many bytes of a repeated text after a start."""

    def __init__(self, start: bytes, again: bytes, size: int) -> None:
        self._start, self._again, self._size, self._at = start, again, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        if self._at >= self._size:
            return b""
        size = min(size, self._size - self._at)
        start = self._start[self._at : self._at + size]
        rest = size - len(start)
        offset = max(self._at - len(self._start), 0) % len(self._again)
        self._at += size
        return start + (self._again * (rest // len(self._again) + 2))[offset : offset + rest]


def peak_of(shapes: Iterator[object]) -> int:
    tracemalloc.start()
    with contextlib.suppress(Invalid):
        for _ in shapes:
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def context() -> ReadContext:
    return ReadContext((IMAGE,), (), Report())


REPEATED = {
    "aperio-xml": (
        b'<Annotations><Annotation Name="a"><Regions>',
        b'<Region Type="0"><Vertices><Vertex X="1" Y="2"/><Vertex X="9" Y="2"/><Vertex X="9" Y="8"/></Vertices>'
        b"</Region>",
    ),
    "asap-xml": (
        b"<ASAP_Annotations><Annotations>",
        b'<Annotation Name="a" Type="Dot" PartOfGroup="b"><Coordinates><Coordinate Order="0" X="1" Y="2"/>'
        b"</Coordinates></Annotation>",
    ),
    "ndpa": (
        b"<annotations>",
        b'<ndpviewstate id="1"><title>t</title><annotation type="pin"><x>1</x><y>2</y></annotation></ndpviewstate>',
    ),
    "ome-xml": (
        b'<OME><Image ID="Image:0" Name="n"/>',
        b'<ROI ID="ROI:0"><Union><Rectangle X="1" Y="2" Width="3" Height="4"/></Union></ROI>',
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_grow_with_the_file(name: str) -> None:
    format_ = built_in(name)
    assert format_.read is not None
    read_ = format_.read
    start, again = REPEATED[name]
    small, large = (peak_of(read_(Endless(start, again, size), context())) for size in (200_000, 1_400_000))  # type: ignore[arg-type]
    assert large < small + 400_000


@pytest.mark.parametrize("name", NAMES)
def test_an_endless_tag_is_refused_in_linear_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_reading, "MAX_TOKEN", 8 << 20)
    format_ = built_in(name)
    assert format_.read is not None
    start = time.process_time()
    with pytest.raises(Invalid, match="more than 8 MiB"):
        list(format_.read(Endless(f'<{ROOTS[name]} b="'.encode(), b"x", 1 << 30), context()))  # type: ignore[arg-type]
    assert time.process_time() - start < 20
