"""Lists that are written in several files agree, so that no plugin is forgotten in one of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from exact_sdk.readme import tables_of, with_tables
from exact_sdk.subject import Subject
from packaging.requirements import Requirement

import exact_core

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml"))


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def version_of(folder: Path) -> str:
    """The version of a distribution of ours: written down, or taken from its package."""
    facts = project(folder)
    if "version" in facts["project"]:
        return str(facts["project"]["version"])
    path = folder / facts["tool"]["hatch"]["version"]["path"]
    found = re.search(r'^__version__ = "(.+)"$', path.read_text(), re.MULTILINE)
    assert found, f"{path} has no __version__"
    return found[1]


def test_there_are_plugins_and_each_folder_is_one() -> None:
    folders = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and not path.name.startswith(".")}
    assert folders == {path.name for path in PLUGINS}
    assert "eiph_score" in folders


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_is_a_complete_distribution(folder: Path) -> None:
    facts = project(folder)
    name = folder.name
    assert facts["project"]["name"] == f"exact-{name.replace('_', '-')}"
    assert facts["project"]["entry-points"]["exact.plugins"] == {name: f"exact_{name}.plugin"}
    assert (folder / "README.md").stat().st_size > 500
    assert list((folder / "tests").glob("test_*.py"))
    assert (folder / f"exact_{name}" / "__init__.py").exists()


@pytest.mark.parametrize("folder", [*PLUGINS, ROOT / "sdk"], ids=lambda path: path.name)
def test_distributions_share_version_python_and_range_of_the_core(folder: Path) -> None:
    facts = project(folder)["project"]
    needs = {Requirement(line).name: Requirement(line).specifier for line in facts["dependencies"]}
    assert facts["requires-python"] == project(ROOT)["project"]["requires-python"]
    assert version_of(folder) == exact_core.__version__
    major = int(exact_core.__version__.partition(".")[0])
    assert str(needs["exact-core"]) in (f"<{major + 1},>={major}.0", f">={major}.0,<{major + 1}")
    assert needs["exact-core"].contains(exact_core.__version__)


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_a_plugin_is_in_every_list(folder: Path) -> None:
    extras = project(ROOT)["project"]["optional-dependencies"]
    assert extras[folder.name] == [f"exact-{folder.name.replace('_', '-')}"]
    assert folder.name in extras["all"][0]
    assert f"-e plugins/{folder.name}" in (ROOT / "requirements-dev.txt").read_text()
    assert "-e sdk" in (ROOT / "requirements-dev.txt").read_text()


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_the_readme_of_a_plugin_tells_what_it_adds(folder: Path) -> None:
    readme = (folder / "README.md").read_text()
    assert readme == with_tables(readme, tables_of(Subject(folder.name))), f"exact plugin docs {folder.name} --write"


def test_what_each_distribution_imports_is_what_it_names() -> None:
    """``import exact_x`` of another plugin needs that plugin among the dependencies."""
    for folder in PLUGINS:
        named = {Requirement(line).name for line in project(folder)["project"]["dependencies"]}
        text = "".join(path.read_text() for path in (folder / f"exact_{folder.name}").rglob("*.py"))
        used = set(re.findall(r"^\s*(?:from|import) (exact_\w+)", text, re.MULTILINE)) - {f"exact_{folder.name}"}
        assert {each.replace("_", "-") for each in used} <= named
