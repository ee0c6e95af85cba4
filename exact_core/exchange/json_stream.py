"""JSON files of any size, item by item: constant memory, no item larger than a shape can be, NaN read as null.

The structure is found with numpy, block by block; each item is then parsed by orjson, which bounds its depth. Nothing
nests in memory that nests in the file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from exact_core.annotations.geometry import MAX_VERTICES
from exact_core.api.errors import Invalid

HEAD_BYTES = 64 * 1024
_BLOCK = 256 * 1024
_MOST_BYTES = 64 * MAX_VERTICES
_MOST_COMMAS = 4 * MAX_VERTICES + 500_000
_LONG = 1 << 20  # items that are shorter cannot be too large
_BOM = b"\xef\xbb\xbf"
_QUOTE, _BACKSLASH, _COMMA = b'"\\,'
_OPEN_LIST, _OPEN_OBJECT = b"[{"
_SPACE = b" \t\r\n\x1e"  # the last one begins a text of a JSON sequence, RFC 7464

_IS_MARK = np.zeros(256, bool)
_IS_MARK[list(b'"\\,[]{}')] = True
_STEP = np.zeros(256, np.int64)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1

_STRING_OR_NO_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?NaN|[-+]?Infinity', re.DOTALL)
_KEY = re.compile(rb'("(?:[^"\\]|\\.)*+")\s*:\s*$', re.DOTALL)


class Member(NamedTuple):
    """A member of the outermost object: one item of a list, or a whole value of another kind.

    ``item`` is the number of the item in its list; None for a whole value. ``text`` is JSON.
    """

    key: str
    item: int | None
    text: bytes


@dataclass(slots=True)
class Outline:
    """What the first 64 KiB of a JSON file say about the whole.

    Attributes:
        is_list: Whether the file is one list.
        keys: Names of the outermost object's members, as far as they begin there.
        values: Those members that are complete there and are no lists.
    """

    is_list: bool = False
    keys: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


def outline(stream: BinaryIO) -> Outline:
    """Look at the beginning of a file of one list or object, or of several objects."""
    stream.seek(0)
    return outline_of(stream.read(HEAD_BYTES))


def outline_of(head: bytes) -> Outline:
    """Look at the first bytes of a file; anything that is no JSON has an empty outline."""
    found = Outline(is_list=head.removeprefix(_BOM).lstrip(_SPACE).startswith(b"["))
    if found.is_list:
        return found
    try:
        for key, item, text in members(io.BytesIO(head)):
            if key not in found.keys:
                found.keys.append(key)
            if item is None and text:
                found.values[key] = parsed(text)
    except Invalid:
        pass  # it breaks off, as a head does
    return found


def parsed(text: bytes) -> Any:
    """The value of a JSON text; NaN and infinity, which JSON does not have but Python and Java write, become null."""
    if len(text) > _LONG and text.count(b",") > _MOST_COMMAS:
        raise Invalid(f"It is larger than any shape: more than {MAX_VERTICES:,} vertices.")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if b"NaN" not in text and b"Infinity" not in text:
            raise Invalid(f"It is not JSON: {error}.") from None
    try:
        return orjson.loads(_STRING_OR_NO_NUMBER.sub(_null_or_same, text))
    except orjson.JSONDecodeError as error:
        raise Invalid(f"It is not JSON: {error}.") from None


def list_items(stream: BinaryIO) -> Iterator[bytes]:
    """The items of a file that is one list, as JSON texts."""
    for text, mark, depth in _pieces(stream, 1):
        is_item = depth == 0 or mark == _COMMA
        if is_item and (mark == _COMMA or text.strip(_SPACE)):
            yield text
        if depth == 0:
            return
    raise _breaks_off()


def objects(stream: BinaryIO) -> Iterator[bytes]:
    """The objects of a file that is several of them one after another, as newline-delimited JSON is."""
    for text, mark, _depth in _pieces(stream, 0):
        yield text.lstrip(_SPACE) + bytes([mark])


def members(stream: BinaryIO) -> Iterator[Member]:
    """The members of the object that a file is, lists item by item.

    A member that is a list is told once more when it begins, as a value with an empty text.
    """
    key, is_list, count = "", False, 0
    value: list[bytes] = []
    for text, mark, depth in _pieces(stream, 2):
        opens = mark in (_OPEN_LIST, _OPEN_OBJECT)
        if depth == 2 and opens:
            key, is_list, count, value = _key(text), mark == _OPEN_LIST, 0, [bytes([mark])]
            if is_list:
                yield Member(key, None, b"")
        elif value and is_list:
            if mark == _COMMA or text.strip(_SPACE):
                yield Member(key, count, text)
                count += 1
            value = value if depth == 2 else []
        elif value:
            value += (text, bytes([mark]))
            if depth == 1:
                yield Member(key, None, b"".join(value))
                value = []
        elif not opens and text.strip(_SPACE):
            name, _, rest = text.partition(b":")
            yield Member(str(parsed(name.strip(_SPACE))), None, rest)
        if depth == 0:
            return
    raise _breaks_off()


def _pieces(stream: BinaryIO, level: int) -> Iterator[tuple[bytes, int, int]]:
    """The text before each mark of the outer levels, that mark, and the depth after it.

    Marks are brackets and commas outside of strings: those that begin or end something at most ``level`` deep.
    """
    stream.seek(0)
    if stream.read(len(_BOM)) != _BOM:
        stream.seek(0)
    held: list[bytes] = []
    held_bytes, depth, in_string, carried = 0, 0, False, b""
    while data := stream.read(_BLOCK):
        data = carried + data
        block = data.rstrip(b"\\")  # what a backslash stands before belongs to it
        carried = data[len(block) :]
        place, mark, depths, in_string = _structure(block, depth, in_string)
        if len(depths):
            depth = int(depths[-1])
            if depths.min() < 0:
                raise Invalid("The file is not JSON: a bracket is closed that was never opened.")
        chosen = depths <= np.where(_STEP[mark] < 0, max(level - 1, 0), level)
        start = 0
        for at, code, after in zip(place[chosen].tolist(), mark[chosen].tolist(), depths[chosen].tolist(), strict=True):
            text = block[start:at]
            if held:
                text = b"".join((*held, text))
                held, held_bytes = [], 0
            yield text, code, after
            start = at + 1
        held.append(block[start:])
        held_bytes += len(block) - start
        if held_bytes + len(carried) > _MOST_BYTES:
            raise Invalid(
                f"The file holds something that is larger than any shape ({_MOST_BYTES // 1_000_000} MB or more than "
                f"{MAX_VERTICES:,} vertices), or that is nested without end."
            )
    if depth or in_string or b"".join(held).strip(_SPACE):
        raise _breaks_off()


def _structure(
    block: bytes, depth: int, in_string: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64], bool]:
    """Brackets and commas outside of strings: where, which, how deep it is after each; and whether a string goes on."""
    codes = np.frombuffer(block, np.uint8)
    place = np.flatnonzero(_IS_MARK[codes])
    mark = codes[place]
    quote = mark == _QUOTE
    slash = mark == _BACKSLASH
    if slash.any():
        quote &= ~np.isin(place, _escaped(place[slash]))
    opened = np.cumsum(quote) + in_string
    outside = (opened % 2 == 0) & ~quote & ~slash & (mark != _QUOTE)
    goes_on = bool((np.count_nonzero(quote) + in_string) % 2)
    place, mark = place[outside], mark[outside]
    return place, mark, depth + np.cumsum(_STEP[mark]), goes_on


def _escaped(slashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of characters that an odd number of backslashes stands before."""
    begins = np.flatnonzero(np.diff(slashes, prepend=-2) != 1)
    length = np.diff(begins, append=len(slashes))
    odd = length % 2 == 1
    answer: NDArray[np.int64] = slashes[begins[odd]] + length[odd]
    return answer


def _key(text: bytes) -> str:
    found = _KEY.search(text)
    if found is None:
        raise Invalid("The file is not JSON: a value of the outermost object has no name.")
    return str(parsed(found[1]))


def _null_or_same(found: re.Match[bytes]) -> bytes:
    text = found.group()
    return text if text.startswith(b'"') else b"null"


def _breaks_off() -> Invalid:
    return Invalid("The file breaks off: the end of its JSON is missing.")
