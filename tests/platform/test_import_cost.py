"""What a start costs: nothing heavy is imported by the core, by plugins, or by the help of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "umap", "sklearn", "numba", "tensorflow", "distributed", "dask", "tornado")


def modules_after(code: str) -> set[str]:
    """The top-level and dotted modules that a new process has after running some code."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    return set(json.loads(answer.stdout.splitlines()[-1]))


def test_the_core_with_every_installed_plugin_imports_nothing_heavy() -> None:
    loaded = modules_after(
        "import exact_core.app\nfrom exact_core.kernel import Kernel\n"
        "kernel = Kernel()\nassert all(not record.warnings for record in kernel.records.values()), kernel.records"
    )
    assert not loaded.intersection(HEAVY)
    assert "exact_core.app" in loaded


def test_the_contract_imports_no_framework() -> None:
    loaded = modules_after("import exact_core.api")
    assert not loaded.intersection({"fastapi", "sqlalchemy", "pydantic", "numpy", *HEAVY})


@pytest.mark.parametrize("arguments", [["--help"], ["plugins", "--help"]])
def test_the_help_imports_only_what_it_shows(arguments: list[str]) -> None:
    loaded = modules_after(
        f"from exact_core.cli import main\ntry:\n    main({arguments!r}, standalone_mode=False)\n"
        "except SystemExit:\n    pass"
    )
    assert not loaded.intersection({"openslide", "numpy", *HEAVY})
    if arguments == ["--help"]:
        assert not loaded.intersection({"fastapi", "sqlalchemy", "pydantic"})


def test_the_help_is_there_within_a_second_of_work() -> None:
    """CPU time of the process, so that a busy machine does not decide; the benchmark measures the wait."""
    spent = []
    for _ in range(3):
        before = os.times()
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "exact_core", "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        work = after.children_user + after.children_system - before.children_user - before.children_system
        spent.append(min(work, time.monotonic() - started))
    assert min(spent) < 1.0
