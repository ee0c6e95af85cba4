"""Which folder may import which: read from the source, so that a wrong import cannot hide in a rare path."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "exact_core"

DOMAINS = frozenset(
    {
        *("activation", "agreement", "annotations", "auth", "demo", "detectors", "evaluation", "exchange", "images"),
        *("imagesets", "jobs", "models", "predictions", "products", "review", "search", "tiles", "training"),
        "versioning",
    }
)
LOWEST = frozenset({"", "api", "settings"})  # "" is the package itself: its version
MAY_IMPORT = {
    "api": frozenset({"", "api"}),
    "settings": LOWEST,
    "services": LOWEST,
    "kernel": LOWEST | {"kernel"},
    "migrations": LOWEST | {"migrations", "storage"},
    "storage": LOWEST | {"kernel", "migrations", "storage"},
    **{domain: LOWEST | {"kernel", "services", "storage"} | DOMAINS for domain in DOMAINS},
    "opening": LOWEST | {"kernel", "services", "storage"} | DOMAINS,
    "web": LOWEST | {"kernel", "services", "storage", "web"} | DOMAINS,
}

EXCEPTIONS = {
    # A plugin's foreign keys need the core's classes; looked up when used, so that importing the api stays free.
    ("api/tables.py", "storage"),
}
"""Imports inside functions that the table above does not allow, and why."""

ENTRY_POINTS = ("app.py", "cli.py", "__main__.py")
"""Where the parts are put together: they may import everything."""

CATCHERS = {"kernel/dispatch.py", "kernel/loader.py", "jobs/keeper.py", "jobs/runner.py", "jobs/hosts/child.py"}
"""Files that run code of others and may catch every exception."""


@dataclass(frozen=True)
class Import:
    """One import that happens when the program runs."""

    module: str
    line: int
    in_function: bool


def sources(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if "node_modules" not in path.parts]


def imports_of(path: Path) -> Iterator[Import]:
    """Every import outside of ``if TYPE_CHECKING``."""

    def walk(node: ast.AST, in_function: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, in_function) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.level == 0 and child.module:
                for alias in child.names:
                    yield Import(f"{child.module}.{alias.name}", child.lineno, in_function)
            inside = in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, inside)

    yield from walk(ast.parse(path.read_text()), False)


def part_of(module: str) -> str | None:
    """The folder or module of the core that an import reaches; None outside of the core."""
    first, _, rest = module.partition(".")
    if first != "exact_core":
        return None
    part = rest.partition(".")[0]
    return part if (CORE / part).is_dir() or (CORE / f"{part}.py").exists() else ""


def starts_programs(name: str) -> bool:
    """Modules of command lines start the application themselves, inside their functions."""
    return name.endswith("commands.py") or name.startswith("demo/") or name == "jobs/web_process.py"


@pytest.mark.parametrize("path", sources(CORE), ids=lambda path: str(path.relative_to(CORE)))
def test_a_module_imports_only_from_its_left(path: Path) -> None:
    name = path.relative_to(CORE).as_posix()
    if name in ENTRY_POINTS or name == "__init__.py":
        return
    layer = name.partition("/")[0].removesuffix(".py")
    wrong = []
    for each in imports_of(path):
        part = part_of(each.module)
        if part is None or part in MAY_IMPORT[layer] or part == layer:
            continue
        if each.in_function and ((name, part) in EXCEPTIONS or starts_programs(name)):
            continue
        wrong.append(f"{name}:{each.line} imports {each.module}")
    assert wrong == []


def test_the_kernel_knows_nothing_about_images() -> None:
    reached = {part_of(each.module) for path in sources(CORE / "kernel") for each in imports_of(path)}
    assert reached - {None} <= {"", "api", "kernel"}


def test_the_contract_imports_no_part_of_the_core_when_it_is_imported() -> None:
    reached = {each.module for path in sources(CORE / "api") for each in imports_of(path) if not each.in_function}
    assert {module for module in reached if part_of(module) not in (None, "api")} == set()


PLUGIN_SOURCES = [path for package in sorted((ROOT / "plugins").glob("*/exact_*")) for path in sources(package)]


@pytest.mark.parametrize("path", PLUGIN_SOURCES, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_a_plugin_imports_nothing_of_the_core_but_its_contract(path: Path) -> None:
    wrong = [each for each in imports_of(path) if part_of(each.module) not in (None, "api")]
    assert wrong == []


def test_there_is_a_plugin_to_look_at() -> None:
    assert PLUGIN_SOURCES


def test_only_the_code_that_runs_foreign_code_catches_every_exception() -> None:
    found = set()
    for path in sources(CORE):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                caught = "everything" if node.type is None else ast.unparse(node.type)
                cleans_up = any(isinstance(each, ast.Raise) and each.exc is None for each in ast.walk(node))
                if caught in ("everything", "Exception", "BaseException", "_FAILURES") and not cleans_up:
                    found.add(path.relative_to(CORE).as_posix())
    assert found <= CATCHERS


def test_only_the_dispatcher_reads_hook_implementations() -> None:
    users = {
        path.relative_to(CORE).as_posix()
        for path in sources(CORE)
        if "get_hookimpls" in path.read_text() or ".hook." in path.read_text()
    }
    assert users <= {"kernel/dispatch.py", "kernel/kernel.py"}


def test_modules_are_named_after_what_they_hold() -> None:
    forbidden = {"utils.py", "helpers.py", "common.py", "manager.py", "misc.py"}
    assert [path for path in sources(CORE) if path.name in forbidden] == []


def test_every_module_and_class_says_what_it_is() -> None:
    silent = []
    for path in [*sources(CORE), *sources(ROOT / "sdk" / "exact_sdk")]:
        if "versions" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
        silent += [f"{path.relative_to(ROOT)}: {node.name}" for node in classes if not ast.get_docstring(node)]
        if path.name != "__init__.py" and not ast.get_docstring(tree):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []
