"""A world of people and places for the tests of rights and of privacy, one for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from exact_sdk.harness import Instance

from tests.platform.rights_world import PLUGINS, Place, World

collect_ignore = ["scaffold_1_0"]  # a project of its own, whose tests test_scaffold_1_0 runs


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An instance with people of every role."""
    folder = tmp_path_factory.mktemp("world")
    with Instance(folder / "data", PLUGINS) as instance:
        yield World(instance, folder)


@pytest.fixture(scope="module")
def home(world: World) -> Place:
    """A place that is only read."""
    return world.place()
