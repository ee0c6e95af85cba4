"""What the scaffold of API 1.0 wrote must run on every later core of the same major version.

``scaffold_1_0`` is kept as it was written; a core that breaks it breaks the plugins that people have.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.scaffold import PARTS, naming_of, render

from exact_core.api import API_VERSION

KEPT = Path(__file__).parent / "scaffold_1_0"
LEFTOVERS = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


@pytest.mark.skipif(API_VERSION != "1.0", reason="the scaffold has moved on; what it wrote for 1.0 is kept")
def test_what_is_kept_is_what_the_scaffold_of_this_version_writes() -> None:
    written = render(naming_of("kept-sample"), PARTS)
    kept = {
        path.relative_to(KEPT).as_posix(): path.read_text()
        for path in sorted(KEPT.rglob("*"))
        if path.is_file() and not LEFTOVERS & set(path.relative_to(KEPT).parts)
    }
    assert kept == written


def test_its_own_tests_pass_with_this_core(fake_distributions: FakeDistributions, tmp_path: Path) -> None:
    """Its conformance, routes, tables, jobs, model, statistics and panel, in a process that knows only it."""
    fake_distributions.adopt(KEPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(fake_distributions.paths)}
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", f"--basetemp={tmp_path / 'own'}"],
        cwd=KEPT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    passed = int(done.stdout.split(" passed")[0].split()[-1])
    skipped = done.stdout.count("SKIPPED")
    assert passed + skipped >= 48
