"""A training that broke off ends with the same bytes as one that did not."""

from __future__ import annotations

import random

import numpy as np
import pytest
from exact_sdk.ml import checkpoint, seeds

from exact_core.api.errors import Invalid

pytestmark = pytest.mark.xdist_group("torch")


class Course:
    """A tiny training with everything random that there is."""

    def __init__(self, torch, tiny, kind="AdamW"):
        seeds.seed_all(11, threads=1)
        self.torch = torch
        net = tiny()
        optimiser = getattr(torch.optim, kind)(net.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 2, 0.5)
        self.images = torch.rand(8, 3, 8, 8)
        self.labels = torch.randint(2, (8, 8, 8))
        self.all = checkpoint.Training(
            net, {"all": optimiser}, {"rate": scheduler}, {"loader": seeds.torch_generator(11)},
            {"augment": seeds.generator(11)},
        )  # fmt: skip

    def epoch(self):
        torch, parts = self.torch, self.all
        data = torch.utils.data.TensorDataset(self.images, self.labels)
        for image, label in torch.utils.data.DataLoader(data, 4, shuffle=True, generator=parts.loaders["loader"]):
            noise = parts.drawn["augment"].random() + random.random() + torch.rand(1).item()
            parts.optimisers["all"].zero_grad()
            torch.nn.functional.cross_entropy(parts.module(image * noise), label).backward()
            parts.optimisers["all"].step()
        parts.schedulers["rate"].step()

    def weights(self):
        return b"".join(value.numpy().tobytes() for value in self.all.module.state_dict().values())


@pytest.fixture(autouse=True)
def as_before(torch):
    """Leave what is random for all as it was."""
    state = np.random.get_state(), random.getstate(), torch.get_rng_state()
    yield
    np.random.set_state(state[0])
    random.setstate(state[1])
    torch.set_rng_state(state[2])


@pytest.mark.parametrize("kind", ["AdamW", "SGD"])
def test_a_resumed_training_ends_with_the_same_bytes(torch, tiny, tmp_path, kind):
    whole = Course(torch, tiny, kind)
    for done in range(5):
        if done == 3:
            checkpoint.write(tmp_path / "last.safetensors", whole.all, done, {"best": 0.5})
        whole.epoch()
    resumed = Course(torch, tiny, kind)
    resumed.epoch()  # whatever happened before is undone
    assert checkpoint.restore(tmp_path / "last.safetensors", resumed.all) == (3, {"best": 0.5})
    for _ in range(2):
        resumed.epoch()
    assert resumed.weights() == whole.weights()
    assert resumed.all.optimisers["all"].param_groups[0]["lr"] == 1e-2 / 4
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]


def test_what_is_no_checkpoint_of_this_training_is_refused(torch, tiny, tmp_path):
    course, path = Course(torch, tiny), tmp_path / "last.safetensors"
    course.epoch()
    checkpoint.write(path, course.all, 1)
    whole = path.read_bytes()
    other = checkpoint.Training(tiny(width=8))
    with pytest.raises(Invalid, match="another training"):
        checkpoint.restore(path, other)
    more = checkpoint.Training(course.all.module, {"head": course.all.optimisers["all"]})
    with pytest.raises(Invalid, match="another training"):
        checkpoint.restore(path, more)
    path.write_bytes(whole[:-40])
    with pytest.raises(Invalid, match="damaged"):
        checkpoint.restore(path, course.all)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(Invalid, match="no checkpoint"):
        checkpoint.restore(path, course.all)
    with pytest.raises(Invalid, match="plain numbers"):
        checkpoint.write(path, course.all, 1, {"net": object()})
