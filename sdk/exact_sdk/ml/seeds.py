"""The same seed gives the same model, byte for byte, on the same processor with as many threads (ml-spec 0.3)."""

from __future__ import annotations

import os
import random
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from exact_core.api.errors import Invalid

if TYPE_CHECKING:
    import torch

_LARGEST = 2**32


def seed_all(seed: int, *, deterministic: bool = False, threads: int | None = None) -> np.random.Generator:
    """Seed Python, numpy and, where it is installed, torch.

    Args:
        seed: From 0 to 2**32 - 1.
        deterministic: Ask torch for algorithms that give the same each time, from now on; it refuses others.
        threads: How many threads torch computes with; another number changes the rounding of sums.

    Returns:
        A generator to hand down, so that nothing needs numpy's global one.

    Raises:
        Invalid: The seed is out of range.
    """
    _check(seed)
    random.seed(seed)
    np.random.seed(seed)
    if find_spec("torch") is not None:
        _seed_torch(seed, deterministic, threads)
    return np.random.default_rng(seed)


def derived(seed: int, *names: str | int) -> int:
    """A seed of its own for a part of the work, such as an epoch or a loader; from 0 to 2**32 - 1."""
    _check(seed)
    text = "\n".join([str(seed), *map(str, names)])
    return int.from_bytes(sha256(text.encode()).digest()[:4], "big")


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator for a part of the work."""
    return np.random.default_rng(derived(seed, *names))


def torch_generator(seed: int, *names: str | int) -> torch.Generator:
    """A torch generator for a part of the work: every ``DataLoader`` and sampler gets one."""
    import torch

    made = torch.Generator()
    made.manual_seed(derived(seed, *names))
    return made


def seed_worker(_worker: int) -> None:
    """Seed Python and numpy in a process of a ``DataLoader``; pass it as ``worker_init_fn``.

    Torch gives each worker a seed of its own; numpy and Python would begin all of them with the same state.
    """
    import torch

    seed = torch.initial_seed() % _LARGEST
    random.seed(seed)
    np.random.seed(seed)


def _seed_torch(seed: int, deterministic: bool, threads: int | None) -> None:
    import torch

    torch.manual_seed(seed)
    if threads is not None:
        torch.set_num_threads(threads)
    if deterministic:
        # cuBLAS reads it when it is first used; without it torch refuses products of matrices on CUDA.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.use_deterministic_algorithms(True)


def _check(seed: int) -> None:
    if not 0 <= seed < _LARGEST:
        raise Invalid(f"The seed {seed} is not between 0 and {_LARGEST - 1}.")
