"""What ``exact plugin new`` writes is right as it is, whatever was asked for."""

from __future__ import annotations

import ast
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from exact_sdk.clean_load import CleanLoad
from exact_sdk.commands import plugin
from exact_sdk.examination import examine
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.scaffold import MOST_LETTERS, PARTS, BadName, naming_of, render, write

COMBINATIONS = [parts for count in range(len(PARTS) + 1) for parts in itertools.combinations(PARTS, count)]
LONGEST = "n" * 14 + "-" + "c" * (MOST_LETTERS - 15)


@pytest.mark.parametrize(
    ("typed", "plugin_name"),
    [
        ("nuclei-count", "nuclei_count"),
        ("Nuclei Count", "nuclei_count"),
        ("nuclei_count", "nuclei_count"),
        ("exact-nuclei-count", "nuclei_count"),
        ("t2", "t2"),
    ],
)
def test_a_name_is_understood_however_it_is_typed(typed: str, plugin_name: str) -> None:
    naming = naming_of(typed)
    assert naming.plugin == plugin_name
    assert naming.package == f"exact_{plugin_name}"
    assert naming.distribution == f"exact-{plugin_name.replace('_', '-')}"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("2photon", "a letter first"),
        ("zähler", "letters, digits"),
        ("a__b", "single dashes"),
        ("count-", "single dashes"),
        ("", "no name"),
        ("../x", "letters"),
        ("import", "belongs to EXACT"),
        ("exact-core", "belongs to EXACT"),
        ("sdk", "belongs to EXACT"),
        ("lambda", "word of Python"),
        ("n" * 31, "too long"),
    ],
)
def test_a_bad_name_is_refused_with_the_reason(typed: str, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        naming_of(typed)


def test_every_combination_of_parts_is_source_that_ruff_accepts_as_it_is(tmp_path: Path) -> None:
    """With the settings that each ships itself, layout included; once more under the longest name there is."""
    for parts in COMBINATIONS:
        folder = write(naming_of("nuclei-count"), parts, tmp_path / "-".join(("with", *parts)))
        has = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert ("exact_nuclei_count/static/index.js" in has) == ("panel" in parts)
        assert ("exact_nuclei_count/migrations/0001_initial.py" in has) == ("tables" in parts)
    assert len(COMBINATIONS) == 64
    write(naming_of(LONGEST), PARTS, tmp_path)
    for path in tmp_path.rglob("*.py"):
        ast.parse(path.read_text())
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "--quiet", str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:]


def test_a_plugin_without_any_part_passes_the_check(fake_distributions: FakeDistributions, tmp_path: Path) -> None:
    fake_distributions.adopt(write(naming_of("bare-one"), (), tmp_path))
    report = examine("bare_one", full=True, measured=CleanLoad(seconds=0.01))
    assert (report.problems, report.not_checked, report.state) == ([], [], "loaded")


def test_parts_are_typed_with_strictness_and_pass_their_own_check(
    fake_distributions: FakeDistributions, tmp_path: Path
) -> None:
    """All parts at once; their tests are run by ``tests/platform/test_scaffold_1_0.py``."""
    folder = write(naming_of("all-parts"), PARTS, tmp_path)
    fake_distributions.adopt(folder)
    told = CliRunner().invoke(plugin, ["check", "all-parts", "--json"])
    assert (json.loads(told.output)["problems"], told.exit_code) == ([], 0)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(fake_distributions.paths)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "no issues found in 12 source files" in done.stdout


def test_nothing_is_written_over_and_unknown_parts_are_told(tmp_path: Path) -> None:
    def new(*arguments: str) -> tuple[int, str]:
        told = CliRunner().invoke(plugin, ["new", *arguments, "--into", str(tmp_path)])
        return told.exit_code, told.output

    code, text = new("nuclei-count", "--with", "panel, statistics")
    assert (code, "exact plugin check nuclei_count" in text) == (0, True)
    plugin_file = tmp_path / "nuclei-count" / "exact_nuclei_count" / "plugin.py"
    plugin_file.write_text("mine")
    code, text = new("nuclei-count")
    assert (code, "is there already; nothing was written" in text) == (1, True)
    assert plugin_file.read_text() == "mine"
    assert not (tmp_path / "nuclei-count" / "exact_nuclei_count" / "routes.py").exists()
    code, text = new("other", "--with", "panel,tentacles")
    assert (code, "no part 'tentacles'; choose among: panel, routes" in text) == (1, True)
    assert not (tmp_path / "other").exists()


def test_without_a_panel_no_browser_file_is_written() -> None:
    assert not [path for path in render(naming_of("bare-one"), ("routes",)) if path.endswith((".js", ".mjs", ".ts"))]
