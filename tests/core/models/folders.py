"""Model folders for tests: small, true, and easy to spoil."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
from onnx import TensorProto, helper
from safetensors.numpy import save

DESCRIPTION = {
    "format": 1,
    "architecture": "line",
    "arguments": {"width": 2},
    "classes": ["background", {"name": "nucleus", "path": ["cell", "nucleus"]}],
}
CARD: Mapping[str, Any] = {
    "model_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "plugin": "core",
    "intended_use": "Tests.",
    "metrics": {"f1": {"value": 0.81, "ci": [0.77, 0.85]}},
}


def network() -> bytes:
    """A network that adds one to its input."""
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    shape = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Add", ["image", "one"], ["logits"])],
        "plus",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [one],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10).SerializeToString()


def contents(*, seed: int = 0, with_network: bool = True, card: Mapping[str, Any] = CARD) -> dict[str, bytes]:
    """Every file of a model but its checksums."""
    numbers = numpy.random.default_rng(seed).standard_normal((3, 2)).astype(numpy.float32)
    files = {
        "model.safetensors": save({"weight": numbers, "steps": numpy.array([3], dtype=numpy.int64)}),
        "model.json": json.dumps(DESCRIPTION).encode(),
        "card.json": json.dumps(card).encode(),
        "card.md": b"# A line\n\nFor *tests*.\n",
    }
    if with_network:
        files["onnx/model.onnx"] = network()
        told = {"sha256": hashlib.sha256(files["onnx/model.onnx"]).hexdigest()}
        files["onnx/preprocess.json"] = json.dumps({"format": 1, "model": told}).encode()
    return files


def with_checksums(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files, and ``SHA256SUMS`` of them."""
    lines = [f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())]
    return {**files, "SHA256SUMS": "".join(lines).encode()}


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write a folder exactly as told."""
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def zipped(files: Mapping[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive exactly as told."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()
