"""A test that leaves something behind fails, and says what."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("leaks")

BODY = """
import asyncio, os
import pytest

RAISING = '''
from exact_core.api import hookimpl

@hookimpl
def exact_startup(context):
    raise RuntimeError("left behind")
'''

def test_fault(exact, fake_distributions):
    fake_distributions.add("raising", RAISING)
    exact.start(plugins=["raising"])

@pytest.mark.allow_faults("on purpose")
def test_meant_fault(exact, fake_distributions):
    fake_distributions.add("raising", RAISING)
    exact.start(plugins=["raising"])

def test_environment(exact):
    os.environ["LEFT_BEHIND"] = "yes"

PLUGINS = ()

def test_parts(app, client, image_set, annotate, settings_for, faults):
    assert client.get("/healthz").status_code == 200
    assert annotate(app.image(image_set), "Cell", point=(1, 1)) > 0
    assert faults.recent() == []
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says about the four tests above, in a process of its own."""
    folder: Path = tmp_path_factory.mktemp("leaks")
    (folder / "test_leaking.py").write_text(BODY)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "--tb=line", str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
    )
    return done.stdout


def test_a_recorded_fault_fails_the_test(report: str) -> None:
    assert "ERROR test_leaking.py::test_fault" in report
    assert "raising in exact_startup: RuntimeError: left behind" in report


def test_a_fault_that_is_announced_is_fine(report: str) -> None:
    assert "ERROR test_leaking.py::test_meant_fault" not in report
    assert "PASSED test_leaking.py::test_meant_fault" in report


def test_a_changed_environment_fails_the_test(report: str) -> None:
    assert "the test changed the environment" in report


def test_the_short_fixtures_are_parts_of_one_instance(report: str) -> None:
    assert "PASSED test_leaking.py::test_parts" in report
