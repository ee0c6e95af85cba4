"""Weights and epochs of classes of very different size."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml import sampling
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from exact_core.api.errors import Invalid

_counts = st.lists(st.integers(0, 400), min_size=2, max_size=6).filter(any)


@settings(deadline=None)
@given(_counts, st.sampled_from([0.0, 0.9, 0.999]))
def test_weights_have_mean_one_and_rarer_classes_weigh_no_less(counts, beta):
    weights = sampling.class_weights(counts, beta)
    there = np.array(counts) > 0
    assert weights[there].mean() == pytest.approx(1)
    assert (weights[~there] == 0).all()
    order = np.argsort(np.array(counts)[there], kind="stable")
    assert (np.diff(weights[there][order]) <= 1e-12).all()


def test_the_ends_of_beta_are_no_weights_and_inverse_counts():
    np.testing.assert_allclose(sampling.class_weights([5, 50, 500], 0), 1)
    weights = sampling.class_weights([5, 50, 500], 1 - 1e-9)
    np.testing.assert_allclose(weights / weights[0], [1, 0.1, 0.01], rtol=1e-5)
    with pytest.raises(Invalid, match="beta"):
        sampling.class_weights([1], 1)


def test_the_specified_losses_of_balanced_softmax():
    logits, prior = np.array([2.0, 1, -1]), sampling.log_prior([1000, 100, 10])
    found = [-log_softmax(logits + tau * prior)[2] for tau in (0, 0.5, 1)]
    assert found == pytest.approx([3.349012217, 5.417084879, 7.641777694])
    with pytest.raises(Invalid, match="Class 1"):
        sampling.log_prior([3, 0])


@settings(deadline=None)
@given(_counts, st.integers(0, 100), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_an_epoch_shows_what_was_asked_for_and_each_sample_about_as_often(counts, low, extra, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    targets = sampling.clamp_counts(counts, low, low + extra)
    for count, target in zip(counts, targets, strict=True):
        assert target == (min(max(count, low), low + extra) if count else 0)
    epoch = sampling.epoch_of(labels, targets, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.bincount(labels[epoch.indices], minlength=len(counts)), targets)
    times = np.bincount(epoch.indices, minlength=len(labels))
    for name in range(len(counts)):
        own = times[labels == name]
        assert not len(own) or own.max() - own.min() <= 1
    assert len(epoch.warnings) == sum(
        count > 0 and target / count > 20 for count, target in zip(counts, targets, strict=True)
    )


def test_the_same_generator_makes_the_same_epoch():
    labels = np.array([0] * 30 + [1] * 3)
    one, other = (sampling.epoch_of(labels, [10, 10], np.random.default_rng(4)).indices for _ in range(2))
    np.testing.assert_array_equal(one, other)
    with pytest.raises(Invalid, match="range"):
        sampling.clamp_counts([3], 5, 4)


@settings(deadline=None)
@given(_counts, st.floats(0, 1))
def test_chances_of_classes_follow_their_scheme(counts, progress):
    labels = np.repeat(np.arange(len(counts)), counts)
    number = np.array(counts, float)
    for scheme, power in (("instance", 1.0), ("square_root", 0.5), ("class_balanced", 0.0)):
        chances = sampling.sample_weights(labels, len(counts), scheme, progress)
        assert chances.sum() == pytest.approx(1)
        goal = np.where(number > 0, number**power, 0)
        expected = progress * goal / goal.sum() + (1 - progress) * number / number.sum()
        np.testing.assert_allclose(np.bincount(labels, chances, minlength=len(counts)), expected, atol=1e-12)


def test_wrong_samples_come_more_often_and_suspected_mislabels_do_not():
    labels = np.array([0, 0, 0, 0, 1, 1])
    correct = np.array([1, 1, 1, 0, 0, 0])
    weights = sampling.epoch_weights(correct, labels, 2)
    np.testing.assert_allclose(weights, [4 / 7, 4 / 7, 4 / 7, 16 / 7, 1, 1])
    after = sampling.epoch_weights(correct, labels, 2, before=np.ones(6))
    np.testing.assert_allclose(after, (weights + 1) / 2)
    assert sampling.epoch_weights(correct, labels, 2, trusted=[1, 1, 1, 0, 1, 1])[3] == 1
    unsure = sampling.epoch_weights(
        correct, labels, 2, overlap=[0.9, 0.1, 0.9, 0, 0, 0], tau=0.5, counting=(0.5, 1.0, 2.0)
    )
    assert unsure[1] == pytest.approx(2 * unsure[0])


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(0, 20), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_new_features_lie_between_two_of_their_class(count, missing, seed, dtype):
    rng = np.random.default_rng(seed)
    features = np.concatenate([rng.normal(size=(count, 3)), rng.normal(size=(15, 3)) + 100]).astype(dtype)
    labels = np.array([0] * count + [1] * 15)
    found, names = sampling.synthetic_features(features, labels, [count + missing, 0], rng)
    assert (found.dtype, len(found)) == (dtype, 15 + count + missing)
    np.testing.assert_array_equal(found[: len(features)], features)
    np.testing.assert_array_equal(np.bincount(names), [count + missing, 15])
    own = features[:count].astype(float)
    for new in found[len(features) :].astype(float):
        # On some segment between two samples: the sum of distances to its ends is its length.
        ends = np.linalg.norm(own - new, axis=1)
        detour = ends[:, None] + ends[None] - np.linalg.norm(own[:, None] - own[None], axis=2)
        assert detour.min() < 1e-4
