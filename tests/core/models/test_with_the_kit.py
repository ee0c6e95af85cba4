"""What the author's kit writes is what the server takes, and what it gives back is what the kit reads."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from exact_sdk.ml import store
from exact_sdk.ml.card import Card, Measured

from tests.core.models.conftest import KIND, MODELS, Lab, upload


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_model_of_the_kit_goes_to_the_server_and_back(lab: Lab, tmp_path: Path) -> None:
    card = Card(title="Two classes", metrics={"f1": Measured(value=0.5, ci=(0.4, 0.6))}, intended_use="Tests.")
    meta = store.Meta("line", {"width": 2}, ("a", "b"), card=card)
    weights = {"weight": numpy.arange(6, dtype=numpy.float32).reshape(2, 3)}
    folder = store.save(tmp_path / "made", weights, meta)
    store.to_zip(folder.path, tmp_path / "made.zip")
    answer = upload(lab, content=(tmp_path / "made.zip").read_bytes(), name="", kind=KIND)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["name"], told["labels"], told["sha256"]) == ("Two classes", ["a", "b"], folder.sha256)
    assert told["figures"] == [{"name": "f1", "value": 0.5, "low": 0.4, "high": 0.6}]
    back = tmp_path / "back.zip"
    back.write_bytes(lab["ann"].get(f"{MODELS}/{told['uuid']}/archive").content)
    assert back.read_bytes() == (tmp_path / "made.zip").read_bytes()
    with store.from_zip(back) as unpacked:
        found, read = store.load_arrays(unpacked)
    assert numpy.array_equal(found["weight"], weights["weight"])
    assert read == meta
