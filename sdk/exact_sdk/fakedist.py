"""Throw-away distributions: real files with real metadata on ``sys.path``, as an installer would leave them."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from types import TracebackType

GROUP = "exact.plugins"


@dataclass(frozen=True, slots=True)
class FakeDistribution:
    """One installed throw-away distribution.

    Attributes:
        name: Its distribution name.
        package: Its import package.
        folder: Where its package lies.
    """

    name: str
    package: str
    folder: Path


class FakeDistributions:
    """A folder of distributions that is on ``sys.path`` inside a ``with`` block, and leaves no trace after it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._packages: set[str] = set()
        self._paths: list[str] = []

    def __enter__(self) -> FakeDistributions:
        self.folder.mkdir(parents=True, exist_ok=True)
        sys.path.insert(0, str(self.folder))
        importlib.invalidate_caches()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self.paths:
            sys.path.remove(path)
        for name in list(sys.modules):
            if name.partition(".")[0] in self._packages or self._is_library(name):
                del sys.modules[name]
        importlib.invalidate_caches()

    def library(self, name: str, source: str = "") -> None:
        """Put a module beside the distributions, as a stand-in for a library that they import."""
        (self.folder / f"{name}.py").write_text(dedent(source))
        importlib.invalidate_caches()

    def adopt(self, project: Path) -> FakeDistribution:
        """Install a plugin's source folder as an editable installation would, by what its ``pyproject.toml`` says."""
        facts = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        groups = facts.get("entry-points", {})
        package = next(iter(groups[GROUP].values())).partition(".")[0]
        self._put_on_path(project)
        self._write_metadata(facts["name"], facts["version"], facts.get("dependencies", ()), groups, ())
        self._packages.add(package)
        importlib.invalidate_caches()
        return FakeDistribution(facts["name"], package, project / package)

    @property
    def paths(self) -> tuple[str, ...]:
        """The folders on ``sys.path``: what another process needs as its ``PYTHONPATH``."""
        return (str(self.folder), *self._paths)

    def add(
        self,
        plugin: str,
        source: str = "",
        *,
        distribution: str = "",
        version: str = "1.0.0",
        requires: Iterable[str] = ("exact-core>=1.0,<2",),
        files: Mapping[str, str] | None = None,
        entry_points: Mapping[str, Mapping[str, str]] | None = None,
        package: str = "",
        project: Mapping[str, str] | None = None,
    ) -> FakeDistribution:
        """Install a distribution with one plugin.

        Args:
            plugin: Name of the plugin's entry point.
            source: Text of its ``plugin.py``; indentation is removed.
            distribution: Name of the distribution; ``exact-<plugin>`` if not given.
            version: Its version.
            requires: Its ``Requires-Dist`` lines.
            files: Further files of the package, by path.
            entry_points: Further entry points: group to name to value.
            package: Name of the import package; ``exact_<plugin>`` if not given.
            project: Install it as an author does, editable, from a folder with these files, ``pyproject.toml`` too.
        """
        name = distribution or f"exact-{plugin.replace('_', '-')}"
        package = package or f"exact_{plugin}"
        folder = self.folder / package if project is None else self._project(name, project) / package
        contents = {"__init__.py": '"""A throw-away plugin."""\n', "plugin.py": dedent(source), **(files or {})}
        for path, text in contents.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        groups = {GROUP: {plugin: f"{package}.plugin"}, **(entry_points or {})}
        installed = [path for path in folder.rglob("*") if path.is_file()] if project is None else []
        self._write_metadata(name, version, requires, groups, installed)
        self._packages.add(package)
        importlib.invalidate_caches()
        return FakeDistribution(name, package, folder)

    def remove(self, distribution: FakeDistribution) -> None:
        """Uninstall a distribution: its files and its metadata."""
        for folder in (distribution.folder, *self.folder.glob(f"{_file_name(distribution.name)}-*.dist-info")):
            for path, folders, files in os.walk(folder, topdown=False):
                for each in files:
                    (Path(path) / each).unlink()
                for each in folders:
                    (Path(path) / each).rmdir()
            folder.rmdir()
        for name in list(sys.modules):
            if name.partition(".")[0] == distribution.package:
                del sys.modules[name]
        importlib.invalidate_caches()

    def _is_library(self, name: str) -> bool:
        file = getattr(sys.modules[name], "__file__", None)
        return file is not None and Path(file).parent == self.folder

    def _project(self, name: str, files: Mapping[str, str]) -> Path:
        """A source folder beside the installed ones, on ``sys.path`` as by an editable installation."""
        folder = self.folder / f"{_file_name(name)}_source"
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        self._put_on_path(folder)
        return folder

    def _put_on_path(self, folder: Path) -> None:
        sys.path.insert(1, str(folder))
        self._paths.append(str(folder))

    def _write_metadata(
        self,
        name: str,
        version: str,
        requires: Iterable[str],
        groups: Mapping[str, Mapping[str, str]],
        installed: Iterable[Path],
    ) -> None:
        info = self.folder / f"{_file_name(name)}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {line}" for line in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        text = "".join(
            f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items()) + "\n"
            for group, entries in groups.items()
        )
        (info / "entry_points.txt").write_text(text)
        files = [*installed, info / "METADATA", info / "entry_points.txt", info / "RECORD"]
        (info / "RECORD").write_text("".join(f"{path.relative_to(self.folder).as_posix()},,\n" for path in files))


def _file_name(name: str) -> str:
    # importlib.metadata finds a folder by the normalised name, in which dashes are underscores
    return name.lower().replace("-", "_").replace(".", "_")
