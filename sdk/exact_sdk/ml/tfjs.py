"""TensorFlow.js layers models as ONNX networks, without TensorFlow: read, put together layer by layer, checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exact_core.api.errors import Invalid
from exact_sdk.ml.tfjs_layers import LAYERS, Graph, Layer, Value

INPUT, OUTPUT = "image", "logits"
_OPSET, _IR_VERSION = 18, 9
_TYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "u1", "uint16": "<u2"}

Floats = NDArray[np.float32]


def convert_tfjs(source: Path) -> bytes:
    """Make an ONNX network of a layers model.

    Its input ``image`` is ``(n, channels, h, w)``, and so is an output ``logits`` that is a map: preprocess.json
    wants it so.

    Args:
        source: ``model.json``; the files of its weights lie beside it.

    Raises:
        Invalid: It is no layers model, a layer is of a kind or has a setting that is not converted (named), or a file
            of weights is missing or too short.
    """
    try:
        told = json.loads(source.read_bytes())
    except ValueError:
        raise Invalid(f"{source.name} is no JSON; give the model.json of a TensorFlow.js model.") from None
    if not isinstance(told, dict) or "modelTopology" not in told:
        raise Invalid(f"{source.name} is no TensorFlow.js model: it has no modelTopology.")
    if told.get("format") == "graph-model" or "node" in told["modelTopology"]:
        raise Invalid(
            f"{source.name} is a graph model; only layers models are converted. Convert the SavedModel that it came"
            " from with tf2onnx: python -m tf2onnx.convert --saved-model FOLDER --inputs-as-nchw INPUT --opset 18."
        )
    topology = told["modelTopology"].get("model_config", told["modelTopology"])
    graph = Graph(_weights(told.get("weightsManifest", []), source.parent))
    layers, first, last = _layers(topology)
    output = _build(graph, layers, first, last)
    return _model(graph, layers[0], output)


def _layers(topology: Mapping[str, Any]) -> tuple[list[Layer], str, str]:
    """The layers in order, with the names of the input and the output."""
    kind, config = topology.get("class_name"), topology.get("config")
    if kind == "Sequential":
        told = config if isinstance(config, list) else config["layers"] if config else []
        layers = list(_sequential(told))
        return layers, layers[0].name, layers[-1].name
    if kind not in ("Model", "Functional") or not isinstance(config, Mapping):
        raise Invalid(f"A model of the kind {kind!r} is not converted; only Sequential and Functional ones are.")
    ends = [config["input_layers"], config["output_layers"]]
    if any(len(end) != 1 for end in ends):
        raise Invalid("The model has several inputs or outputs; only models with one of each are converted.")
    layers = [Layer(one["class_name"], one["name"], one["config"], _sources(one)) for one in config["layers"]]
    return _in_order(layers), ends[0][0][0], ends[1][0][0]


def _sequential(told: Sequence[Mapping[str, Any]]) -> Iterator[Layer]:
    if not told:
        raise Invalid("The model has no layers.")
    shape = told[0]["config"].get("batch_input_shape")
    before = told[0]["config"]["name"]
    if told[0]["class_name"] != "InputLayer":
        before = "exact_input"
        yield Layer("InputLayer", before, {"batch_input_shape": shape}, ())
    for number, one in enumerate(told):
        name = one["config"]["name"]
        yield Layer(
            one["class_name"],
            name,
            one["config"],
            () if one["class_name"] == "InputLayer" and not number else (before,),
        )
        before = name


def _sources(layer: Mapping[str, Any]) -> tuple[str, ...]:
    nodes = layer["inbound_nodes"]
    if len(nodes) > 1 or (nodes and not isinstance(nodes[0], list)):
        raise Invalid(f"The layer {layer['name']!r} is used twice, or written by Keras 3; save the model with Keras 2.")
    return tuple(source[0] for source in nodes[0]) if nodes else ()


def _in_order(layers: list[Layer]) -> list[Layer]:
    """Each layer after those that it reads."""
    ready: list[Layer] = []
    names: set[str] = set()
    waiting = layers
    while waiting:
        now = [one for one in waiting if names.issuperset(one.sources)]
        if not now:
            raise Invalid(f"The layers {', '.join(one.name for one in waiting[:5])} read layers that are not there.")
        ready += now
        names |= {one.name for one in now}
        waiting = [one for one in waiting if one.name not in names]
    return ready


def _build(graph: Graph, layers: list[Layer], first: str, last: str) -> Value:
    values: dict[str, Value] = {}
    for layer in layers:
        if layer.name == first:
            shape = layer.config.get("batch_input_shape")
            if not shape or len(shape) != 4:
                raise Invalid(
                    f"The input {first!r} is no picture: its shape is {shape}, not (n, height, width, channels)."
                )
            values[first] = Value(INPUT, 4)
            continue
        make = LAYERS.get(layer.kind)
        if make is None:
            raise Invalid(
                f"The layer {layer.name!r} is a {layer.kind}, which is not converted; these are:"
                f" {', '.join(sorted(LAYERS))}."
            )
        values[layer.name] = make(graph, layer, [values[name] for name in layer.sources])
    return values[last]


def _weights(manifest: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, Floats]:
    """Every tensor of the model by name, as float32."""
    found = {}
    for group in manifest:
        paths = [folder / Path(name).name for name in group["paths"]]
        missing = [path.name for path in paths if not path.is_file()]
        if missing:
            raise Invalid(f"The file {missing[0]} with weights is not beside model.json; copy it there.")
        content, at = b"".join(path.read_bytes() for path in paths), 0
        for one in group["weights"]:
            packing = one.get("quantization")
            kind = _TYPES.get((packing or one)["dtype"])
            if kind is None:
                raise Invalid(f"The weights {one['name']!r} are of the type {one['dtype']}, which is not converted.")
            count = int(np.prod(one["shape"], dtype=np.int64))
            size = count * np.dtype(kind).itemsize
            if at + size > len(content):
                raise Invalid(f"The files of weights end before {one['name']!r}; copy them again.")
            values = np.frombuffer(content, kind, count, at).astype(np.float32).reshape(one["shape"])
            at += size
            if packing and "scale" in packing:
                values = values * np.float32(packing["scale"]) + np.float32(packing["min"])
            found[one["name"].split(":")[0]] = values
    return found


def _model(graph: Graph, entry: Layer, output: Value) -> bytes:
    from onnx import TensorProto, checker, helper

    _, height, width, channels = entry.config["batch_input_shape"]
    graph.nodes.append(helper.make_node("Identity", [output.name], [OUTPUT]))
    sides = ["n", channels, height or "h", width or "w"]
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "tfjs",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, sides)],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None] * output.rank)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    checker.check_model(made, full_check=True)
    content: bytes = made.SerializeToString()
    return content
