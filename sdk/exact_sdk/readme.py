"""What a plugin adds, as tables for its README, written from what it contributes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from exact_sdk.checks.routes import methods_of, routes_of
from exact_sdk.subject import Subject

BEGIN = "<!-- exact plugin docs: begin -->"
END = "<!-- exact plugin docs: end -->"


class NoReadme(LookupError):
    """The plugin was not installed from a source folder with a README; the message says so."""


def tables_of(subject: Subject) -> str:
    """Everything that a plugin adds, as Markdown; kinds that it adds nothing of are left out."""
    contributions = subject.contributions
    if contributions is None:
        raise NoReadme(f"The plugin {subject.name!r} is {subject.record.state}: {subject.record.reason}")
    frontend = contributions.frontend
    sections = [
        ("Settings of an image set", ("setting", "default", "meaning"), _settings(subject)),
        ("Panels", ("panel", "place"), ((each.title, each.slot) for each in (frontend.panels if frontend else ()))),
        ("Tools", ("tool", "key"), ((each.title, _code(each.key)) for each in (frontend.tools if frontend else ()))),
        ("Routes", ("route", "what it does"), _routes(subject)),
        (
            "Rights",
            ("right", "meaning", "granted to"),
            ((_code(each.name), each.title, ", ".join(each.granted_to)) for each in contributions.permissions),
        ),
        ("Tables", ("table", "columns"), _tables(subject)),
        (
            "Jobs",
            ("job", "title"),
            ((_code(f"{subject.name}.{each.name}"), each.title) for each in contributions.job_types),
        ),
        (
            "Search fields",
            ("field", "kind", "meaning"),
            ((_code(each.name), each.kind, each.description or each.title) for each in contributions.search_fields),
        ),
        ("Formats that are read", ("format", "title"), ((_code(e.name), e.title) for e in contributions.importers)),
        ("Formats that are written", ("format", "title"), ((_code(e.name), e.title) for e in contributions.exporters)),
        ("Hooks", ("hook", "what for"), _hooks(subject)),
    ]
    written = [_table(title, head, rows) for title, head, rows in sections]
    return "\n".join(text for text in written if text)


def with_tables(readme: str, tables: str) -> str:
    """A README with the tables between its two marks; at its end where there are no marks."""
    block = f"{BEGIN}\n\n{tables}\n{END}"
    before, begins, rest = readme.partition(BEGIN)
    if not begins:
        return f"{readme.rstrip()}\n\n{block}\n"
    _, ends, after = rest.partition(END)
    return f"{before}{block}{after if ends else chr(10)}"


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [f"| {' | '.join(_cell(each) for each in row)} |" for row in rows]
    if not lines:
        return ""
    top = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([f"### {title}", "", *top, *lines, ""])


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _settings(subject: Subject) -> Iterator[tuple[str, str, str]]:
    info = subject.contributions.info if subject.contributions else None
    model = info.settings if info else None
    if model is None:
        return
    defaults: dict[str, Any] = model().model_dump(mode="json")
    for name, field in model.model_fields.items():
        title = field.title or name
        yield f"{title} (`{name}`)", _code(str(defaults[name])), field.description or ""


def _routes(subject: Subject) -> Iterator[tuple[str, str]]:
    from exact_core.kernel.route_trial import prefix_of

    for scope, path, route in routes_of(subject):
        first = (inspect.getdoc(route.endpoint) or "").partition("\n\n")[0]
        for method in methods_of(route):
            address = f"{prefix_of(subject.name, scope)}{path}"
            yield _code(f"{method} {address}"), route.summary or first


def _tables(subject: Subject) -> Iterator[tuple[str, str]]:
    schema = subject.contributions.schema if subject.contributions else None
    for table in schema.metadata.sorted_tables if schema else ():
        yield _code(table.name), ", ".join(_code(column.name) for column in table.columns)


def _hooks(subject: Subject) -> Iterator[tuple[str, str]]:
    from exact_core.kernel.signatures import all_hooks

    for name, hook in all_hooks().items():
        if hasattr(getattr(subject.record.module, name, None), "exact_impl"):
            sentence = (inspect.getdoc(hook.spec) or "").partition("\n\n")[0].replace("``", "`")
            yield _code(name), sentence
