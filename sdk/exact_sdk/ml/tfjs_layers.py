"""Layers of Keras as nodes of ONNX: maps are ``(n, channels, h, w)`` throughout, kernels are turned to fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exact_core.api.errors import Invalid

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

_SAME, _VALID = "same", "valid"
_ACTIVATIONS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu", "selu": "Selu", "softplus": "Softplus",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as the file tells it: its kind, name and settings, and whose answers it reads."""

    kind: str
    name: str
    config: Mapping[str, Any]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What a layer answers: the name of the tensor and its rank, 4 for maps and 2 for rows of numbers."""

    name: str
    rank: int


@dataclass(slots=True)
class Graph:
    """A network in the making."""

    weights: Mapping[str, NDArray[np.float32]]
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; gives the name of its answer."""
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: ArrayLike, kind: type[np.generic] = np.float32) -> str:
        """Add numbers; gives their name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, kind), name))
        return name

    def weight(self, layer: Layer, kind: str) -> NDArray[np.float32]:
        """A tensor of a layer.

        Raises:
            Invalid: The file has none.
        """
        wanted = f"{layer.name}/{kind}"
        for name, values in self.weights.items():
            if name == wanted or name.endswith(f"/{wanted}"):
                return values
        raise Invalid(f"The model has no weights {wanted!r}; copy all of its files.")


Make = Callable[[Graph, Layer, list[Value]], Value]


def _refused(layer: Layer, what: str) -> Invalid:
    return Invalid(f"The layer {layer.name!r} ({layer.kind}) {what}, which is not converted.")


def _map_of(layer: Layer, values: list[Value]) -> Value:
    if len(values) != 1 or values[0].rank != 4:
        raise _refused(layer, "reads something else than one map")
    if layer.config.get("data_format", layer.config.get("dataFormat")) in ("channels_first", "channelsFirst"):
        raise _refused(layer, "has its channels first")
    return values[0]


def _activated(graph: Graph, layer: Layer, value: Value, name: str | None) -> Value:
    if name in (None, "linear"):
        return value
    if name == "softmax":
        return Value(graph.add("Softmax", value.name, axis=1), value.rank)
    if name == "relu6":
        return Value(graph.add("Clip", value.name, graph.constant(0.0), graph.constant(6.0)), value.rank)
    if name not in _ACTIVATIONS:
        raise _refused(layer, f"has the activation {name!r}")
    return Value(graph.add(_ACTIVATIONS[name], value.name), value.rank)


def _pair(layer: Layer, name: str, usual: int = 1) -> list[int]:
    told = layer.config.get(name)
    if told is None:
        return [usual, usual]
    return [told, told] if isinstance(told, int) else list(told)


def _padding(layer: Layer) -> dict[str, str]:
    told = layer.config.get("padding", _VALID)
    if told not in (_SAME, _VALID):
        raise _refused(layer, f"has the padding {told!r}")
    return {"auto_pad": "SAME_UPPER" if told == _SAME else "VALID"}


def _biased(graph: Graph, layer: Layer, *inputs: str) -> list[str]:
    return [*inputs, graph.constant(graph.weight(layer, "bias"))] if layer.config.get("use_bias", True) else [*inputs]


def _spread(layer: Layer) -> dict[str, Any]:
    strides, dilations = _pair(layer, "strides"), _pair(layer, "dilation_rate")
    return {"strides": strides, "dilations": dilations, **_padding(layer)}


def _conv(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    source = _map_of(layer, values)
    if layer.config.get("groups", 1) != 1:
        raise _refused(layer, "has groups")
    kernel = graph.constant(graph.weight(layer, "kernel").transpose(3, 2, 0, 1))
    made = graph.add("Conv", *_biased(graph, layer, source.name, kernel), **_spread(layer))
    return _activated(graph, layer, Value(made, 4), layer.config.get("activation"))


def _per_channel(graph: Graph, layer: Layer) -> tuple[str, int]:
    """The kernel ``(h, w, channels, multiplier)`` of one convolution per channel, turned, and how many channels."""
    told = graph.weight(layer, "depthwise_kernel")
    height, width, channels, multiplier = told.shape
    return graph.constant(told.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)), channels


def _depthwise(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    source = _map_of(layer, values)
    kernel, channels = _per_channel(graph, layer)
    made = graph.add("Conv", *_biased(graph, layer, source.name, kernel), group=channels, **_spread(layer))
    return _activated(graph, layer, Value(made, 4), layer.config.get("activation"))


def _separable(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    source = _map_of(layer, values)
    kernel, channels = _per_channel(graph, layer)
    each = graph.add("Conv", source.name, kernel, group=channels, **_spread(layer))
    mixing = graph.constant(graph.weight(layer, "pointwise_kernel").transpose(3, 2, 0, 1))
    made = graph.add("Conv", *_biased(graph, layer, each, mixing))
    return _activated(graph, layer, Value(made, 4), layer.config.get("activation"))


def _transposed(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    source = _map_of(layer, values)
    if _pair(layer, "dilation_rate") != [1, 1] or layer.config.get("output_padding") is not None:
        raise _refused(layer, "is dilated or has an output padding")
    told = graph.weight(layer, "kernel")
    strides = _pair(layer, "strides")
    kept = [max(side - stride, 0) for side, stride in zip(told.shape[:2], strides, strict=True)]
    more = [max(stride - side, 0) for side, stride in zip(told.shape[:2], strides, strict=True)]
    is_same = _padding(layer)["auto_pad"] == "SAME_UPPER"
    pads = [side // 2 for side in kept] + [side - side // 2 for side in kept] if is_same else [0] * 4
    kernel = graph.constant(told.transpose(3, 2, 0, 1))
    inputs = _biased(graph, layer, source.name, kernel)
    made = graph.add("ConvTranspose", *inputs, strides=strides, pads=pads, output_padding=more)
    return _activated(graph, layer, Value(made, 4), layer.config.get("activation"))


def _normalised(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    [source] = values
    axis = layer.config.get("axis", -1)
    if (axis[0] if isinstance(axis, list) else axis) not in (-1, source.rank - 1):
        raise _refused(layer, f"works on the axis {axis}")
    mean, variance = graph.weight(layer, "moving_mean"), graph.weight(layer, "moving_variance")
    scale = graph.weight(layer, "gamma") if layer.config.get("scale", True) else np.ones_like(mean)
    shift = graph.weight(layer, "beta") if layer.config.get("center", True) else np.zeros_like(mean)
    names = [graph.constant(each) for each in (scale, shift, mean, variance)]
    epsilon = float(layer.config.get("epsilon", 1e-3))
    return Value(graph.add("BatchNormalization", source.name, *names, epsilon=epsilon), source.rank)


def _dense(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    [source] = values
    if source.rank != 2:
        raise _refused(layer, "reads a map; put Flatten or a pooling before it, or use a 1 x 1 convolution")
    made = graph.add("Gemm", *_biased(graph, layer, source.name, graph.constant(graph.weight(layer, "kernel"))))
    return _activated(graph, layer, Value(made, 2), layer.config.get("activation"))


def _flat(graph: Graph, _: Layer, values: list[Value]) -> Value:
    [source] = values
    rows = graph.add("Transpose", source.name, perm=[0, 2, 3, 1]) if source.rank == 4 else source.name
    return Value(graph.add("Flatten", rows, axis=1), 2)


def _reshaped(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    flat = _flat(graph, layer, values)
    shape = [side if side is not None else -1 for side in layer.config["target_shape"]]
    if len(shape) not in (1, 3):
        raise _refused(layer, f"makes the shape {shape}")
    made = graph.add("Reshape", flat.name, graph.constant([0, *shape], np.int64))
    return Value(graph.add("Transpose", made, perm=[0, 3, 1, 2]), 4) if len(shape) == 3 else Value(made, 2)


def _pooled(kind: str) -> Make:
    def make(graph: Graph, layer: Layer, values: list[Value]) -> Value:
        source = _map_of(layer, values)
        sides = _pair(layer, "pool_size", 2)
        strides = _pair(layer, "strides") if layer.config.get("strides") else sides
        return Value(graph.add(kind, source.name, kernel_shape=sides, strides=strides, **_padding(layer)), 4)

    return make


def _whole(kind: str) -> Make:
    def make(graph: Graph, layer: Layer, values: list[Value]) -> Value:
        source = _map_of(layer, values)
        pooled = graph.add(kind, source.name)
        return Value(pooled, 4) if layer.config.get("keepdims") else Value(graph.add("Flatten", pooled, axis=1), 2)

    return make


def _enlarged(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    source = _map_of(layer, values)
    mode = layer.config.get("interpolation", "nearest")
    if mode not in ("nearest", "bilinear"):
        raise _refused(layer, f"interpolates {mode!r}")
    scales = graph.constant([1, 1, *_pair(layer, "size", 2)])
    how = {"mode": "nearest", "nearest_mode": "floor"} if mode == "nearest" else {"mode": "linear"}
    made = graph.add("Resize", source.name, "", scales, coordinate_transformation_mode="asymmetric", **how)
    return Value(made, 4)


def _framed(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    source = _map_of(layer, values)
    told = layer.config.get("padding", 1)
    sides = [told, told] if isinstance(told, int) else told
    (top, bottom), (left, right) = (each if isinstance(each, list) else (each, each) for each in sides)
    pads = graph.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
    return Value(graph.add("Pad", source.name, pads), 4)


def _joined(kind: str) -> Make:
    def make(graph: Graph, layer: Layer, values: list[Value]) -> Value:
        rank = values[0].rank
        if kind == "Concat":
            if layer.config.get("axis", -1) not in (-1, rank - 1):
                raise _refused(layer, f"joins the axis {layer.config['axis']}")
            return Value(graph.add(kind, *[each.name for each in values], axis=1), rank)
        name = values[0].name
        for each in values[1:]:
            name = graph.add(kind, name, each.name)
        return Value(name, rank)

    return make


def _activation(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    return _activated(graph, layer, values[0], layer.config["activation"])


def _softmax(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    if layer.config.get("axis", -1) not in (-1, values[0].rank - 1):
        raise _refused(layer, f"works on the axis {layer.config['axis']}")
    return _activated(graph, layer, values[0], "softmax")


def _relu(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    most = layer.config.get("max_value")
    if layer.config.get("negative_slope") or layer.config.get("threshold"):
        raise _refused(layer, "has a slope or a threshold")
    if most is None:
        return _activated(graph, layer, values[0], "relu")
    return Value(graph.add("Clip", values[0].name, graph.constant(0.0), graph.constant(float(most))), values[0].rank)


def _leaky(graph: Graph, layer: Layer, values: list[Value]) -> Value:
    return Value(graph.add("LeakyRelu", values[0].name, alpha=float(layer.config.get("alpha", 0.3))), values[0].rank)


def _past(_: Graph, __: Layer, values: list[Value]) -> Value:
    return values[0]


LAYERS: Mapping[str, Make] = {
    "Activation": _activation,
    "Add": _joined("Add"),
    "AveragePooling2D": _pooled("AveragePool"),
    "BatchNormalization": _normalised,
    "Concatenate": _joined("Concat"),
    "Conv2D": _conv,
    "Conv2DTranspose": _transposed,
    "Dense": _dense,
    "DepthwiseConv2D": _depthwise,
    "Dropout": _past,
    "Flatten": _flat,
    "GlobalAveragePooling2D": _whole("GlobalAveragePool"),
    "GlobalMaxPooling2D": _whole("GlobalMaxPool"),
    "LeakyReLU": _leaky,
    "MaxPooling2D": _pooled("MaxPool"),
    "Multiply": _joined("Mul"),
    "ReLU": _relu,
    "Reshape": _reshaped,
    "SeparableConv2D": _separable,
    "Softmax": _softmax,
    "SpatialDropout2D": _past,
    "UpSampling2D": _enlarged,
    "ZeroPadding2D": _framed,
}
"""Every kind of layer that is converted."""
