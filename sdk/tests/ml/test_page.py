"""The page of the toolkit: its blocks marked ``python`` run one after the other, as they are."""

from __future__ import annotations

import re
from pathlib import Path

import exact_sdk.ml
import pytest

pytestmark = pytest.mark.xdist_group("torch")

PAGE = Path(__file__).parents[3] / "docs" / "ml.md"


def test_every_example_runs(torch, tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    names = {"folder": tmp_path, "__name__": "page"}
    try:
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), names)
    finally:
        torch.use_deterministic_algorithms(False)


def test_every_module_is_in_the_table():
    named = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| `.*", PAGE.read_text(), re.MULTILINE))))
    modules = {path.stem for path in Path(exact_sdk.ml.__file__).parent.glob("*.py")}
    assert modules - {"__init__", "card_text", "commands", "foreign_reader"} <= named
