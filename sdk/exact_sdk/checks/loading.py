"""Whether a plugin loads, quickly, and for the right core."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from exact_sdk.clean_load import LIMIT_SECONDS, CleanLoad, finished_load, start_clean_load
from exact_sdk.keys import WRITTEN, spelled
from exact_sdk.problems import Problem
from exact_sdk.subject import Source, Subject

_REMEDIES = {
    "conflict": "Rename the entry point in pyproject.toml, or uninstall the other distribution.",
    "blocked": "Take its name out of the EXACT_ variable that is named.",
    "incompatible": "Write the range of versions that it was tested with into pyproject.toml, and install it again.",
    "import_failed": "Mend the line, or install what is missing and name it among the dependencies in pyproject.toml.",
    "invalid": "Mend the line; docs/hooks.md lists every hook with its arguments.",
    "pending_migration": "Run: exact db upgrade",
}


def it_loads(subject: Subject) -> Iterator[Problem]:
    """It is loaded: a good name, one distribution, the right core, no broken rule."""
    record = subject.record
    if record.state == "loaded":
        return
    place = record.place
    if record.state == "conflict":
        place = subject.place_in_project(subject.name, "entry_points.txt")
    elif record.state == "incompatible":
        place = subject.place_in_project("exact-core", "METADATA")
    remedy = _spelling(record.reason) or _REMEDIES[record.state.value]
    yield Problem(record.reason, _sharper(subject, place, record.reason), remedy)


def it_loads_without_warnings(subject: Subject) -> Iterator[Problem]:
    """Nothing about it is deprecated, or looks like a hook and is none."""
    for warning in subject.record.warnings:
        name = next((word for word in warning.split() if word.startswith("exact_")), "")
        if not warning.startswith("importing it loads"):  # told by it_imports_no_heavy_library, with the line
            yield Problem(warning, subject.place_of_hook(name), "Write what the message says.")


def it_loads_quickly(subject: Subject, measured: CleanLoad | None = None) -> Iterator[Problem]:
    """Importing it in a clean process takes little processor time."""
    load = measured or measure(subject)
    if load.error:
        yield Problem(f"importing {subject.module} in a clean process failed: {load.error}", subject.place_of_hook(""))
    elif load.seconds > LIMIT_SECONDS:
        yield Problem(
            f"importing {subject.module} takes {load.seconds * 1000:.0f} ms of work, "
            f"more than {LIMIT_SECONDS * 1000:.0f} ms",
            subject.place_of_hook(""),
            "Import what is large inside the function that needs it; "
            f"python -X importtime -c 'import {subject.module}' shows what takes long.",
        )


def it_imports_no_heavy_library(subject: Subject, measured: CleanLoad | None = None) -> Iterator[Problem]:
    """Importing it brings no library that takes seconds."""
    load = measured or measure(subject)
    places = {library: _import_of(subject, library, load) for library in load.heavy}
    direct = {library: place for library, place in places.items() if place}
    for library, place in (direct or places).items():  # what comes along with them goes away with them
        yield Problem(
            f"importing {subject.module} loads {library}, which every server process would then hold",
            place or subject.place_of_hook(""),
            f"Move 'import {library}' into the function that needs it, or into a job's own module.",
        )


def it_names_the_core_it_was_made_for(subject: Subject) -> Iterator[Problem]:
    """Its requirement on exact-core has a lower and an upper limit."""
    for line in subject.candidate.requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # told by it_loads
        if canonicalize_name(requirement.name) == "exact-core":
            operators = {each.operator for each in requirement.specifier}
            if not operators & {"<", "<=", "==", "~=", "==="} or not operators & {">", ">=", "==", "~=", "==="}:
                yield Problem(
                    f"its requirement {line!r} has no lower or no upper limit, so that it would be loaded by a core "
                    "that it does not fit",
                    subject.place_in_project("exact-core", "METADATA"),
                    'Write: dependencies = ["exact-core>=1.0,<2"]',
                )
            return
    yield Problem(
        "it does not require exact-core",
        subject.place_in_project("dependencies", "METADATA"),
        'Write into pyproject.toml: dependencies = ["exact-core>=1.0,<2"]',
    )


def it_imports_only_the_contract(subject: Subject) -> Iterator[Problem]:
    """Of the core it imports ``exact_core.api`` and nothing else."""
    for source, node in subject.nodes(ast.Import):
        for alias in node.names:
            yield from _foreign(source, node, alias.name)
    for source, node in subject.nodes(ast.ImportFrom):
        if node.level == 0 and node.module:
            yield from _foreign(source, node, node.module)


def measure(subject: Subject) -> CleanLoad:
    """Import the plugin in a clean process; once more when it took long, as the machine may have been busy."""
    load = finished_load(start_clean_load(subject.module))
    return finished_load(start_clean_load(subject.module)) if load.seconds > LIMIT_SECONDS else load


def _foreign(source: Source, node: ast.AST, module: str) -> Iterator[Problem]:
    parts = module.split(".")
    if parts[0] == "exact_core" and parts[:2] != ["exact_core", "api"]:
        yield Problem(
            f"it imports {module}, which can change with any release",
            source.at(node),
            "Import from exact_core.api, exact_core.api.deps, exact_core.api.tables or exact_core.api.drivers.",
        )


def _import_of(subject: Subject, library: str, load: CleanLoad) -> str:
    for source in subject.sources:
        relative = source.path.relative_to(subject.folder.parent).with_suffix("") if subject.folder else source.path
        if ".".join(relative.parts).removesuffix(".__init__") not in load.modules:
            continue  # a module that is imported later, where it is needed
        for node in _at_import(source.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if any(name.partition(".")[0] == library for name in names):
                return source.at(node)
    return ""


def _at_import(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run when the module is imported: outside of functions and of ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _at_import(node)


def _spelling(reason: str) -> str:
    """How a key is written, when a reason is about one that is wrong by its capitals alone; else nothing."""
    key = reason.partition("'")[2].partition("'")[0]
    if "is no keyboard shortcut" not in reason or not WRITTEN.fullmatch(spelled(key)):
        return ""
    return f'Write key="{spelled(key)}": keys are in small letters, with shift+, ctrl+ or alt+ before them.'


def _sharper(subject: Subject, place: str, reason: str) -> str:
    """The line of the value that a reason is about, when the plugin's sources hold it; else the place as it is."""
    if not reason.startswith("exact_") or ":" not in reason:
        return place
    if "foreign key" in reason:
        for source, node in subject.nodes(ast.Call):
            is_key = ast.unparse(node.func).endswith("ForeignKey")
            if is_key and not any(each.arg == "ondelete" for each in node.keywords):
                return source.at(node)
    for text in reason.split("'")[1::2]:
        found = subject.place_of_text(text)
        if found != subject.place_of_hook(""):
            return found
    return place
