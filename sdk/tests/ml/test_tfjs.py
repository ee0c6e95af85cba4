"""Models of TensorFlow.js as ONNX: the numbers are those of TensorFlow.js itself, and what is not converted is named.

The folders of ``tfjs`` were saved by TensorFlow.js 4.22.0 with random weights, with its own answers to random pictures.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from exact_sdk.ml.commands import convert_tfjs as command
from exact_sdk.ml.tfjs import INPUT, OUTPUT, convert_tfjs

from exact_core.api.errors import Invalid
from exact_core.models.files import check_folder

MODELS = Path(__file__).parent / "tfjs"


@pytest.mark.parametrize("name", ["unet", "classifier", "attention"])
def test_the_answers_are_those_of_tensorflow_js(name: str) -> None:
    told = json.loads((MODELS / name / "answer.json").read_text())
    picture = np.array(told["input"], np.float32).reshape(told["input_shape"])
    expected = np.array(told["output"], np.float32).reshape(told["output_shape"])
    session = onnxruntime.InferenceSession(
        convert_tfjs(MODELS / name / "model.json"), providers=["CPUExecutionProvider"]
    )
    [found] = session.run([OUTPUT], {INPUT: picture.transpose(0, 3, 1, 2)})
    turned = found.transpose(0, 2, 3, 1) if found.ndim == 4 else found
    assert expected.std() > 0.01
    np.testing.assert_allclose(turned, expected, atol=1e-5)


def changed(tmp_path: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a model whose file says something else."""
    shutil.copytree(MODELS / name, tmp_path / name)
    path = tmp_path / name / "model.json"
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))
    return path


def layer_of(told: dict[str, Any], name: str) -> dict[str, Any]:
    """The layer of that name."""
    layers = told["modelTopology"]["config"]["layers"]
    found: dict[str, Any] = next(one for one in layers if one["config"]["name"] == name)
    return found


@pytest.mark.parametrize(
    ("model", "change", "said"),
    [
        ("unet", lambda told: layer_of(told, "a").update(class_name="Conv3D"), "'a' is a Conv3D"),
        ("unet", lambda told: layer_of(told, "a")["config"].update(activation="swish"), "'a'.*'swish'"),
        ("unet", lambda told: layer_of(told, "a")["config"].update(data_format="channels_first"), "channels first"),
        ("unet", lambda told: layer_of(told, "cat")["config"].update(axis=1), "'cat'.*axis 1"),
        ("classifier", lambda told: layer_of(told, "f").update(class_name="Dropout"), "'x'.*reads a map"),
        ("unet", lambda told: told.update(format="graph-model"), "tf2onnx"),
        ("unet", lambda told: told["weightsManifest"][0].update(paths=["gone.bin"]), "gone.bin"),
        ("unet", lambda told: told["weightsManifest"][0]["weights"][0].update(shape=[9, 9, 9, 9]), "end before"),
        ("unet", lambda told: told.update(weightsManifest=[]), "no weights 'a/kernel'"),
    ],
)
def test_what_is_not_converted_is_named(
    tmp_path: Path, model: str, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        convert_tfjs(changed(tmp_path, model, change))


def test_weights_of_eight_bits_are_spread_again(tmp_path: Path) -> None:
    def pack(told: dict[str, Any]) -> None:
        place = tmp_path / "unet" / "weights.bin"
        values = np.frombuffer(place.read_bytes(), np.float32)
        place.write_bytes(np.rint((values + 2) / (4 / 255)).astype(np.uint8).tobytes())
        for one in told["weightsManifest"][0]["weights"]:
            one["quantization"] = {"dtype": "uint8", "scale": 4 / 255, "min": -2.0}

    told = json.loads((MODELS / "unet" / "answer.json").read_text())
    picture = np.array(told["input"], np.float32).reshape(told["input_shape"]).transpose(0, 3, 1, 2)
    session = onnxruntime.InferenceSession(convert_tfjs(changed(tmp_path, "unet", pack)))
    expected = np.array(told["output"], np.float32).reshape(told["output_shape"])
    assert np.abs(session.run(None, {INPUT: picture})[0].transpose(0, 2, 3, 1) - expected).mean() < 0.05


def test_the_command_makes_a_folder_that_the_server_takes(tmp_path: Path) -> None:
    options = ["--classes", "background,nucleus", "--kind", "core.nuclei", "--tile", "8", "--multiple", "8"]
    told = CliRunner().invoke(command, [str(MODELS / "unet" / "model.json"), str(tmp_path / "made"), *options])
    assert told.exit_code == 0, told.output
    folder = check_folder(tmp_path / "made")
    assert folder.labels == ("background", "nucleus")
    preprocess = json.loads((tmp_path / "made" / "onnx" / "preprocess.json").read_text())
    assert (preprocess["task"], preprocess["activation"], preprocess["tile"]) == ("segmentation", "none", 8)


def test_the_command_counts_the_classes(tmp_path: Path) -> None:
    model, made = str(MODELS / "classifier" / "model.json"), tmp_path / "made"
    told = CliRunner().invoke(command, [model, str(made), "--classes", "one", "--kind", "core.nuclei"])
    assert told.exit_code == 1
    assert "3 classes" in told.output
    assert not made.exists()
