"""Throw-away plugins and a kernel that sees only them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from exact_sdk.fakedist import FakeDistributions

from exact_core.kernel import Kernel
from exact_core.kernel.discovery import discover


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[FakeDistributions]:
    """A folder of throw-away distributions on ``sys.path``."""
    with FakeDistributions(tmp_path / "site") as distributions:
        yield distributions


@pytest.fixture
def kernel_of(fakes: FakeDistributions) -> Callable[..., Kernel]:
    """``kernel_of()`` loads the throw-away distributions and nothing that is installed here."""

    def make(**arguments: Any) -> Kernel:
        return Kernel(candidates=discover([str(fakes.folder)]), **arguments)

    return make
