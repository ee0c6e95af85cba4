"""``onnx/model.onnx``: a graph that the ONNX library takes, in one file, without reading or running anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exact_core.api.errors import Invalid, Unavailable


def check_onnx(path: Path, name: str) -> None:
    """Check a network by the rules of its format (ml-spec 0.9); it is parsed, never run.

    Args:
        path: The file; its size must be bounded before, it is read into memory.
        name: What messages call it.

    Raises:
        Invalid: It is no ONNX graph, breaks the rules of the format, or keeps weights in other files.
        Unavailable: The library is not installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise Unavailable(f"{name} cannot be checked here: {error}. Install: onnx") from None
    model = onnx.ModelProto()
    try:
        model.ParseFromString(path.read_bytes())
    except DecodeError:
        raise Invalid(f"{name} is not an ONNX file. Export the network again.") from None
    outside = _first_outside(model)
    if outside is not None:
        raise Invalid(
            f"{name} keeps the weights {outside[:100]!r} in another file; browsers fetch one file."
            " Export it again with the weights inside."
        )
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise Invalid(f"{name} breaks the rules of ONNX: {first[:300]}. Export the network again.") from None


def _first_outside(model: Any) -> str | None:
    """The first tensor whose values lie outside of the file, in whatever graph, function or attribute it hides."""
    from google.protobuf.message import Message

    waiting: list[Any] = [model]
    while waiting:
        message = waiting.pop()
        if message.DESCRIPTOR.name == "TensorProto":
            if message.external_data or message.data_location == message.EXTERNAL:
                return str(message.name) or "(without a name)"
            continue
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting += [value] if isinstance(value, Message) else value
    return None
