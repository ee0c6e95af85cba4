"""An instance's kernel over a real database, with throw-away plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exact_sdk.fakedist import FakeDistributions

from exact_core.activation.starting import make_kernel
from exact_core.kernel import Kernel
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
from exact_core.storage.database import Database

COUNTS = """
    from pydantic import BaseModel, ConfigDict, Field
    from exact_core.api import *

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        minimum: int = Field(3, ge=0, title="Smallest count")

    refuse = ""
    heard = []

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Counts", "Counts things.", settings=Settings, suggests_products=("EIPH", "Nuclei"))

    @hookimpl
    def exact_activation_changing(session, image_set_id, enabled, settings, actor):
        heard.append((image_set_id, enabled, settings and settings.minimum, actor.name))
        if refuse == "bug":
            raise RuntimeError("bug")
        if refuse:
            raise Refused(refuse)
"""
NEEDY = """
    from exact_core.api import *

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Needy", requires=("counts",))
"""


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[FakeDistributions]:
    """Throw-away distributions on ``sys.path``: ``counts`` and ``needy``, which needs it."""
    with FakeDistributions(tmp_path / "site") as distributions:
        distributions.add("counts", COUNTS)
        distributions.add("needy", NEEDY)
        yield distributions


@pytest.fixture
def kernel_of(fakes: FakeDistributions, database: Database, settings: Settings) -> Callable[[], Kernel]:
    """``kernel_of()`` is one more server process that sees the throw-away distributions as they are now."""
    return lambda: make_kernel(settings, database, None, discover([str(fakes.folder)]))


@pytest.fixture
def kernel(kernel_of: Callable[[], Kernel]) -> Kernel:
    """The kernel of one server process."""
    return kernel_of()
