"""The binary form of a view: a JSON header and typed arrays that a browser uses without parsing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEDIA_TYPE = "application/vnd.exact.view"
MAGIC = b"EXV1"
_ALIGN = 8
# Below this the headers of the answer weigh more than what compression saves.
_WORTH_COMPRESSING = 1024

_NAMES = {
    "f4": "float32",
    "f8": "float64",
    "u1": "uint8",
    "u2": "uint16",
    "u4": "uint32",
    "i2": "int16",
    "i4": "int32",
}


def encode(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The header, completed by a table of the arrays, and the arrays, each at a multiple of 8 bytes.

    ``offset`` counts bytes from the first array's start, ``length`` counts numbers (a row of four is four).
    """
    table: list[dict[str, Any]] = []
    parts: list[bytes | memoryview] = []
    offset = 0
    for name, array in arrays.items():
        flat = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        table.append({"name": name, "type": _NAMES[flat.dtype.str[1:]], "offset": offset, "length": flat.size})
        padding = -flat.nbytes % _ALIGN
        parts += [flat.data, bytes(padding)]
        offset += flat.nbytes + padding
    text = json.dumps({**header, "arrays": table}, separators=(",", ":")).encode()
    text += b" " * (-(len(MAGIC) + 4 + len(text)) % _ALIGN)
    return b"".join([MAGIC, len(text).to_bytes(4, "little"), text, *parts])


def chosen_encoding(accept_encoding: str) -> str | None:
    """The cheapest encoding that the client takes: zstd costs a tenth of gzip and packs as well."""
    accepted = _accepted(accept_encoding)
    return next((name for name in ("zstd", "gzip") if name in accepted), None)


def compressed(body: bytes, accept_encoding: str) -> tuple[bytes, str | None]:
    """The body as it is sent, and the name of its encoding."""
    encoding = chosen_encoding(accept_encoding) if len(body) >= _WORTH_COMPRESSING else None
    if encoding == "zstd":
        from imagecodecs import zstd_encode  # loaded by the first view, not by every command

        return bytes(zstd_encode(body, level=3)), encoding
    if encoding == "gzip":
        packer = zlib.compressobj(1, wbits=31)
        return packer.compress(body) + packer.flush(), encoding
    return body, None


def _accepted(header: str) -> set[str]:
    """Names of the encodings in an Accept-Encoding header that are not ruled out by ``q=0``."""
    found = set()
    for item in header.lower().split(","):
        name, _, parameters = item.partition(";")
        quality = parameters.strip().removeprefix("q=").strip()
        if quality not in ("0", "0.0", "0.00", "0.000"):
            found.add(name.strip())
    return found
