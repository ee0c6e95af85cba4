"""Whether a plugin's routes are described, and whether one of them would stop everybody else."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from exact_sdk.problems import Problem
from exact_sdk.subject import Subject

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

    from exact_core.api import Scope

BLOCKING = frozenset(
    {
        *("time.sleep", "os.system", "builtins.open", "io.open", "shutil.copy", "shutil.copyfile", "shutil.move"),
        *("urllib.request.urlopen", "urllib.request.urlretrieve", "socket.create_connection", "sqlite3.connect"),
        *("os.listdir", "os.walk", "os.replace", "os.remove"),
    }
)
"""Functions that make the whole server wait when an ``async def`` route calls them."""

BLOCKING_MODULES = frozenset({"requests", "subprocess", "httpx", "psycopg", "PIL.Image"})
"""Modules of which every function does, as far as plugins use them."""

BLOCKING_METHODS = frozenset({"read_text", "write_text", "read_bytes", "write_bytes"})
"""Methods of paths that do."""


def routes_of(subject: Subject) -> Iterator[tuple[Scope, str, APIRoute]]:
    """Every route of a plugin with its scope and its path below the plugin's address."""
    from fastapi.routing import APIRoute, iter_route_contexts

    for each in subject.contributions.routers if subject.contributions else ():
        for context in iter_route_contexts(each.router.routes):
            if isinstance(context.original_route, APIRoute):
                yield each.scope, context.path or "", context.original_route


def methods_of(route: APIRoute) -> list[str]:
    """``GET`` and so on, without those that the framework adds."""
    return sorted((route.methods or set()) - {"HEAD"})


def rights_asked_by(endpoint: Any) -> list[str]:
    """The rights that a route requires by name: ``access.require("annotate")``."""
    tree, _ = _source_of(endpoint)
    return [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "require"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def its_routes_are_described(subject: Subject) -> Iterator[Problem]:
    """Each route is in the API's description, with a summary and what it answers."""
    for _, path, route in routes_of(subject):
        place = _place(route.endpoint)
        name = f"{'/'.join(methods_of(route))} {path}"
        if not route.include_in_schema:
            yield Problem(f"{name} is hidden from the API's description", place, "Remove include_in_schema=False.")
        if not (route.summary or inspect.getdoc(route.endpoint)):
            yield Problem(
                f"{name} says nowhere what it does",
                place,
                f'Write: @router.{methods_of(route)[0].lower()}("{path}", summary="What it gives")',
            )
        answers = inspect.signature(route.endpoint).return_annotation
        is_declared = route.response_model is not None or answers is not inspect.Signature.empty
        if not is_declared:
            yield Problem(
                f"{name} does not say what it answers",
                place,
                "Write the type of the answer behind the function's arrow: a pydantic model, or a Response.",
            )


def its_routes_can_be_described_alone(subject: Subject) -> Iterator[Problem]:
    """The description of the routes can be built; one that cannot would break that of all routes."""
    from exact_core.kernel.route_trial import try_routes
    from exact_core.kernel.signatures import RuleBroken

    if subject.contributions is None:
        return  # told by it_loads
    try:
        try_routes(subject.name, subject.contributions.routers)
    except RuleBroken as error:
        yield Problem(str(error), error.place or subject.place_of_hook("exact_routers"))


def its_routes_never_block(subject: Subject) -> Iterator[Problem]:
    """No ``async def`` route does what makes the server wait; an ordinary ``def`` runs beside the others."""
    for _, path, route in routes_of(subject):
        if inspect.iscoroutinefunction(route.endpoint):
            yield from _blocking(f"{'/'.join(methods_of(route))} {path}", route)


def _blocking(name: str, route: APIRoute) -> Iterator[Problem]:
    from exact_core.api.deps import annotation_reader, read_session, thumbnail_reader, transaction

    waiting = (read_session, annotation_reader, transaction, thumbnail_reader)
    endpoint = inspect.unwrap(route.endpoint)
    remedy = f"Write 'def {endpoint.__name__}' instead of 'async def': it then runs in a thread of its own."
    for dependency in route.dependant.dependencies:
        if dependency.call in waiting:
            yield Problem(
                f"{name} is async and asks the database or a slide, which waits: every user waits with it",
                _place(endpoint),
                remedy,
            )
    tree, first = _source_of(endpoint)
    known = {**vars(builtins), **endpoint.__globals__, **_imported_inside(tree)}
    for node in ast.walk(tree):
        words = _blocking_words(node, known)
        if words:
            place = f"{inspect.getsourcefile(endpoint)}:{first + getattr(node, 'lineno', 1) - 1}"
            yield Problem(f"{name} is async and calls {words}: every user waits until it returns", place, remedy)


def _source_of(endpoint: Any) -> tuple[ast.AST, int]:
    """What a function says, and the line where it begins; nothing where the source is not there."""
    try:
        lines, first = inspect.getsourcelines(inspect.unwrap(endpoint))
    except (OSError, TypeError):
        return ast.Module([], []), 1
    return ast.parse(textwrap.dedent("".join(lines))), first


def _blocking_words(node: ast.AST, known: dict[str, Any]) -> str:
    """What a part of an ``async def`` does that makes the server wait; empty for everything else."""
    if isinstance(node, ast.With):
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "write":
                return f"{ast.unparse(call.func)}(), which waits for the database"
        return ""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute) and node.func.attr in BLOCKING_METHODS:
        return f"{ast.unparse(node.func)}()"
    dotted = _dotted(node.func, known)
    if dotted in BLOCKING or any(dotted.startswith(f"{module}.") for module in BLOCKING_MODULES):
        return f"{dotted.removeprefix('builtins.')}()"
    return ""


def _dotted(function: ast.expr, known: dict[str, Any]) -> str:
    """The full name of what is called, as far as the module's names say; empty for methods of values."""
    attributes: list[str] = []
    while isinstance(function, ast.Attribute):
        attributes.insert(0, function.attr)
        function = function.value
    if not isinstance(function, ast.Name) or function.id not in known:
        return ""
    value = known[function.id]
    if isinstance(value, str):  # the name of a module that is imported inside of the function
        return ".".join([value, *attributes])
    if inspect.ismodule(value):
        return ".".join([value.__name__, *attributes])
    if attributes or not callable(value):
        return ""
    module = str(getattr(value, "__module__", "") or "")
    return f"{'io' if module == '_io' else module}.{getattr(value, '__name__', '')}"


def _imported_inside(tree: ast.AST) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _place(endpoint: Any) -> str:
    from exact_core.kernel.places import place_of_function

    return place_of_function(inspect.unwrap(endpoint))
