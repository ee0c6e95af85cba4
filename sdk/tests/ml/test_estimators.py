"""Fitted objects give the same answers as scikit-learn after a journey through a model folder."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml import estimators, store
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, PCA
from sklearn.mixture import GaussianMixture

from exact_core.api.errors import Invalid


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(3)
    return np.concatenate([rng.normal(size=(40, 5)) + 4 * rng.normal(size=5) for _ in range(3)])


def carried(kind, fitted, folder):
    made = kind.of(fitted)
    store.save(folder / "m", made.arrays("step."), store.Meta("estimator"))
    arrays, _ = store.load_arrays(folder / "m")
    return kind.from_arrays(arrays, "step.")


@pytest.mark.parametrize("whiten", [False, True])
def test_principal_components(samples, tmp_path, whiten):
    fitted = PCA(3, whiten=whiten, random_state=0).fit(samples)
    found = carried(estimators.PCA, fitted, tmp_path)
    np.testing.assert_allclose(found.transform(samples), fitted.transform(samples), atol=1e-10)
    single = found.transform(samples.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, fitted.transform(samples), atol=1e-4)


def test_clusters_around_centres(samples, tmp_path):
    fitted = KMeans(4, n_init=3, random_state=0).fit(samples)
    found = carried(estimators.KMeans, fitted, tmp_path)
    np.testing.assert_array_equal(found.predict(samples), fitted.predict(samples))


@pytest.mark.parametrize("covariance", ["full", "tied", "diag", "spherical"])
def test_mixtures(samples, tmp_path, covariance):
    fitted = GaussianMixture(3, covariance_type=covariance, reg_covar=1e-4, random_state=0).fit(samples)
    found = carried(estimators.GaussianMixture, fitted, tmp_path)
    np.testing.assert_allclose(found.predict_proba(samples), fitted.predict_proba(samples), atol=1e-9)
    np.testing.assert_array_equal(found.predict(samples), fitted.predict(samples))


def test_non_negative_factors(samples, tmp_path):
    positive = np.abs(samples)
    fitted = NMF(3, init="nndsvd", random_state=0, max_iter=10_000, tol=1e-9).fit(positive)
    found = carried(estimators.NMF, fitted, tmp_path)
    ours, theirs = found.transform(positive), fitted.transform(positive)
    assert (ours >= 0).all()
    np.testing.assert_allclose(ours, theirs, atol=1e-3)
    loss = [np.linalg.norm(positive - weights @ fitted.components_) for weights in (ours, theirs)]
    assert loss[0] <= loss[1] + 1e-9
    with pytest.raises(Invalid, match="penalty"):
        estimators.NMF.of(NMF(2, alpha_W=0.1, max_iter=500).fit(positive))


def test_a_missing_array_is_named():
    with pytest.raises(Invalid, match=r"step\.components"):
        estimators.PCA.from_arrays({"step.mean": np.zeros(3)}, "step.")
