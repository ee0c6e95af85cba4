"""Fitted scikit-learn objects as arrays: kept without a pickle, used without scikit-learn (ml-spec 0.6).

Each is made by ``of`` from a fitted object, gives its ``arrays``, and is made again from them by ``from_arrays``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from exact_core.api.errors import Invalid
from exact_sdk.ml.stitching import Array

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Estimator:
    """Arrays by the names of the fields."""

    def arrays(self, prefix: str = "") -> Arrays:
        """What a model folder keeps, by name."""
        return {prefix + one.name: np.asarray(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], prefix: str = "") -> Self:
        """Make it again.

        Raises:
            Invalid: An array is missing.
        """
        missing = [one.name for one in fields(cls) if prefix + one.name not in arrays]
        if missing:
            raise Invalid(f"The model lacks the array {prefix + missing[0]!r}; it was made by another version.")
        return cls(**{one.name: arrays[prefix + one.name] for one in fields(cls)})


@dataclass(frozen=True, slots=True, eq=False)
class PCA(Estimator):
    """Principal components.

    Attributes:
        mean: ``(d,)``.
        components: ``(k, d)``, already divided by the deviations when the output is whitened.
    """

    mean: Array
    components: Array

    @classmethod
    def of(cls, fitted: Any) -> Self:
        """From a fitted ``sklearn.decomposition.PCA``."""
        scale = np.sqrt(fitted.explained_variance_)[:, None] if fitted.whiten else 1.0
        return cls(fitted.mean_, fitted.components_ / scale)

    def transform(self, samples: Array) -> Array:
        """``(n, d)`` to ``(n, k)``; the dtype stays."""
        found: Array = (samples - self.mean.astype(samples.dtype)) @ self.components.astype(samples.dtype).T
        return found


@dataclass(frozen=True, slots=True, eq=False)
class KMeans(Estimator):
    """Clusters around centres.

    Attributes:
        centres: ``(k, d)``.
    """

    centres: Array

    @classmethod
    def of(cls, fitted: Any) -> Self:
        """From a fitted ``sklearn.cluster.KMeans``."""
        return cls(fitted.cluster_centers_)

    def predict(self, samples: Array) -> NDArray[np.int64]:
        """The nearest centre of each sample, the first of equally near ones; ``(n, d)`` to ``(n,)``."""
        centres = self.centres.astype(np.float64)
        apart = (centres**2).sum(1) - 2 * samples.astype(np.float64) @ centres.T
        nearest: NDArray[np.int64] = apart.argmin(1)
        return nearest


@dataclass(frozen=True, slots=True, eq=False)
class GaussianMixture(Estimator):
    """A mixture of normal distributions.

    Attributes:
        weights: ``(k,)``.
        means: ``(k, d)``.
        precisions_cholesky: ``(k, d, d)`` upper triangular, as scikit-learn has them, whatever the covariances are.
    """

    weights: Array
    means: Array
    precisions_cholesky: Array

    @classmethod
    def of(cls, fitted: Any) -> Self:
        """From a fitted ``sklearn.mixture.GaussianMixture`` of any type of covariance."""
        kept, (count, size) = fitted.precisions_cholesky_, fitted.means_.shape
        if fitted.covariance_type == "tied":
            kept = np.broadcast_to(kept, (count, size, size)).copy()
        elif fitted.covariance_type in ("diag", "spherical"):
            kept = np.stack([np.eye(size) * row for row in kept])
        return cls(fitted.weights_, fitted.means_, kept)

    def log_probabilities(self, samples: Array) -> NDArray[np.float64]:
        """Logarithms of weighted densities, ``(n, k)``."""
        values, size = samples.astype(np.float64), self.means.shape[1]
        found = np.empty((len(values), len(self.means)))
        for place, (mean, root) in enumerate(zip(self.means, self.precisions_cholesky, strict=True)):
            distance = ((values @ root - mean @ root) ** 2).sum(1)
            found[:, place] = np.log(np.diag(root)).sum() - (size * np.log(2 * np.pi) + distance) / 2
        return found + np.log(self.weights)

    def predict_proba(self, samples: Array) -> NDArray[np.float64]:
        """Chances of the components, ``(n, k)``."""
        found: NDArray[np.float64] = softmax(self.log_probabilities(samples), axis=1)
        return found

    def predict(self, samples: Array) -> NDArray[np.int64]:
        """The most probable component, ``(n,)``."""
        likeliest: NDArray[np.int64] = self.log_probabilities(samples).argmax(1)
        return likeliest


@dataclass(frozen=True, slots=True, eq=False)
class NMF(Estimator):
    """Non-negative factors.

    Attributes:
        components: ``(k, d)``, none negative.
    """

    components: Array

    @classmethod
    def of(cls, fitted: Any) -> Self:
        """From a fitted ``sklearn.decomposition.NMF`` with the Frobenius norm and no penalty.

        Raises:
            Invalid: It was fitted otherwise.
        """
        if fitted.beta_loss not in ("frobenius", 2) or fitted.alpha_W:
            raise Invalid("Only NMF without a penalty can be kept; fit it with beta_loss='frobenius' and alpha_W=0.")
        return cls(fitted.components_)

    def transform(self, samples: Array) -> Array:
        """The best non-negative weights of the factors, ``(n, d)`` to ``(n, k)``; the dtype stays.

        Solved exactly for each sample (Lawson & Hanson, Solving Least Squares Problems, ch. 23).
        """
        from scipy.optimize import nnls

        factors = self.components.astype(np.float64).T
        found = np.stack([nnls(factors, sample)[0] for sample in samples.astype(np.float64)])
        return found.astype(samples.dtype)
