"""Networks of the tests as models of an instance."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from exact_core.api.context import Actor
from exact_core.models.keeping import NewModel
from exact_core.models.receiving import keep_folder
from tests.browser.networks import Network
from tests.browser.viewer_instance import Instance
from tests.core.models.folders import with_checksums, write


def upload(instance: Instance, name: str, network: Network | None) -> str:
    """Keep a model of the instance's image set; one without a network cannot be run in browsers.

    Returns:
        Its permanent identity.
    """
    labels = ["background", "nucleus"] if network is None else network.preprocess["classes"]
    files = {
        "model.json": json.dumps({"format": 1, "architecture": name, "arguments": {}, "classes": labels}).encode(),
        "card.json": json.dumps({"intended_use": "Tests."}).encode(),
    }
    if network is None:
        files["model.safetensors"] = _no_tensors()
    else:
        files |= {"onnx/model.onnx": network.model, "onnx/preprocess.json": network.preprocess_text.encode()}
    new = NewModel(name, "core.nuclei", instance.image_set_id)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "model", with_checksums(files))
        return keep_folder(instance.services, Actor.system(), new, path).uuid


def _no_tensors() -> bytes:
    header = b"{}"
    return len(header).to_bytes(8, "little") + header
