"""The plugin that is looked at: its entry point, its record, its source files, its project folder."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from exact_core.kernel import Kernel
    from exact_core.kernel.discovery import Candidate
    from exact_core.kernel.records import Contributions, PluginRecord


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file of a package.

    Attributes:
        path: The file.
        tree: What it says; an empty module when it cannot be parsed.
    """

    path: Path
    tree: ast.Module

    def at(self, node: ast.AST) -> str:
        """``file:line`` of a part of it."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


class Subject:
    """One installed plugin, loaded with those that it requires, without a database."""

    def __init__(self, name: str) -> None:
        """Find and load a plugin.

        Raises:
            LookupError: No installed distribution brings a plugin of that name.
        """
        from exact_core.kernel.discovery import discover

        self.name = name
        self.candidates: list[Candidate] = discover()
        if not any(each.name == name for each in self.candidates):
            known = ", ".join(sorted({each.name for each in self.candidates})) or "none"
            raise LookupError(f"No plugin {name!r} is installed (there are: {known}). Try: pip install -e FOLDER")
        self.kernel: Kernel = self._loaded(name)

    @cached_property
    def everybody(self) -> Kernel:
        """All plugins that are installed, loaded side by side."""
        return self._loaded(*(each.name for each in self.candidates))

    @property
    def candidate(self) -> Candidate:
        """The first entry point of that name."""
        return next(each for each in self.candidates if each.name == self.name)

    @property
    def record(self) -> PluginRecord:
        """What became of it."""
        return self.kernel.records[self.name]

    @property
    def contributions(self) -> Contributions | None:
        """What it contributes; None when it did not load."""
        return self.record.contributions

    @property
    def module(self) -> str:
        """The module that the entry point names."""
        return self.candidate.value.partition(":")[0].strip()

    @property
    def package(self) -> str:
        """The import package."""
        return self.module.partition(".")[0]

    @cached_property
    def folder(self) -> Path | None:
        """Where the package lies."""
        try:
            found = importlib.util.find_spec(self.package)
        except (ImportError, ValueError):
            return None
        places = list(found.submodule_search_locations or ()) if found else []
        return Path(places[0]).resolve() if places else None

    @cached_property
    def distribution(self) -> importlib.metadata.Distribution:
        """The installed distribution."""
        return importlib.metadata.distribution(self.candidate.distribution)

    @cached_property
    def project(self) -> Path | None:
        """The folder with its ``pyproject.toml``; None when it was installed from a wheel."""
        for folder in list(self.folder.parents)[:3] if self.folder else []:
            path = folder / "pyproject.toml"
            if path.is_file() and self._is_own(path):
                return folder
        return None

    @cached_property
    def sources(self) -> list[Source]:
        """The Python files of the package, without migrations' revisions."""
        found = []
        for path in sorted(self.folder.rglob("*.py")) if self.folder else []:
            if "__pycache__" not in path.parts and not path.name[:1].isdigit():
                found.append(Source(path, _parsed(path)))
        return found

    @cached_property
    def static(self) -> Path | None:
        """The folder of its browser files, when there is one."""
        folder = self.record.static_folder
        return folder if folder is not None and folder.is_dir() else None

    def place_of_text(self, text: str) -> str:
        """``file:line`` where a text stands in the sources, as far as it can be found; else the entry module."""
        for source in self.sources:
            for node in ast.walk(source.tree):
                if isinstance(node, ast.Constant) and node.value == text:
                    return source.at(node)
        return self.place_of_hook("")

    def place_of_hook(self, hook: str) -> str:
        """``file:line`` of a hook's implementation; the entry module when there is none."""
        for source in self.sources:
            for node in source.tree.body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == hook:
                    return source.at(node)
        return f"{self._entry_file()}:1"

    def place_in_project(self, text: str, metadata: str) -> str:
        """The line of pyproject.toml, or of a file of the installed metadata, that holds a text."""
        path = self.project / "pyproject.toml" if self.project else None
        for file in self.distribution.files or () if path is None else ():
            if file.name == metadata:
                path = Path(str(file.locate()))
        if path is None or not path.is_file():
            return self.candidate.distribution
        lines = path.read_text(encoding="utf-8").splitlines()
        return f"{path}:{next((number for number, line in enumerate(lines, 1) if text in line), 1)}"

    def nodes(self, kind: type[ast.AST]) -> Iterator[tuple[Source, Any]]:
        """Every part of a kind in the sources, with the file that holds it."""
        for source in self.sources:
            for node in ast.walk(source.tree):
                if isinstance(node, kind):
                    yield source, node

    def _loaded(self, *names: str) -> Kernel:
        """Load plugins, and then what they turn out to require."""
        from exact_core.kernel import Kernel

        modules = {each.value for each in self.candidates if each.name in names}
        wanted = {each.name for each in self.candidates if each.name in names or each.value in modules}
        while True:
            kernel = Kernel(candidates=[each for each in self.candidates if each.name in wanted])
            needed = {
                need
                for record in kernel.plugins()
                if record.contributions is not None
                for need in record.contributions.info.requires
            }
            missing = (needed & {each.name for each in self.candidates}) - wanted
            if not missing:
                return kernel
            wanted |= missing

    def _entry_file(self) -> Path:
        if self.folder is None:
            return Path(self.module)
        path = self.folder.parent.joinpath(*self.module.split("."))
        return path.with_suffix(".py") if not path.is_dir() else path / "__init__.py"

    def _is_own(self, path: Path) -> bool:
        try:
            named = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {}).get("name", "")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            return False
        return canonicalize_name(named) == canonicalize_name(self.candidate.distribution)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (SyntaxError, UnicodeDecodeError):
        return ast.Module([], [])
