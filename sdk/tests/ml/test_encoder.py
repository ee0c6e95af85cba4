"""The encoder knows a cat, has its features where the paper has them, and looks at each piece once."""

from __future__ import annotations

import os

import numpy as np
import pytest
from exact_sdk.ml import encoder
from exact_sdk.ml.embeddings import EmbeddingCache, Piece
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from exact_core.api.errors import Invalid

torch_group = pytest.mark.xdist_group("torch")


@pytest.fixture(scope="module")
def lite(torch):
    return encoder.pretrained()


@torch_group
def test_the_weights_are_those_that_know_a_cat(lite, torch):
    picture = data.chelsea()[:224, 100:324]
    with torch.inference_mode():
        logits = lite.module(torch.from_numpy(lite.preprocess.normalise(picture[None])))
    cats = {281, 282, 285}  # tabby, tiger cat, Egyptian cat
    assert set(torch.topk(logits[0], 3).indices.tolist()) == cats


@torch_group
def test_features_have_their_strides_and_channels(lite, torch):
    found = lite.features(torch.zeros(2, 3, 64, 96))
    shapes = {stride: tuple(one.shape) for stride, one in found.items()}
    assert shapes == {stride: (2, encoder.CHANNELS[stride], 64 // stride, 96 // stride) for stride in (8, 16, 32)}
    assert list(lite.features(torch.zeros(1, 3, 32, 32), (16,))) == [16]
    for strides, side in (((4,), 64), ((8,), 40)):
        with pytest.raises(Invalid, match="strides"):
            lite.features(torch.zeros(1, 3, side, side), strides)


@torch_group
def test_a_vector_does_not_depend_on_the_batch_and_nothing_is_learned(lite):
    samples = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    found = lite.embed(samples)
    assert (found.shape, found.dtype) == ((3, encoder.DIMENSIONS), np.float32)
    np.testing.assert_allclose(lite.embed(samples, batch=1), found, atol=1e-4)
    assert lite.embed(samples[:0]).shape == (0, encoder.DIMENSIONS)
    assert not lite.module.training
    assert not any(one.requires_grad for one in lite.module.parameters())


@torch_group
def test_an_encoder_without_weights_has_another_name(lite, torch):
    before = torch.random.get_rng_state()
    first = encoder.untrained(1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert first.id != lite.id
    same = dict(encoder.untrained(1).module.named_parameters())
    assert all(torch.equal(one, same[name]) for name, one in first.module.named_parameters())


PIECE = Piece("ab" * 32, 0, 0, 100, 100)


@settings(deadline=None)
@given(
    st.sampled_from(["sha256", "x", "y", "width", "height", "side", "frame"]),
    st.sampled_from(["cd" * 32, 1, 2.5, 224.0, (0, 1, -1)]),
)
def test_whatever_differs_has_another_key(name, value):
    if (name == "frame") != isinstance(value, tuple) or (name == "sha256") != isinstance(value, str):
        return
    other = Piece(**({"sha256": PIECE.sha256, "x": 0, "y": 0, "width": 100, "height": 100} | {name: value}))
    assert (other.key("m") == PIECE.key("m")) == (other == PIECE)
    assert PIECE.key("m") != PIECE.key("n") != PIECE.key("m", "other")


def test_an_image_without_a_checksum_is_not_kept():
    with pytest.raises(Invalid, match="checksum"):
        Piece("", 0, 0, 1, 1).key("m")


def test_only_what_is_missing_is_computed(tmp_path):
    cache, asked = EmbeddingCache(tmp_path), []

    def compute(places):
        asked.append(places)
        return np.array([[place, place] for place in places], np.float32)

    keys = [Piece("ab" * 32, x, 0, 9, 9).key("m") for x in range(4)]
    cache.put(keys[2], np.array([7, 7], np.float32))
    found = cache.of(keys, compute)
    np.testing.assert_array_equal(found[:, 0], [0, 1, 7, 3])
    np.testing.assert_array_equal(EmbeddingCache(tmp_path).of(keys, compute), found)
    assert asked == [[0, 1, 3]]


def test_a_damaged_file_is_made_again_and_none_is_unpickled(tmp_path):
    cache = EmbeddingCache(tmp_path)
    cache.put("abcd", np.ones(3, np.float32))
    path = tmp_path / "ab" / "abcd.npy"
    whole = path.read_bytes()
    for content in (whole[:20], b"", whole[:-4]):
        path.write_bytes(content)
        assert cache.get("abcd") is None
        assert not path.exists()
    np.save(path, np.array([{"a": 1}], object), allow_pickle=True)
    assert cache.get("abcd") is None


def test_what_was_not_used_for_longest_goes(tmp_path):
    size = 128 + 4 * 100
    cache = EmbeddingCache(tmp_path, 10 * size)
    for number in range(10):
        cache.put(f"{number:04}", np.full(100, number, np.float32))
    assert cache.bytes == 10 * size
    for path in tmp_path.glob("*/*.npy"):
        os.utime(path, ns=(0, int(path.stem) * 1_000_000_000))
    assert cache.get("0000") is not None  # used just now
    cache.put("0010", np.zeros(100, np.float32))
    left = sorted(path.stem for path in tmp_path.glob("*/*.npy"))
    assert left == ["0000", *(f"{number:04}" for number in range(3, 11))]
    assert cache.bytes == 9 * size == sum(path.stat().st_size for path in tmp_path.glob("*/*.npy"))
    with pytest.raises(Invalid, match="keeps nothing"):
        EmbeddingCache(tmp_path, 0)
