"""Fixtures of jobs: an instance with a plugin that has jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exact_sdk.fakedist import FakeDistributions

from exact_core.kernel.discovery import discover
from exact_core.services import Services
from exact_core.settings import Settings
from tests.core.images.instance import running_instance

WORKS = """
    from pydantic import BaseModel
    from exact_core.api import *

    heard = []

    class Amount(BaseModel):
        amount: int = 1

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Works", "Does work.", default_enabled=True)

    @hookimpl
    def exact_job_types():
        return [
            JobType("add", "Add up", run="exact_works.jobs:add", params=Amount),
            JobType("fail", "Fail", run="exact_works.jobs:fail"),
            JobType("exit", "Exit", run="exact_works.jobs:leave"),
            JobType("wait", "Wait", run="exact_works.jobs:wait"),
            JobType("gone", "Gone", run="exact_works.broken:gone"),
            JobType("gpu", "Needs a GPU", run="exact_works.jobs:add", gpu=True),
        ]

    @hookimpl
    def exact_job_finished(result):
        heard.append((result.type, str(result.state)))
"""

JOBS = """
    import time

    def add(context):
        context.log("adding")
        context.report(0.5, "half way")
        return {"sum": context.params.get("amount", 0) + 1}

    def fail(context):
        raise RuntimeError("a bug")

    def leave(context):
        raise SystemExit(3)

    def wait(context):
        while True:
            context.report(0.25, "waiting")
            time.sleep(0.02)
"""


@pytest.fixture
def services(settings: Settings, tmp_path: Path) -> Iterator[Services]:
    """An instance with the plugin ``works``."""
    with FakeDistributions(tmp_path / "site") as distributions:
        distributions.add("works", WORKS, files={"jobs.py": JOBS, "broken.py": "import nowhere_to_be_found"})
        quick = settings.model_copy(update={"job_lease_seconds": 1.0})
        with running_instance(quick, tuple(each for each in discover() if each.name == "works")) as services:
            yield services
