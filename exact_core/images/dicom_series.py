"""Which series a DICOM file belongs to, read from its header without any library and without trusting a length."""

from __future__ import annotations

import struct
from typing import BinaryIO

_SERIES = (0x0020, 0x000E)
_TRANSFER_SYNTAX = (0x0002, 0x0010)
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_UNKNOWN_LENGTH = 0xFFFFFFFF
_MOST_ELEMENTS = 20_000
_MOST_DEPTH = 16
_HEAD_BYTES = 4 * 1024 * 1024
_IMPLICIT = "1.2.840.10008.1.2"
_UNREADABLE_HERE = frozenset({"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})  # big endian, deflated


class _NotDicom(Exception):
    """The header makes no sense."""


def series_of(file: BinaryIO) -> str | None:
    """The Series Instance UID, an empty text when a DICOM file hides it, None when the file is not DICOM."""
    head = file.read(_HEAD_BYTES)
    if head[128:132] != b"DICM":
        return None
    try:
        return _Reader(head).series()
    except (_NotDicom, struct.error):
        return ""


class _Reader:
    """Walks data elements in the first megabytes of a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 132
        self._left = _MOST_ELEMENTS
        self._implicit = False

    def series(self) -> str:
        syntax = ""
        while self._at < len(self._data):
            if syntax and struct.unpack_from("<H", self._data, self._at)[0] != 2:
                self._implicit = syntax == _IMPLICIT
                if syntax in _UNREADABLE_HERE:
                    return ""
            tag, _, length = self._element()
            if tag == _TRANSFER_SYNTAX:
                syntax = self._text(length)
            elif tag == _SERIES:
                return self._text(length)
            elif tag > _SERIES:
                return ""
            elif length == _UNKNOWN_LENGTH:
                self._skip_items(0)
            else:
                self._skip(length)
        return ""

    def _element(self) -> tuple[tuple[int, int], bytes, int]:
        self._left -= 1
        if self._left < 0:
            raise _NotDicom
        tag = struct.unpack_from("<HH", self._data, self._at)
        self._at += 4
        if tag[0] == 0xFFFE or (self._implicit and tag[0] != 2):
            (length,) = struct.unpack_from("<I", self._data, self._at)
            self._at += 4
            return tag, b"", length
        kind = self._data[self._at : self._at + 2]
        if kind in _LONG:
            (length,) = struct.unpack_from("<I", self._data, self._at + 4)
            self._at += 8
        else:
            (length,) = struct.unpack_from("<H", self._data, self._at + 2)
            self._at += 4
        return tag, kind, length

    def _skip_items(self, depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise _NotDicom
        while True:
            tag, _, length = self._element()
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM:
                raise _NotDicom
            if length != _UNKNOWN_LENGTH:
                self._skip(length)
                continue
            while True:
                inner, _, inner_length = self._element()
                if inner == _ITEM_END:
                    break
                if inner_length == _UNKNOWN_LENGTH:
                    self._skip_items(depth + 1)
                else:
                    self._skip(inner_length)

    def _skip(self, length: int) -> None:
        if length > len(self._data) - self._at:
            raise _NotDicom
        self._at += length

    def _text(self, length: int) -> str:
        start = self._at
        self._skip(length)
        return self._data[start : start + min(length, 128)].rstrip(b"\0 ").decode("ascii", "replace")
