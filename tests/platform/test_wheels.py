"""What is built is what is needed: each wheel is opened and looked into."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
DISTRIBUTIONS = [REPOSITORY, REPOSITORY / "sdk", *sorted((REPOSITORY / "plugins").glob("*/"))]


@dataclass(frozen=True)
class Wheel:
    """A built wheel: the folder it was built from, the names in it, and where it lies."""

    folder: Path
    path: Path

    @property
    def names(self) -> set[str]:
        with zipfile.ZipFile(self.path) as archive:
            return set(archive.namelist())

    def read(self, end: str) -> str:
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(next(name for name in archive.namelist() if name.endswith(end))).decode()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """One wheel of each distribution of the repository."""
    built = []
    for folder in DISTRIBUTIONS:
        if not (folder / "pyproject.toml").exists():
            continue
        target = tmp_path_factory.mktemp("wheel")
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        assert result.returncode == 0, result.stderr[-2000:]
        built.append(Wheel(folder, next(target.glob("*.whl"))))
    return built


def test_every_file_that_a_package_needs_is_in_its_wheel(wheels):
    for wheel in wheels:
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."]
        listed = subprocess.run(command, cwd=wheel.folder, capture_output=True, text=True, check=True, timeout=60)
        names = wheel.names
        packages = {name.split("/")[0] for name in names if name.endswith("/__init__.py") and name.count("/") == 1}
        files = [name for name in listed.stdout.splitlines() if (wheel.folder / name).is_file()]
        wanted = {name for name in files if name.split("/")[0] in packages}
        assert wanted, wheel.folder
        assert wanted <= names, sorted(wanted - names)[:10]


def test_no_test_and_no_leftover_is_in_a_wheel(wheels):
    for wheel in wheels:
        strange = [name for name in wheel.names if {"tests", "__pycache__", "node_modules"} & set(name.split("/"))]
        assert not strange


def test_browser_libraries_are_in_the_core_wheel_with_their_licences(wheels):
    core = next(wheel for wheel in wheels if wheel.folder == REPOSITORY)
    vendor = "exact_core/web/static/vendor/"
    files = {name.removeprefix(vendor) for name in core.names if name.startswith(vendor)}
    assert "openseadragon/openseadragon.min.js" in files
    for package in {name.rsplit("/", 1)[0] for name in files if "/" in name}:
        root = "/".join(package.split("/")[: 2 if package.startswith("@") else 1])
        assert any(name.startswith(f"{root}/LICENSE") for name in files), root


def test_plugins_declare_their_entry_point(wheels):
    plugins = [wheel for wheel in wheels if wheel.folder.parent.name == "plugins"]
    assert plugins
    for plugin in plugins:
        entry_points = plugin.read("entry_points.txt")
        assert "[exact.plugins]" in entry_points
        assert f"{plugin.folder.name} = exact_{plugin.folder.name}.plugin" in entry_points
