"""Fixtures of jobs: an instance with a plugin that has jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from exact_sdk.fakedist import FakeDistributions
from sqlalchemy import text

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
            JobType("note", "Note it", run="exact_works.jobs:note"),
            JobType("keyed", "Note it, if nobody has", run="exact_works.jobs:keyed"),
            JobType("first", "Dies while it is loaded", run="exact_works.dying:note"),
            JobType("deaf", "Listen to nobody", run="exact_works.jobs:deaf", seconds=1),
            JobType("quiet", "Say nothing", run="exact_works.jobs:quiet"),
            JobType("full", "Find no room", run="exact_works.jobs:full"),
            JobType("away", "Find something away", run="exact_works.jobs:away"),
            JobType("gpu", "Needs a GPU", run="exact_works.jobs:add", gpu=True),
        ]

    @hookimpl
    def exact_job_finished(result):
        heard.append((result.type, str(result.state)))
"""

JOBS = """
    import os
    import signal
    import time
    from pathlib import Path
    from sqlalchemy import text
    from exact_core.api import Unavailable

    def die(context, stage):
        if context.params.get("die") == stage and context.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def insert(context, session):
        session.execute(text("INSERT INTO noted (job_id) VALUES (:job)"), {"job": context.job_id})

    def note(context):
        die(context, "running")
        with context.write() as session:
            insert(context, session)
            context.finish(session, {"noted": True})
            die(context, "before its commit")
        die(context, "after its commit")

    def keyed(context):
        with context.write() as session:
            if session.scalar(text("SELECT count(*) FROM noted WHERE job_id = :job"), {"job": context.job_id}) == 0:
                insert(context, session)
        die(context, "before its end")

    def deaf(context):
        while not Path(context.params["until"]).exists():
            time.sleep(0.02)
        with context.write() as session:
            insert(context, session)

    def quiet(context):
        return {}

    def full(context):
        with open("/dev/full", "w") as file:
            file.write("x")

    def away(context):
        raise Unavailable("The other system is away.")

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


DYING = """
    import os
    import signal
    from pathlib import Path
    from exact_works.jobs import note

    died = Path(__file__).with_suffix(".died")
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def services(settings: Settings, tmp_path: Path) -> Iterator[Services]:
    """An instance with the plugin ``works``."""
    with FakeDistributions(tmp_path / "site") as distributions:
        files = {"jobs.py": JOBS, "broken.py": "import nowhere_to_be_found", "dying.py": DYING}
        distributions.add("works", WORKS, files=files)
        quick = settings.model_copy(update={"job_lease_seconds": 1.0})
        with running_instance(quick, tuple(each for each in discover() if each.name == "works")) as services:
            with services.database.write() as session:
                session.execute(text("CREATE TABLE noted (job_id bigint PRIMARY KEY)"))
            yield services
