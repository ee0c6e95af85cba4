"""``preprocess.json``: every number as its page says, and nothing else in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from exact_sdk.ml.preprocess import Preprocess, crop_or_pad
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.api.errors import Invalid

PAGE = Path(__file__).parents[3] / "docs" / "preprocess.md"
IMAGENET = Preprocess(classes=("a", "b"), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def test_the_example_of_the_page_is_a_valid_file_and_the_page_names_every_field():
    text = PAGE.read_text()
    example = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    example["model"] |= {"sha256": "0" * 64, "integrity": f"sha256-{'A' * 43}="}
    found = Preprocess.of_json(example)
    assert json.loads(found.text()) == example
    table = set(re.findall(r"`([a-z_]+)`", "".join(line for line in text.splitlines() if line.startswith("| "))))
    assert set(Preprocess.model_fields) <= table


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.uint16, np.int16, np.float32]))
def test_values_are_rounded_once_from_double_precision(seed, dtype):
    rng = np.random.default_rng(seed)
    image = (rng.random((5, 7, 3)) * 250).astype(dtype)
    found = IMAGENET.normalise(image)
    assert (found.shape, found.dtype, found.flags.c_contiguous) == ((3, 5, 7), np.float32, True)
    for c in range(3):
        a, b = 1 / (255.0 * IMAGENET.std[c]), -IMAGENET.mean[c] / IMAGENET.std[c]
        for y in range(5):
            for x in range(7):
                assert found[c, y, x] == np.float32(float(image[y, x, c]) * a + b)


def test_bands_are_chosen_in_their_order_and_must_be_there():
    some = Preprocess(classes=("a",), bands=(3, 0), mean=(0, 0), std=(1, 1), divisor=1)
    image = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    np.testing.assert_array_equal(some.normalise(image), np.stack([image[..., 3], image[..., 0]]))
    np.testing.assert_array_equal(some.normalise(image[None])[0], some.normalise(image))
    with pytest.raises(Invalid, match="channel 3"):
        some.normalise(image[..., :3])
    gray = Preprocess(classes=("a",), bands=(0,), mean=(0,), std=(1,), divisor=1)
    assert gray.normalise(image[..., 0]).shape == (1, 2, 3)


def test_pictures_are_padded_by_reflection_for_segmentation_and_framed_for_classification():
    image = np.arange(40 * 50 * 3, dtype=np.uint8).reshape(40, 50, 3)
    padded = np.pad(image, ((0, 24), (0, 14), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(IMAGENET.prepare(image), IMAGENET.normalise(padded))
    framed = IMAGENET.model_copy(update={"task": "classification", "tile": 44})
    np.testing.assert_array_equal(framed.prepare(image), framed.normalise(crop_or_pad(image, 44, 255)))


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.sampled_from([np.uint8, np.float32]))
def test_a_square_is_cut_or_framed_at_the_middle_of_each_axis(height, width, side, dtype):
    image = np.arange(1, height * width + 1).reshape(height, width, 1).astype(dtype)
    found = crop_or_pad(image, side, 0)
    assert (found.shape, found.dtype) == ((side, side, 1), dtype)
    row, column = (-(-(side - n) // 2) if n < side else -((n - side) // 2) for n in (height, width))
    y0, x0 = max(0, row), max(0, column)
    rows, columns = min(height, side), min(width, side)
    expected = image[y0 - row : y0 - row + rows, x0 - column : x0 - column + columns]
    np.testing.assert_array_equal(found[y0 : y0 + rows, x0 : x0 + columns], expected)
    assert found.any() or not expected.any()
    assert np.count_nonzero(found) == np.count_nonzero(expected)


def test_a_random_cut_may_begin_anywhere_both_ends_included():
    image = np.arange(5)[None, :, None].repeat(3, 0).astype(np.uint8)
    firsts = {int(crop_or_pad(image, 3, 0, np.random.default_rng(seed))[0, 0, 0]) for seed in range(60)}
    assert firsts == {0, 1, 2}


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_probabilities_keep_the_dtype_and_are_finite_for_large_logits(seed, dtype):
    logits = (np.random.default_rng(seed).normal(size=(3, 4, 2, 2)) * 200).astype(dtype)

    def found(activation):
        return IMAGENET.model_copy(update={"activation": activation}).probabilities(logits)

    exact = logits.astype(np.longdouble)
    shares = np.exp(exact - exact.max(1, keepdims=True))
    np.testing.assert_allclose(found("softmax"), shares / shares.sum(1, keepdims=True), rtol=1e-4, atol=1e-30)
    np.testing.assert_allclose(found("sigmoid"), 1 / (1 + np.exp(-exact)), rtol=1e-4, atol=1e-30)
    assert found("none") is logits
    assert {found(one).dtype for one in ("softmax", "sigmoid")} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format"),
        ({"unknown": 1}, "unknown"),
        ({"std": [1, 0, 1]}, "std"),
        ({"mean": [0, 0]}, "one entry per channel"),
        ({"divisor": float("inf")}, "divisor"),
        ({"step": 513}, "left out"),
        ({"tile": 500}, "multiple"),
        ({"classes": []}, "classes"),
        ({"model": {"file": "../model.onnx", "bytes": 1, "sha256": "0" * 64, "integrity": ""}}, "file"),
    ],
)
def test_a_wrong_field_is_named(change, reason, tmp_path):
    value = json.loads(IMAGENET.text()) | change
    with pytest.raises(Invalid, match=reason):
        Preprocess.of_json(value)


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "preprocess.json"
    path.write_text(IMAGENET.text())
    assert Preprocess.read(path) == IMAGENET
    path.write_text("{")
    with pytest.raises(Invalid, match="JSON"):
        Preprocess.read(path)
