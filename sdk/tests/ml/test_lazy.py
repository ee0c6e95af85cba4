"""Importing the toolkit costs nothing heavy and reaches nothing of the host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import exact_sdk.ml

MODULES = sorted(path.stem for path in Path(exact_sdk.ml.__file__).parent.glob("*.py") if path.stem != "__init__")

HEAVY = {"torch", "onnx", "onnxruntime", "sklearn", "safetensors", "efficientnet_lite_pytorch"}
HOST = ("exact_core.web", "exact_core.storage", "exact_core.kernel", "exact_core.app", "exact_core.services")


def test_no_module_imports_torch_or_the_host():
    names = [f"exact_sdk.ml.{name}" for name in MODULES]
    code = f"import importlib, json, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    code += "print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert {f"exact_sdk.ml.{name}" for name in MODULES} <= loaded
    assert loaded & HEAVY == set()
    assert [name for name in loaded if name.startswith(HOST) or name in ("sqlalchemy", "fastapi")] == []
