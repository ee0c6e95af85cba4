"""A TensorFlow.js model as a model folder: its network, what is done to pixels, its classes, its card."""

from __future__ import annotations

import hashlib
import tempfile
from base64 import b64encode
from pathlib import Path

from exact_core.api.errors import Invalid
from exact_core.models.files import NETWORK, PREPROCESS, ModelFolder
from exact_sdk.ml import store
from exact_sdk.ml.card import Card
from exact_sdk.ml.preprocess import NetworkFile, Preprocess
from exact_sdk.ml.tfjs import INPUT, OUTPUT, convert_tfjs

ARCHITECTURE = "tensorflow-js"


def write_folder(source: Path, folder: Path, preprocess: Preprocess, kind: str) -> ModelFolder:
    """Convert a layers model and write it as a model that the server takes.

    Args:
        source: ``model.json`` with its weights beside it.
        folder: A new folder.
        preprocess: What is done to pixels, and the classes; its names of input and output, task and activation are
            set here: the network's own last layer makes the probabilities.
        kind: Full name of the kind of model.

    Raises:
        Invalid: The model is not converted, or its answer does not fit to the classes.
        Conflict: There is such a folder.
    """
    network = convert_tfjs(source)
    channels, rank = _answer_of(network)
    if channels != len(preprocess.classes):
        raise Invalid(f"The network answers for {channels} classes, and {len(preprocess.classes)} are named.")
    digest = hashlib.sha256(network).digest()
    file = NetworkFile(
        file=Path(NETWORK).name,
        bytes=len(network),
        sha256=digest.hex(),
        integrity=f"sha256-{b64encode(digest).decode()}",
    )
    told = {"input": INPUT, "output": OUTPUT, "activation": "none", "model": file}
    complete = preprocess.model_copy(update={**told, "task": "segmentation" if rank == 4 else "classification"})
    meta = store.Meta(ARCHITECTURE, classes=preprocess.classes, card=Card(kind=kind))
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / Path(NETWORK).name).write_bytes(network)
        (Path(place) / Path(PREPROCESS).name).write_text(complete.text(), encoding="utf-8")
        return store.save(folder, {}, meta, onnx=Path(place))


def _answer_of(network: bytes) -> tuple[int, int]:
    """How many channels the network answers with, and the rank of its answer."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(onnx.load_from_string(network), strict_mode=True, data_prop=True)
    shape = inferred.graph.output[0].type.tensor_type.shape.dim
    return shape[1].dim_value, len(shape)
