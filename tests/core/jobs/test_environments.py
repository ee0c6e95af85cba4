"""Environments of plugins: two that need different versions of one library run side by side."""

from __future__ import annotations

import os
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from exact_sdk.fakedist import FakeDistributions

from exact_core.api.errors import ConfigurationError
from exact_core.jobs.hosts.environments import environments_of, examine, place_of
from exact_core.jobs.hosts.protocol import JobTask
from exact_core.jobs.runner import JobRunner
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings
from exact_core.storage.models import Job
from tests.core.images.instance import all_jobs, running_instance

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = """
    from exact_core.api import *

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("{name}", "Works.", default_enabled=True)

    @hookimpl
    def exact_job_types():
        return [JobType("version", "Say it", run="exact_{name}.jobs:version", is_portable=True),
                JobType("die", "Crash", run="exact_{name}.jobs:die", is_portable=True),
                JobType("here", "Stay", run="exact_{name}.jobs:here")]
"""
JOBS = """
    import os, signal, sys

    def version(context):
        import fought_over
        return {"version": fought_over.VERSION, "python": sys.prefix}

    def die(context):
        os.kill(os.getpid(), signal.SIGSEGV)

    def here(context):
        return {"pid": os.getpid()}
"""


@pytest.fixture
def python_with(tmp_path: Path) -> Callable[[str, Path], str]:
    """``python_with("1.0", plugins)`` is the interpreter of a new environment that has that version of a library."""

    def make(version: str, plugins: Path) -> str:
        folder = tmp_path / f"environment-{version}"
        venv.create(folder, with_pip=False, symlinks=True)
        site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
        (site / "fought_over.py").write_text(f"VERSION = {version!r}\n")
        others = [str(ROOT), str(plugins), *(path for path in sys.path if path.endswith("site-packages"))]
        (site / "others.pth").write_text("\n".join(others) + "\n")
        return str(folder / "bin" / "python")

    return make


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Path]:
    with FakeDistributions(tmp_path / "site") as distributions:
        for name in ("old", "new"):
            distributions.add(name, PLUGIN.format(name=name), files={"jobs.py": JOBS})
        yield distributions.folder


def test_two_plugins_with_fighting_libraries_run_side_by_side(
    settings: Settings, plugins: Path, python_with: Callable[[str, Path], str]
) -> None:
    both = (f"old={python_with('1.0', plugins)}", f"new={python_with('2.0', plugins)}")
    own = settings.model_copy(update={"plugin_environments": both})
    with running_instance(own, tuple(each for each in discover() if each.name in ("old", "new"))) as services:
        with services.database.write() as session:
            for kind in ("old.version", "new.version", "new.die", "old.here"):
                services.jobs.enqueue(session, kind, owner=None)
        JobRunner(services).run_waiting()
        old, new, died, here = all_jobs(services)
        faults = services.kernel.faults.recent("new")
    assert (old.state, new.state) == ("done", "done"), (_log(old), _log(new))
    assert (old.result["version"], new.result["version"]) == ("1.0", "2.0")
    assert old.result["python"] != new.result["python"]
    assert (died.state, "SIGSEGV" in died.message) == ("failed", True)
    assert [fault.place for fault in faults] == ["job new.die"]
    assert here.result == {"pid": os.getpid()}  # what is not portable stays in the worker


def test_an_interpreter_that_is_not_there_is_told() -> None:
    settings = Settings(plugin_environments=("works=/nowhere/bin/python",))
    with pytest.raises(ConfigurationError, match=r"'works', /nowhere/bin/python, cannot be run"):
        environments_of(settings)


def test_what_is_wrong_with_an_environment_is_told(tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=False, symlinks=True)
    python = str(tmp_path / "empty" / "bin" / "python")
    [problem] = examine(Settings(plugin_environments=(f"works={python}", f"fine={sys.executable}")))
    assert problem.startswith(f"works: its environment {python} cannot run jobs (ModuleNotFoundError")
    assert examine(Settings()) == []


def test_environments_can_be_written_in_two_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    for text in (f"a={sys.executable}, b={sys.executable}", f'{{"a": "{sys.executable}", "b": "{sys.executable}"}}'):
        monkeypatch.setenv("EXACT_PLUGIN_ENVIRONMENTS", text)
        assert environments_of(Settings()) == {"a": sys.executable, "b": sys.executable}


def test_a_job_gets_no_more_than_the_worker_allows() -> None:
    settings = Settings(isolate_jobs=True, job_memory_mib=1000)
    task = JobTask(1, "works.add", "works:add", memory_mib=5000, seconds=7, network=True)
    place = place_of(settings, task)
    assert place is not None
    assert (place.memory_mib, place.seconds, place.network, place.python) == (1000, 7, False, sys.executable)
    assert place_of(Settings(), task) is None


def _log(job: Job) -> tuple[str, str]:
    return job.type, job.message
