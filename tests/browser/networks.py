"""Networks made without training: one that finds nuclei by their stain, and one of random weights and a given size."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Array = NDArray[np.float32]

_OPSET = 18
# Haematoxylin in the inverse of the stain matrix of Ruifrok and Johnston (2001), for haematoxylin, eosin and DAB.
_HAEMATOXYLIN = (1.87798274, -0.06590806, -0.60190736)
_BLUR = 5
_SLOPE, _MIDDLE = 40.0, 0.2


@dataclass(frozen=True)
class Network:
    """A network as a model's folder holds it.

    Attributes:
        model: ``onnx/model.onnx``.
        preprocess: ``onnx/preprocess.json``.
    """

    model: bytes
    preprocess: dict[str, Any]

    @property
    def preprocess_text(self) -> str:
        """The file."""
        return json.dumps(self.preprocess)


class _Graph:
    """Nodes one after the other, with their weights."""

    def __init__(self, seed: int = 0) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any) -> str:
        name = f"weights{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def random(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:]))
        return self.constant(self._random.normal(0, np.sqrt(2 / fan_in), shape))

    def convolution(self, source: str, inputs: int, outputs: int, side: int = 3, stride: int = 1) -> str:
        weights, bias = self.random(outputs, inputs, side, side), self.constant(np.zeros(outputs))
        pads = [side // 2] * 4
        return self.add("Relu", self.add("Conv", source, weights, bias, strides=[stride] * 2, pads=pads))

    def residual(self, source: str, inputs: int, outputs: int, stride: int = 1) -> str:
        first = self.convolution(source, inputs, outputs, stride=stride)
        second = self.add("Conv", first, self.random(outputs, outputs, 3, 3), pads=[1] * 4)
        past = source
        if inputs != outputs:
            past = self.add("Conv", source, self.random(outputs, inputs, 1, 1), strides=[stride] * 2)
        return self.add("Relu", self.add("Add", second, past))

    def raised(self, source: str, inputs: int, outputs: int) -> str:
        weights = self.random(inputs, outputs, 4, 4)
        return self.add("Relu", self.add("ConvTranspose", source, weights, strides=[2, 2], pads=[1] * 4))

    def model(self, classes: int) -> bytes:
        """The last node's answer is the output."""
        sides = ["n", 3, "h", "w"], ["n", classes, "h", "w"]
        graph = helper.make_graph(
            [*self.nodes, helper.make_node("Identity", [self.nodes[-1].output[0]], ["logits"])],
            "network",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, sides[0])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, sides[1])],
            self.weights,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
        onnx.checker.check_model(made)
        return made.SerializeToString()


def nuclei_network(**changes: Any) -> Network:
    """Haematoxylin by colour deconvolution, blurred, as the logits of background and nucleus."""
    graph = _Graph()
    light = graph.add("Clip", "image", graph.constant(1 / 255), graph.constant(1.0))
    density = graph.add("Neg", graph.add("Log", light))
    stain = graph.add("Conv", density, graph.constant(np.reshape(_HAEMATOXYLIN, (1, 3, 1, 1)) / np.log(255)))
    blur = np.full((1, 1, _BLUR, _BLUR), 1 / _BLUR**2)
    smooth = graph.add("Conv", stain, graph.constant(blur), pads=[_BLUR // 2] * 4)
    weights, bias = np.reshape([-_SLOPE, _SLOPE], (2, 1, 1, 1)), np.array([_SLOPE, -_SLOPE]) * _MIDDLE
    graph.add("Conv", smooth, graph.constant(weights), graph.constant(bias))
    return _network(graph.model(2), classes=["background", "nucleus"], mpp=0.5, tile=256, step=192, **changes)


def large_network() -> Network:
    """A residual encoder with a decoder of transposed convolutions and skips (ml-spec 1.2, depth 18), about 60 MB."""
    graph = _Graph(seed=1)
    first = graph.convolution("image", 3, 64, side=7, stride=2)
    level = graph.add("MaxPool", first, kernel_shape=[2, 2], strides=[2, 2])
    skips = [first]
    before = 64
    for maps, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        level = graph.residual(graph.residual(level, before, maps, stride), maps, maps)
        skips.append(level)
        before = maps
    level = skips.pop()
    for maps, skipped in ((256, 256), (128, 128), (64, 64), (64, 64)):
        level = graph.add("Concat", graph.raised(level, before, maps), skips.pop(), axis=1)
        before = maps + skipped
    level = graph.raised(level, before, 64)
    level = graph.add("Concat", level, graph.convolution("image", 3, 64), axis=1)
    graph.add("Conv", level, graph.random(2, 128, 1, 1))
    return _network(graph.model(2), classes=["background", "thing"], mpp=None, tile=256, step=256)


def _network(model: bytes, **fields: Any) -> Network:
    digest = hashlib.sha256(model)
    file = {
        "file": "model.onnx",
        "bytes": len(model),
        "sha256": digest.hexdigest(),
        "integrity": f"sha256-{base64.b64encode(digest.digest()).decode()}",
    }
    usual = {"format": 1, "task": "segmentation", "multiple": 32, "window": "hann", "model": file}
    return Network(model, usual | fields)
