"""Classes in a tree: probabilities of its nodes from one softmax over the leaves, and how grave an error is.

ml-spec 2.4 to 2.6 and 4.1. Only numpy; losses of a network take ``leaf_to_node`` as a buffer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from exact_core.api.errors import Invalid
from exact_sdk.ml.stitching import Array

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Decoding = Literal["flat", "top_down", "least_risk"]

NOTHING = -1


class Taxonomy:
    """A tree of classes, given by the path of each leaf from the coarsest name to its own.

    Paths may differ in length: a leaf that ends early is repeated downwards, so that it keeps its probability and an
    error never looks smaller for want of a rank.

    Attributes:
        paths: As given.
        depth: Number of levels; level 0 is the coarsest.
        leaves: Names, in the order given, which is that of the network's output.
        nodes: Names on each level.
        leaf_to_node: ``(depth, leaves)`` the node of each leaf on each level.
        is_copy: ``(depth, leaves)`` where a leaf is only repeated; losses give these weight 0.
    """

    def __init__(self, paths: Iterable[Sequence[str]]) -> None:
        """Build and check a tree.

        Raises:
            Invalid: It is none: a name with two parents, or twice on one path, a leaf that is an inner node too, or
                no leaf.
        """
        self.paths = tuple(tuple(path) for path in paths)
        _check(self.paths)
        self.depth = max(map(len, self.paths))
        self.leaves = tuple(path[-1] for path in self.paths)
        padded = [path + path[-1:] * (self.depth - len(path)) for path in self.paths]
        self.nodes = tuple(tuple(dict.fromkeys(path[level] for path in padded)) for level in range(self.depth))
        places = [{name: place for place, name in enumerate(names)} for names in self.nodes]
        self.leaf_to_node: Ints = np.array(
            [[places[level][path[level]] for path in padded] for level in range(self.depth)], np.int64
        )
        ends = np.array([len(path) for path in self.paths])
        self.is_copy: Bools = np.arange(self.depth)[:, None] >= ends[None]

    def log_probabilities(self, logits: Array) -> list[Array]:
        """Logarithms of the probabilities of all nodes, finite for any finite logits.

        ``logsumexp`` over the leaves of a node minus that over all leaves; never the logarithm of a sum of softmax.

        Args:
            logits: ``(n, leaves)``; the dtype stays.

        Returns:
            For each level ``(n, nodes)``.
        """
        total = logsumexp(logits, axis=1, keepdims=True)
        return [
            np.stack([logsumexp(logits[:, places == node], axis=1) for node in range(len(names))], axis=1) - total
            for places, names in zip(self.leaf_to_node, self.nodes, strict=True)
        ]

    def probabilities(self, leaves: Array) -> list[Array]:
        """The probability of each node, as the sum of its leaves.

        Args:
            leaves: ``(n, leaves)`` probabilities; the dtype stays.

        Returns:
            For each level ``(n, nodes)``.
        """
        found = []
        for places, names in zip(self.leaf_to_node, self.nodes, strict=True):
            of_level = np.zeros((len(leaves), len(names)), leaves.dtype)
            np.add.at(of_level.T, places, leaves.T)
            found.append(of_level)
        return found

    def importance(self) -> Ints:
        """How grave it is to take one leaf for another: levels from the bottom up to the node that they share.

        Returns:
            ``(leaves, leaves)``: 0 for the same leaf, ``depth`` when they share nothing; symmetric, and never more than
            the graver of two steps over a third leaf.
        """
        shared = self.leaf_to_node[:, :, None] == self.leaf_to_node[:, None, :]
        found: Ints = self.depth - shared.sum(axis=0)
        return found

    def decode(self, leaves: Array, how: Decoding = "flat") -> Ints:
        """Choose a leaf: the most probable one, the best of the best node of each level, or that of the least risk.

        Args:
            leaves: ``(n, leaves)`` probabilities.
            how: ``flat``, ``top_down``, or ``least_risk``: the smallest ``sum p(c) importance(c, t)``.

        Returns:
            ``(n,)``; of equally good leaves the first.
        """
        if how == "flat":
            return np.asarray(leaves.argmax(axis=1), np.int64)
        if how == "least_risk":
            return np.asarray((leaves @ self.importance().astype(leaves.dtype)).argmin(axis=1), np.int64)
        allowed = np.ones(leaves.shape, bool)
        for places, level in zip(self.leaf_to_node, self.probabilities(leaves), strict=True):
            best = np.where(allowed, level[:, places], -1.0).argmax(axis=1)
            allowed &= places[None] == places[best][:, None]
        return np.asarray(allowed.argmax(axis=1), np.int64)

    def roll_up(self, leaves: Array, least: float = 0.9) -> list[tuple[int, int]]:
        """The deepest node of each sample that is certain enough: a safe name.

        Args:
            leaves: ``(n, leaves)`` probabilities.
            least: Probability that the node needs, above one half, so that there is one per level at most.

        Returns:
            Level and node; ``(-1, -1)`` when not even the coarsest is certain.

        Raises:
            Invalid: ``least`` does not decide between nodes.
        """
        if not 0.5 < least <= 1:
            raise Invalid(
                f"A node must have more than half of the probability to be a safe name; {least} is asked for."
            )
        found = [(NOTHING, NOTHING)] * len(leaves)
        for level, of_level in enumerate(self.probabilities(leaves)):
            best = of_level.argmax(axis=1)
            for sample in np.flatnonzero(of_level.max(axis=1) >= least):
                found[sample] = (level, int(best[sample]))
        return found

    def closure(self, labels: ArrayLike) -> Bools:
        """A leaf with all nodes above it, as targets of one yes or no for each node.

        Args:
            labels: ``(n,)`` leaves.

        Returns:
            ``(n, nodes of all levels)``, level after level.
        """
        given = np.asarray(labels, np.int64)
        levels = [
            places[given][:, None] == np.arange(len(names))
            for places, names in zip(self.leaf_to_node, self.nodes, strict=True)
        ]
        return np.concatenate(levels, axis=1)

    def consistent(self, nodes: Array) -> Array:
        """Answers for each node by itself made fit for a tree: ``p(child) = min(p(child), p(parent))``, from the top.

        Args:
            nodes: ``(n, nodes of all levels)``; the dtype stays.
        """
        found: NDArray[Any] = nodes.copy()
        starts = np.cumsum([0, *(len(names) for names in self.nodes)])
        for level in range(1, self.depth):
            parents = np.zeros(len(self.nodes[level]), np.int64)
            parents[self.leaf_to_node[level]] = self.leaf_to_node[level - 1]
            own, above = slice(starts[level], starts[level + 1]), slice(starts[level - 1], starts[level])
            found[:, own] = np.minimum(found[:, own], found[:, above][:, parents])
        return found


def _check(paths: Sequence[Sequence[str]]) -> None:
    if not paths or not all(paths):
        raise Invalid("A taxonomy needs at least one leaf, and each leaf a path of names.")
    parents: dict[str, str] = {}
    for path in paths:
        for above, name in zip(("", *path), path, strict=False):
            if path.count(name) > 1:
                raise Invalid(f"{name!r} is its own ancestor, on the path {' > '.join(path)}.")
            if parents.setdefault(name, above) != above:
                raise Invalid(
                    f"{name!r} has two parents, {parents[name] or 'none'!r} and {above or 'none'!r}; rename one."
                )
    leaves = [path[-1] for path in paths]
    inner = {name for path in paths for name in path[:-1]}
    for leaf in leaves:
        if leaf in inner:
            raise Invalid(
                f"{leaf!r} is a class and has classes below it; give it a class of its own below, such as 'other'."
            )
        if leaves.count(leaf) > 1:
            raise Invalid(f"The class {leaf!r} is named twice.")
