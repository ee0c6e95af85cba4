"""Writing XML as a stream, the same bytes for the same document."""

from __future__ import annotations

import re
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from exact_core.exchange.document import Report

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PIECE = 64 * 1024


class XmlWriter:
    """Gathers small texts and writes them in pieces, as UTF-8."""

    def __init__(self, stream: BinaryIO, report: Report) -> None:
        self._stream = stream
        self._report = report
        self._waiting: list[str] = []
        self._length = 0

    def raw(self, text: str) -> None:
        """Write text that is XML already."""
        self._waiting.append(text)
        self._length += len(text)
        if self._length > _PIECE:
            self.flush()

    def text(self, value: str) -> str:
        """Text between tags, escaped."""
        return escape(self._allowed(value), {"\r": "&#13;"})

    def quoted(self, value: str) -> str:
        """A value of an attribute with its quotes, escaped."""
        return quoteattr(self._allowed(value))

    def flush(self) -> None:
        """Hand everything on."""
        self._stream.write("".join(self._waiting).encode())
        self._waiting.clear()
        self._length = 0

    def _allowed(self, value: str) -> str:
        if not _NOT_IN_XML.search(value):
            return value
        self._report.lose("control characters in texts: XML has none, � stands for them")
        return _NOT_IN_XML.sub("\ufffd", value)
