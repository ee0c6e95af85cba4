"""Fixtures for tests of plugins; the core is imported inside them, so that coverage and start-up stay honest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exact_sdk.fakedist import FakeDistributions


@pytest.fixture
def fake_distributions(tmp_path: Path) -> Iterator[FakeDistributions]:
    """Throw-away distributions on ``sys.path``, gone after the test."""
    with FakeDistributions(tmp_path / "distributions") as distributions:
        yield distributions
