"""Whether what a plugin contributes is well-formed and can be used: names, texts, settings, rights, jobs, keys."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from functools import partial

from pydantic import BaseModel, ValidationError

from exact_core.kernel.dispatch import call_alone
from exact_sdk.keys import CORE_KEYS, spelled
from exact_sdk.problems import Problem
from exact_sdk.subject import Subject

_FORM_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object", "null"})


def its_ids_start_with_its_name(subject: Subject) -> Iterator[Problem]:
    """Panels, tools, rights, search fields and formats are named after it, each once in its hook."""
    seen: set[tuple[str, str]] = set()
    for hook, each in _ids(subject):
        is_twice = (hook, each) in seen
        if not each.startswith(f"{subject.name}.") or is_twice:
            wrong = "is used twice" if is_twice else f"does not start with '{subject.name}.'"
            yield Problem(f"{hook}: {each!r} {wrong}", subject.place_of_text(each), f"Write: '{subject.name}.…'")
        seen.add((hook, each))


def its_dotted_texts_lead_to_functions(subject: Subject) -> Iterator[Problem]:
    """Jobs, importers and exporters name functions that are there and can be called."""
    for hook, dotted in _dotted(subject):
        module, _, attribute = dotted.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute, None)
        except ImportError as error:
            yield Problem(f"{hook}: {dotted!r} cannot be imported: {error}", subject.place_of_text(dotted))
            continue
        if not callable(found):
            yield Problem(
                f"{hook}: {module} has no function {attribute!r}",
                subject.place_of_text(dotted),
                f"Define it there, or write the name of one that is: '{module}:function'.",
            )


def its_settings_have_defaults(subject: Subject) -> Iterator[Problem]:
    """The settings can be made without a value, and refuse unknown fields."""
    model = _settings(subject)
    if model is None:
        return
    try:
        model()
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        yield Problem(f"the settings cannot be made without values: {fields}", _place_of(subject, model))
    if model.model_config.get("extra") != "forbid":
        yield Problem(
            "the settings accept unknown fields, so that a misspelt one would be lost",
            _place_of(subject, model),
            'Write: model_config = ConfigDict(extra="forbid")',
        )


def its_settings_survive_being_stored(subject: Subject) -> Iterator[Problem]:
    """The settings are the same after they were written as JSON and read again."""
    model = _settings(subject)
    if model is None:
        return
    before = model()
    after = model.model_validate_json(before.model_dump_json())
    if after != before:
        yield Problem(
            f"the settings change when they are stored: {before!r} is read as {after!r}", _place_of(subject, model)
        )


def its_settings_can_be_drawn_as_a_form(subject: Subject) -> Iterator[Problem]:
    """Every setting has a title, and a type that the settings page can show."""
    model = _settings(subject)
    if model is None:
        return
    for name, facts in model.model_json_schema().get("properties", {}).items():
        kinds = {facts.get("type"), *(each.get("type") for each in facts.get("anyOf", ()))} - {None}
        if not kinds <= _FORM_TYPES:
            yield Problem(f"the setting {name!r} cannot be shown in a form", _place_of(subject, model))
        if not model.model_fields[name].title:
            yield Problem(
                f"the setting {name!r} has no title for people to read",
                _place_of(subject, model, name),
                f'Write: {name}: … = Field(default=…, title="…", description="…")',
            )


def its_rights_are_asked_for(subject: Subject) -> Iterator[Problem]:
    """Each right of its own is required somewhere; one that is not would promise what nobody checks."""
    given = subject.contributions.permissions if subject.contributions else ()
    asked: set[object] = set()
    for _, call in subject.nodes(ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("require", "can") and call.args:
            argument = call.args[0]
            asked.add(argument.value if isinstance(argument, ast.Constant) else None)
    for permission in given:
        if not permission.title:
            yield Problem(f"the right {permission.name!r} has no title", subject.place_of_text(permission.name))
        if permission.name not in asked and None not in asked:
            yield Problem(
                f"no route asks for the right {permission.name!r}",
                subject.place_of_text(permission.name),
                f'Write in the route: access.require("{permission.name}")',
            )


def its_jobs_say_what_they_take(subject: Subject) -> Iterator[Problem]:
    """The parameters of each kind of job can be described, and each has a title."""
    for job_type in subject.contributions.job_types if subject.contributions else ():
        if not job_type.title:
            yield Problem(f"the job type {job_type.name!r} has no title", subject.place_of_text(job_type.name))
        if job_type.params is not None:
            job_type.params.model_json_schema()


def its_search_fields_give_sql(subject: Subject) -> Iterator[Problem]:
    """The expression of each search field can be called as a search does, and gives SQL."""
    from sqlalchemy.sql.roles import ExpressionElementRole

    from exact_core.annotations.scope import ROWS
    from exact_core.api.contributions import SearchRow

    row = SearchRow(ROWS.c.annotation_id, ROWS.c.image_id, ROWS.c.type_id, ROWS.c.author_id)
    model = _settings(subject)
    for each in subject.contributions.search_fields if subject.contributions else ():
        if each.expression is None:
            continue
        made, error = call_alone(partial(each.expression, row, model() if model else None))
        if error is None and isinstance(made, ExpressionElementRole):
            continue
        said = f"gave {type(made).__name__}, not SQL" if error is None else f"raised {type(error).__name__}: {error}"
        yield Problem(
            f"exact_search_fields: the expression of {each.name!r} {said}",
            subject.place_of_text(each.name),
            "Give an expression of SQLAlchemy over the columns of the row, such as "
            "exists().where(Note.annotation_id == row.annotation_id).",
        )


def its_keys_are_free(subject: Subject) -> Iterator[Problem]:
    """No tool wants a key that the viewer or another installed plugin uses."""
    own = subject.contributions.frontend if subject.contributions else None
    if own is None or not any(tool.key for tool in own.tools):
        return
    taken = dict.fromkeys(CORE_KEYS, "the viewer")
    for plugin, frontend in subject.everybody.index.frontends():
        if plugin != subject.name:
            taken |= {spelled(tool.key): f"the plugin {plugin!r}" for tool in frontend.tools if tool.key}
    for tool in own.tools:
        owner = taken.get(spelled(tool.key)) if tool.key else None
        if owner:
            yield Problem(
                f"the key {tool.key!r} of the tool {tool.id!r} belongs to {owner}",
                subject.place_of_text(tool.id),
                f"Choose one that is free, such as: {', '.join(_free(taken))}.",
            )
        if tool.key:
            taken[spelled(tool.key)] = f"another tool of {subject.name!r}"


def _free(taken: Iterable[str]) -> list[str]:
    letters = "bcdgijkosuwy"
    wanted = [*letters, *(f"shift+{each}" for each in letters)]
    return [each for each in wanted if each not in set(taken)][:4]


def _ids(subject: Subject) -> Iterator[tuple[str, str]]:
    found = subject.contributions
    if found is None:
        return
    if found.frontend is not None:
        yield from (("exact_frontend", panel.id) for panel in found.frontend.panels)
        yield from (("exact_frontend", tool.id) for tool in found.frontend.tools)
    yield from (("exact_permissions", each.name) for each in found.permissions)
    yield from (("exact_search_fields", each.name) for each in found.search_fields)


def _dotted(subject: Subject) -> Iterator[tuple[str, str]]:
    found = subject.contributions
    if found is None:
        return
    yield from (("exact_job_types", each.run) for each in found.job_types)
    yield from (("exact_importers", each.read) for each in found.importers)
    yield from (("exact_exporters", each.write) for each in found.exporters)


def _settings(subject: Subject) -> type[BaseModel] | None:
    return subject.contributions.info.settings if subject.contributions else None


def _place_of(subject: Subject, model: type[BaseModel], field: str = "") -> str:
    for source, node in subject.nodes(ast.ClassDef):
        if node.name == model.__name__:
            for part in node.body:
                if field and isinstance(part, ast.AnnAssign) and ast.unparse(part.target) == field:
                    return source.at(part)
            return source.at(node)
    return subject.place_of_hook("exact_plugin_info")
