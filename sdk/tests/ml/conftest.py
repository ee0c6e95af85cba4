"""What the tests of the toolkit share: torch, where it is installed, and a tiny network."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest


@pytest.fixture(scope="session")
def torch():
    """Torch, with one thread; where nothing may be skipped it must be there."""
    if find_spec("torch") is None:
        reason = "torch is not installed: pip install 'exact-sdk[ml]'"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    import torch

    torch.set_num_threads(1)
    return torch


@pytest.fixture(scope="session")
def tiny(torch):
    """``tiny(bands=3, classes=2)`` makes a small network with a skip connection, batch norm and a tied weight."""

    class Tiny(torch.nn.Module):
        def __init__(self, bands, classes, width):
            super().__init__()
            self.first = torch.nn.Conv2d(bands, width, 3, padding=1)
            self.norm = torch.nn.BatchNorm2d(width)
            self.down = torch.nn.MaxPool2d(2)
            self.up = torch.nn.ConvTranspose2d(width, width, 2, stride=2)
            self.last = torch.nn.Conv2d(2 * width, classes, 1)
            self.register_buffer("seen", torch.zeros(3, dtype=torch.int64))
            self.same = torch.nn.Parameter(self.last.weight.data)

        def forward(self, image):
            high = torch.relu(self.norm(self.first(image)))
            return self.last(torch.cat([high, self.up(self.down(high))], dim=1))

    return lambda bands=3, classes=2, width=4: Tiny(bands, classes, width)
