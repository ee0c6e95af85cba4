"""Facts of films, from the headers of their files: how long, and whether there are pictures at all.

Only boxes and elements on the way to these facts are looked at, each a few bytes; samples are never read. Everything
that does not add up raises ``ValueError``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MOST_BOXES = 4096
_MOST_BYTES = 4096  # of one box or element that is read as a whole
_EBML, _SEGMENT, _INFO, _TRACKS = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B
_DOC_TYPE, _SCALE, _DURATION, _TRACK, _TRACK_TYPE, _CLUSTER = 0x4282, 0x2AD7B1, 0x4489, 0xAE, 0x83, 0x1F43B675
_OPEN_ENDED = -1


@dataclass(slots=True)
class FilmFacts:
    """What a film's headers say: its length in seconds, if it does, and what its tracks are."""

    duration: float | None = None
    has_pictures: bool = False
    has_sound: bool = False
    doc_type: str = ""


def mp4_facts(file: BinaryIO) -> FilmFacts:
    """Facts of an MP4 or QuickTime file."""
    facts = FilmFacts()
    size = file.seek(0, 2)
    for name, start, end in _boxes(file, 0, size):
        if name == b"moov":
            _read_movie(file, start, end, facts)
            break
    else:
        raise ValueError("it has no movie header; the file may be cut off")
    if not (facts.has_pictures or facts.has_sound):
        raise ValueError("it has neither pictures nor sound")
    return facts


def _read_movie(file: BinaryIO, start: int, end: int, facts: FilmFacts) -> None:
    for name, begin, stop in _boxes(file, start, end):
        if name == b"mvhd":
            facts.duration = _length_of(_read(file, begin, stop))
        elif name == b"trak":
            kind = _track_kind(file, begin, stop)
            facts.has_pictures |= kind == b"vide"
            facts.has_sound |= kind == b"soun"


def _track_kind(file: BinaryIO, start: int, end: int) -> bytes:
    for name, begin, stop in _boxes(file, start, end):
        if name == b"mdia":
            for inner, place, last in _boxes(file, begin, stop):
                if inner == b"hdlr":
                    return _read(file, place, last)[8:12]
    return b""


def _length_of(header: bytes) -> float | None:
    wide = bool(header[:1] == b"\x01")
    form, place = (">IQ", 20) if wide else (">II", 12)
    if len(header) < place + struct.calcsize(form):
        raise ValueError("its movie header is cut off")
    scale, length = struct.unpack_from(form, header, place)
    unknown = length in (0, 2**32 - 1, 2**64 - 1)
    return None if unknown or not scale else length / scale


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of the content of each box between two places."""
    place = start
    for _ in range(_MOST_BOXES):
        if place + 8 > end:
            return
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            return
        size, name = struct.unpack_from(">I4s", head)
        header = 8
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack_from(">Q", head, 8)
            header = 16
        stop = end if size == 0 else place + size
        if stop < place + header:
            raise ValueError("its boxes are broken")
        yield name, place + header, min(stop, end)
        place = stop
    raise ValueError("it has too many boxes")


def matroska_facts(file: BinaryIO) -> FilmFacts:
    """Facts of a Matroska or WebM file."""
    facts = FilmFacts()
    scale, length = 1_000_000, None
    size = file.seek(0, 2)
    for name, start, end in _elements(file, 0, size):
        if name == _EBML:
            for inner, begin, stop in _elements(file, start, end):
                if inner == _DOC_TYPE:
                    facts.doc_type = _read(file, begin, stop).rstrip(b"\0").decode("ascii", "replace")
        elif name == _SEGMENT:
            for inner, begin, stop in _elements(file, start, end):
                if inner == _INFO:
                    scale, length = _segment_length(file, begin, stop, scale, length)
                elif inner == _TRACKS:
                    _read_tracks(file, begin, stop, facts)
                elif inner == _CLUSTER:
                    break  # from here on there are samples
            break
    if not (facts.has_pictures or facts.has_sound):
        raise ValueError("it has neither pictures nor sound")
    if length is not None and math.isfinite(length) and length > 0:
        facts.duration = length * scale / 1e9
    return facts


def _segment_length(file: BinaryIO, start: int, end: int, scale: int, length: float | None) -> tuple[int, float | None]:
    for name, begin, stop in _elements(file, start, end):
        if name == _SCALE:
            scale = int.from_bytes(_read(file, begin, stop)[:8], "big") or scale
        elif name == _DURATION:
            data = _read(file, begin, stop)
            form = {4: ">f", 8: ">d"}.get(len(data))
            length = struct.unpack(form, data)[0] if form else length
    return scale, length


def _read_tracks(file: BinaryIO, start: int, end: int, facts: FilmFacts) -> None:
    for name, begin, stop in _elements(file, start, end):
        if name != _TRACK:
            continue
        for inner, place, last in _elements(file, begin, stop):
            if inner == _TRACK_TYPE:
                kind = int.from_bytes(_read(file, place, last)[:8], "big")
                facts.has_pictures |= kind == 1
                facts.has_sound |= kind == 2


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of the content of each EBML element between two places."""
    place = start
    for _ in range(_MOST_BOXES):
        if place >= end:
            return
        name, after = _number(file, place, keeps_mark=True)
        size, begin = _number(file, after, keeps_mark=False)
        stop = end if size == _OPEN_ENDED else begin + size
        yield name, begin, min(stop, end)
        place = stop
    raise ValueError("it has too many elements")


def _number(file: BinaryIO, place: int, *, keeps_mark: bool) -> tuple[int, int]:
    """A number of variable length, and the place behind it."""
    file.seek(place)
    data = file.read(8)
    if not data or not data[0]:
        raise ValueError("its elements are broken")
    length = 9 - data[0].bit_length()
    if length > len(data) or (keeps_mark and length > 4):
        raise ValueError("its elements are broken")
    value = int.from_bytes(data[:length], "big")
    if keeps_mark:
        return value, place + length
    most = (1 << 7 * length) - 1
    value &= most
    return (_OPEN_ENDED if value == most else value), place + length


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(max(end - start, 0), _MOST_BYTES))
