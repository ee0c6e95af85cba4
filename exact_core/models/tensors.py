"""``model.safetensors``: its header by the safetensors library, its numbers in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from exact_core.api.errors import Invalid, TooLarge
from exact_core.models.json_files import parse_object

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Bits = NDArray[np.unsignedinteger[Any]]
    Finder = tuple[int, Callable[[Bits], NDArray[np.bool_]]]

_LENGTH = 8
_BLOCK = 8 * 1024 * 1024

_EXPONENTS: Mapping[str, tuple[int, int]] = {
    "F64": (8, 0x7FF0_0000_0000_0000),
    "F32": (4, 0x7F80_0000),
    "C64": (4, 0x7F80_0000),
    "F16": (2, 0x7C00),
    "BF16": (2, 0x7F80),
    "F8_E5M2": (1, 0x7C),
}
"""Bytes of a number, and the bits of its exponent: all of them set means infinity or NaN (IEEE 754)."""

_NOT_A_NUMBER: Mapping[str, tuple[int, ...]] = {
    "F8_E4M3": (0x7F, 0xFF),
    "F8_E4M3FNUZ": (0x80,),
    "F8_E5M2FNUZ": (0x80,),
    "F8_E8M0": (0xFF,),
}
"""Bytes that are NaN in formats without infinity (OCP 8-bit floating point, rev. 1.0)."""

_WITHOUT_NAN = frozenset(
    {*("BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64"), *("F4", "F6_E2M3", "F6_E3M2")}
)


def check_tensors(path: Path, name: str, most_header: int) -> None:
    """Check the header and that every number is finite, block after block.

    Args:
        path: A safetensors file.
        name: What messages call it.
        most_header: Most bytes of its header.

    Raises:
        Invalid: The header is damaged, tensors overlap or leave gaps, or a value is NaN or infinite.
        TooLarge: The header is too long; it is not read then.
    """
    header = _checked_header(path, name, most_header)
    start = _LENGTH + _header_bytes(path, name, most_header)
    for tensor, (kind, begin, end) in header.items():
        if kind in _WITHOUT_NAN:
            continue
        place = _first_not_finite(path, start + begin, end - begin, _finder(kind, tensor, name))
        if place is not None:
            raise Invalid(
                f"{name}: the tensor {tensor[:100]!r} holds a value that is NaN or infinite (at place {place:,}), so"
                " the model cannot work. The training went wrong there; keep an earlier state."
            )


def tensor_shapes(path: Path, name: str, most_header: int = 25_000_000) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of every tensor of a file, from its header.

    Raises:
        Invalid: As :func:`check_tensors`, without looking at the numbers.
    """
    from safetensors import safe_open

    _checked_header(path, name, most_header)
    with safe_open(path, framework="numpy") as opened:
        slices = {tensor: opened.get_slice(tensor) for tensor in opened.keys()}  # noqa: SIM118 - it is no mapping
        return {tensor: (each.get_dtype(), tuple(each.get_shape())) for tensor, each in slices.items()}


def count_numbers(path: Path, name: str) -> int:
    """How many numbers all tensors hold together."""
    return sum(prod(shape) for _, shape in tensor_shapes(path, name).values())


def _header_bytes(path: Path, name: str, most: int) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        told = int.from_bytes(file.read(_LENGTH), "little")
    if told > most:
        raise TooLarge(
            f"{name} tells of a header of {told:,} bytes; at most {most:,} are read. Is it a safetensors file?"
        )
    if size < _LENGTH + 2 or told > size - _LENGTH:
        raise Invalid(f"{name} is cut off: its header should have {told:,} bytes. Copy the model again.")
    return told


def _checked_header(path: Path, name: str, most: int) -> dict[str, tuple[str, int, int]]:
    """Type and byte range of each tensor, behind the header, which the library has found to be sound."""
    from safetensors import SafetensorError, safe_open

    length = _header_bytes(path, name, most)
    with path.open("rb") as file:
        file.seek(_LENGTH)
        header = parse_object(file.read(length), f"The header of {name}")
    try:
        with safe_open(path, framework="numpy") as opened:
            names = set(opened.keys())
    except (SafetensorError, OSError) as error:
        raise Invalid(f"{name} is damaged: {str(error)[:200]}. Write it again with the safetensors library.") from None
    ranges = {}
    for tensor in names:
        facts = header.get(tensor)
        assert isinstance(facts, dict)  # else the library refuses
        begin, end = facts["data_offsets"]
        ranges[tensor] = (str(facts["dtype"]), int(begin), int(end))
    return dict(sorted(ranges.items(), key=lambda each: each[1][1]))


def _finder(kind: str, tensor: str, name: str) -> Finder:
    """Bytes of a number, and what says for each of many whether it is not finite."""
    import numpy

    if kind in _EXPONENTS:
        width, exponent = _EXPONENTS[kind]
        mask = numpy.dtype(f"<u{width}").type(exponent)
        return width, lambda bits: (bits & mask) == mask
    if kind in _NOT_A_NUMBER:
        wrong = numpy.array(_NOT_A_NUMBER[kind], dtype=numpy.uint8)
        return 1, lambda bits: numpy.isin(bits, wrong)
    raise Invalid(
        f"{name}: the tensor {tensor[:100]!r} has the type {kind}, which this server cannot check for NaN."
        " Save it as F32, F16 or BF16."
    )


def _first_not_finite(path: Path, start: int, size: int, finder: Finder) -> int | None:
    import numpy

    width, is_wrong = finder
    with path.open("rb") as file:
        file.seek(start)
        for done in range(0, size, _BLOCK):
            bits = numpy.frombuffer(file.read(min(_BLOCK, size - done)), dtype=f"<u{width}")
            wrong = is_wrong(bits)
            if wrong.any():
                return done // width + int(wrong.argmax())
    return None
