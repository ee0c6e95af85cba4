"""Fixtures for tests of plugins; the core is imported inside them, so that coverage and start-up stay honest."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exact_sdk.fakedist import FakeDistributions

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from exact_core.kernel.faults import FaultLog
    from exact_core.storage.database import Database
    from exact_sdk.harness import Instance
    from exact_sdk.slides import Slide

Annotate = Callable[..., int]


def pytest_configure(config: pytest.Config) -> None:
    """Announce the mark."""
    config.addinivalue_line("markers", "allow_faults(reason): the test makes plugins fail on purpose")
    config.addinivalue_line("markers", "xdist_group(name): tests that share an instance run in one process")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a conformance suite in one process of xdist, as they share an instance."""
    for item in items:
        suite = getattr(item, "cls", None)
        if suite is not None and any(base.__name__ == "PluginConformance" for base in suite.__mro__):
            item.add_marker(pytest.mark.xdist_group(f"conformance of {suite.plugin}"))


class Builder:
    """Starts instances for one test and looks for what they left behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = ExitStack()
        self.instances: list[Instance] = []

    def start(self, plugins: list[str] | tuple[str, ...] = (), **settings: Any) -> Instance:
        """Run an instance with exactly these plugins, until the test ends.

        Args:
            plugins: Names of installed plugins.
            settings: Values of ``Settings`` that differ from the defaults.
        """
        from exact_sdk.harness import Instance

        folder = self._folder / f"instance{len(self.instances) + 1}"
        instance = self._running.enter_context(Instance(folder, plugins, **settings))
        self.instances.append(instance)
        return instance

    def stop(self) -> None:
        """End every instance."""
        self._running.close()


@pytest.fixture
def fake_distributions(tmp_path: Path) -> Iterator[FakeDistributions]:
    """Throw-away distributions on ``sys.path``, gone after the test."""
    with FakeDistributions(tmp_path / "distributions") as distributions:
        yield distributions


@pytest.fixture
def exact(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Builder]:
    """``exact.start(plugins=["my_plugin"])`` runs an instance; a test that leaves a fault behind fails."""
    before = _environment()
    if is_first := not gc.get_freeze_count():
        gc.freeze()  # what was there before the test need not be looked through after it
    builder = Builder(tmp_path / "exact")
    try:
        yield builder
    finally:
        builder.stop()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()  # what nobody holds any more and nobody awaited says so now
    if is_first:
        gc.unfreeze()
    left = [] if request.node.get_closest_marker("allow_faults") else _faults_of(builder)
    forgotten = [str(each.message) for each in caught if "was never awaited" in str(each.message)]
    assert not left, f"plugin faults were recorded (mark the test allow_faults when they are meant): {left}"
    assert not forgotten, f"coroutines were not awaited: {forgotten}"
    assert _environment() == before, "the test changed the environment"


@pytest.fixture
def app(request: pytest.FixtureRequest, exact: Builder) -> Instance:
    """An instance with the plugins that the test module names in ``PLUGINS``."""
    return exact.start(plugins=tuple(getattr(request.module, "PLUGINS", ())))


@pytest.fixture
def client(app: Instance) -> TestClient:
    """An HTTP client with an administrator logged in."""
    return app.client


@pytest.fixture
def image_set(app: Instance) -> int:
    """An image set in which the module's plugins are on."""
    return app.image_set(plugins=[record.name for record in app.kernel.plugins()])


@pytest.fixture
def annotate(app: Instance) -> Annotate:
    """``annotate(image, "Grade 2", box=(0, 0, 50, 50))`` draws a shape."""
    return app.annotate


@pytest.fixture
def settings_for(app: Instance) -> Callable[..., dict[str, Any]]:
    """``settings_for("my_plugin", image_set, minimum=1)`` switches a plugin on with settings."""
    return app.settings_for


@pytest.fixture
def as_user(app: Instance, image_set: int) -> Callable[..., TestClient]:
    """``as_user("viewer")`` is the HTTP client of a new user with that role in the image set; no role is a stranger.

    ``as_user("viewer", other)`` has the role in another image set.
    """

    def make(role: str = "", image_set: int = image_set, **more: Any) -> TestClient:
        return app.as_user(role, image_set if role else None, **more)

    return make


@pytest.fixture
def db(app: Instance) -> Database:
    """The instance's database: ``with db.read() as session`` and ``with db.write() as session``."""
    return app.services.database


@pytest.fixture
def run_jobs(app: Instance) -> Callable[[], list[dict[str, Any]]]:
    """``run_jobs()`` runs every job that waits, in this process, and tells how each ended."""
    return app.run_jobs


@pytest.fixture(scope="session")
def slide_file(tmp_path_factory: pytest.TempPathFactory) -> Slide:
    """A synthetic slide on disk, a tiled pyramid whose cells lie at known places."""
    from exact_sdk.slides import write_slide

    return write_slide(tmp_path_factory.mktemp("slides") / "synthetic.tif")


@pytest.fixture
def slide(app: Instance, image_set: int, slide_file: Slide) -> int:
    """The synthetic slide as an image of the image set, with pixels."""
    return app.picture(image_set, slide_file.path)


@pytest.fixture
def node_tests(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """``node_tests("panel.test.mjs")`` runs the node tests of a file beside the test module; skips without node."""
    from exact_sdk.node_tests import NodeMissing, run_node_tests

    def run(name: str) -> str:
        try:
            return run_node_tests(request.path.parent / name)
        except NodeMissing as reason:
            pytest.skip(str(reason))

    return run


@pytest.fixture
def faults(app: Instance) -> FaultLog:
    """What went wrong in plugins."""
    return app.faults


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


def _faults_of(builder: Builder) -> list[str]:
    return [
        f"{fault.plugin} in {fault.place}: {fault.message}"
        for instance in builder.instances
        for fault in instance.faults.recent()
    ]
