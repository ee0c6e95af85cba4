"""One seed, one model: byte for byte."""

from __future__ import annotations

import random

import numpy as np
import pytest
from exact_sdk.ml import seeds
from exact_sdk.ml.store import Meta, save

from exact_core.api.errors import Invalid

pytestmark = pytest.mark.xdist_group("torch")


def test_parts_of_the_work_have_generators_of_their_own():
    assert seeds.derived(1, "loader", 0) == seeds.derived(1, "loader", 0)
    different = {seeds.derived(seed, *names) for seed in (1, 2) for names in (("a",), ("b",), ("a", 1), ("a", 2))}
    assert len(different) == 8
    assert seeds.generator(1, "a").random() == seeds.generator(1, "a").random() != seeds.generator(1, "b").random()
    for wrong in (-1, 2**32):
        with pytest.raises(Invalid, match="seed"):
            seeds.derived(wrong)


def test_everything_random_is_seeded(torch):
    def drawn():
        own = seeds.seed_all(5)
        found = (random.random(), np.random.random(), own.random(), torch.rand(1).item())
        return (*found, torch.rand(1, generator=seeds.torch_generator(5, "loader")).item())

    state = np.random.get_state(), random.getstate()
    try:
        assert drawn() == drawn()
    finally:
        np.random.set_state(state[0])
        random.setstate(state[1])


def test_workers_of_a_loader_get_seeds_of_their_own(torch):
    state = np.random.get_state(), random.getstate(), torch.random.get_rng_state()
    try:
        found = []
        for worker in range(2):
            torch.manual_seed(40 + worker)  # as torch seeds its workers
            seeds.seed_worker(worker)
            found.append((random.random(), np.random.random()))
        assert found[0] != found[1]
    finally:
        np.random.set_state(state[0])
        random.setstate(state[1])
        torch.random.set_rng_state(state[2])


def trained(torch, tiny, seed):
    """A few steps of training; everything random follows from the seed."""
    seeds.seed_all(seed, deterministic=True, threads=1)
    try:
        net = tiny()
        optimiser = torch.optim.AdamW(net.parameters(), 1e-2)
        data = torch.utils.data.TensorDataset(torch.rand(12, 3, 16, 16), torch.randint(2, (12, 16, 16)))
        loader = torch.utils.data.DataLoader(data, 4, shuffle=True, generator=seeds.torch_generator(seed, "loader"))
        for image, label in loader:
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(image), label).backward()
            optimiser.step()
        return net
    finally:
        torch.use_deterministic_algorithms(False)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(torch, tiny, tmp_path):
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        save(tmp_path / name, trained(torch, tiny, seed), Meta("tiny"))
    one, again, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "again", "other"))
    assert one == again
    assert one != other
