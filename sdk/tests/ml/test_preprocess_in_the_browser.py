"""Python and the browser make the same input of the same pixels: both follow one file of pixels and numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_sdk.ml.preprocess import Preprocess

FRONTEND = Path(__file__).resolve().parents[3] / "frontend"
CASES = FRONTEND / "test" / "inference" / "preprocess_cases.json"


@pytest.mark.parametrize("case", json.loads(CASES.read_text()), ids=lambda case: case["name"])
def test_the_input_of_a_network_is_that_of_the_file(case: dict[str, Any]) -> None:
    contract = Preprocess.of_json(case["contract"])
    made = contract.prepare(np.array(case["pixels"], np.uint8))
    assert made.shape == (len(contract.bands), case["height"], case["width"])
    assert made.tobytes() == np.array(case["expected"], np.float32).tobytes()


def test_the_browsers_side_passes_its_tests_on_the_same_file() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    told = subprocess.run(
        [node, "--test", "test/inference/preprocess.test.js"], cwd=FRONTEND, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout
