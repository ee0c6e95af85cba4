"""Reading XML of strangers as a stream: element by element in constant memory, without document types or entities.

Expat calls a handler for each element; what the handler finds is handed out after each piece of the file. Files with
a document type are refused: entities, and with them every bomb and every reference to other files, live there.
"""

from __future__ import annotations

import contextlib
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Generic, TypeVar
from xml.parsers import expat

from exact_core.api.errors import Invalid

Found = TypeVar("Found")
Attributes = dict[str, str]

PIECE = 64 * 1024
MAX_DEPTH = 64
MAX_TOKEN = 64 * 1024 * 1024
"""Bytes of one tag with its attributes, which must be in memory at once."""
MAX_TEXT = 256 * 1024 * 1024
"""Characters of the text of one element."""


class XmlHandler(Generic[Found]):
    """What one format does with elements; names come without their prefix.

    A handler appends what it finds to ``found``. Text is gathered for the elements that ``start`` returns True for, and
    is handed to ``end``.
    """

    what = "XML"
    roots: frozenset[str] = frozenset()
    """Names that the outermost element of such a file may have."""

    def __init__(self) -> None:
        self.found: deque[Found] = deque()
        self.line = 0

    def start(self, name: str, attributes: Attributes) -> bool | None:
        """An element begins."""

    def end(self, name: str, text: str) -> None:
        """An element ends."""

    def closed(self) -> None:
        """The file ended well."""


def read_xml(stream: BinaryIO, handler: XmlHandler[Found]) -> Iterator[Found]:
    """What the handler finds, while the file is read.

    Raises:
        Invalid: For a file that is no XML, ends early, declares a document type, or nests too deeply.
    """
    parser = expat.ParserCreate()
    _Callbacks(parser, handler)
    fed = 0
    while True:
        waiting = fed - max(parser.CurrentByteIndex, 0)
        if waiting > MAX_TOKEN:
            raise Invalid(f"The {handler.what} file has an element of more than {MAX_TOKEN >> 20} MiB.")
        # A tag that is longer than a piece is looked at again with each piece: growing ones keep that linear.
        piece = stream.read(max(PIECE, waiting))
        try:
            parser.Parse(piece, not piece)
        except expat.ExpatError as error:
            raise _unreadable(error, fed + len(piece), handler.what) from None
        fed += len(piece)
        while handler.found:
            yield handler.found.popleft()
        if not piece:
            break
    handler.closed()
    while handler.found:
        yield handler.found.popleft()


class _Callbacks:
    """Hands expat's calls to a handler and watches over depth and length."""

    def __init__(self, parser: expat.XMLParserType, handler: XmlHandler[Found]) -> None:
        self._parser = parser
        self._handler = handler
        self._depth = 0
        self._text: list[str] | None = None
        self._text_depth = 0
        self._length = 0
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        parser.XmlDeclHandler = self._declaration

    def _start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        handler = self._handler
        handler.line = self._parser.CurrentLineNumber
        if self._depth > MAX_DEPTH:
            raise Invalid(f"Line {handler.line} of the {handler.what} file nests elements deeper than {MAX_DEPTH}.")
        local = name.rpartition(":")[2]
        if self._depth == 1 and local not in handler.roots:
            wanted = " or ".join(sorted(handler.roots))
            raise Invalid(f"The file is no {handler.what}: it starts with {local[:40]!r} instead of {wanted}.")
        if handler.start(local, attributes):
            self._text, self._text_depth, self._length = [], self._depth, 0

    def _end(self, name: str) -> None:
        text = ""
        if self._text is not None and self._depth == self._text_depth:
            text, self._text = "".join(self._text), None
        self._depth -= 1
        self._handler.end(name.rpartition(":")[2], text)

    def _characters(self, text: str) -> None:
        if self._text is None or self._depth != self._text_depth:
            return
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise Invalid(f"The {self._handler.what} file has a text of more than {MAX_TEXT >> 20} million characters.")
        self._text.append(text)

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if not _is_readable(encoding):
            raise Invalid(
                f"The {self._handler.what} file says its encoding is {str(encoding)[:40]!r}; save it as UTF-8."
            )

    def _doctype(self, *_: object) -> None:
        raise Invalid(
            f"The {self._handler.what} file declares a document type (DTD). Annotations need none, and entities in it "
            "can exhaust memory or read other files, so it is refused; save the file without it."
        )


def elements_at_start(head: bytes, limit: int = 40) -> list[tuple[str, Attributes]]:
    """The first elements of what may be XML, for recognising it; empty for anything else."""
    found: list[tuple[str, Attributes]] = []
    parser = expat.ParserCreate()

    def start(name: str, attributes: Attributes) -> None:
        if len(found) < limit:
            found.append((name.rpartition(":")[2], attributes))

    def stop(*_: object) -> None:
        raise Invalid("entities are of no use for recognising a file")

    parser.StartElementHandler = start
    parser.EntityDeclHandler = stop
    with contextlib.suppress(expat.ExpatError, Invalid, LookupError, ValueError):
        parser.Parse(head, False)
    return found


def read_whole_xml(text: bytes, handler: XmlHandler[Found]) -> Iterator[Found]:
    """What the handler finds in XML that is in memory."""
    return read_xml(io.BytesIO(text), handler)


def _is_readable(encoding: str | None) -> bool:
    """Whether expat reads an encoding: Unicode's, and those with one byte for each character."""
    if encoding is None or encoding.lower() in ("utf-8", "utf-16"):
        return True
    try:
        return len(bytes(range(256)).decode(encoding, "replace")) == 256
    except (LookupError, ValueError):
        return False


def _unreadable(error: expat.ExpatError, size: int, what: str) -> Invalid:
    if size == 0:
        return Invalid(f"The {what} file is empty.")
    reason = expat.errors.messages.get(error.code, str(error))
    if error.code in (expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS], _UNCLOSED):
        return Invalid(f"The {what} file ends early, in line {error.lineno}: {reason}. It was not copied completely.")
    return Invalid(f"Line {error.lineno}, column {error.offset} of the {what} file is not XML: {reason}.")


_UNCLOSED = expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]
