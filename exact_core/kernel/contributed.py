"""Reading and checking what a plugin contributes; a broken rule is told with the name and the remedy."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from exact_core.api.contributions import (
    Frontend,
    JobType,
    Panel,
    Permission,
    PluginInfo,
    PluginRouter,
    PluginSchema,
    Role,
    SearchField,
    SearchKind,
    Slot,
    Tool,
)
from exact_core.api.exchange import Exporter, Importer
from exact_core.api.markers import Scope
from exact_core.api.models import ModelCard, ModelTask
from exact_core.kernel.records import Contributions, static_folder_of
from exact_core.kernel.signatures import RuleBroken

if TYPE_CHECKING:
    from sqlalchemy import MetaData

_WORD = re.compile(r"[a-z][a-z0-9_]*")
_DOTTED = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_KEY = re.compile(r"((ctrl|alt|shift)\+)*([a-z0-9]|f[1-9]|f1[0-2]|[,.;/\[\]'-])")
_KEPT_ON_DELETE = ("CASCADE", "SET NULL")

_T = TypeVar("_T")


def read_contributions(name: str, module: object) -> Contributions:
    """Call each contribution hook of a plugin once and check its answer; raises ``RuleBroken`` or what it raises."""
    info = _one(module, "exact_plugin_info", PluginInfo) or PluginInfo(title=name)
    _check_info(name, info)
    routers = _many(module, "exact_routers", PluginRouter)
    _check_routers(routers)
    schema = _one(module, "exact_schema", PluginSchema)
    if schema is not None:
        check_tables(name, schema.metadata)
        _require(_package_exists(schema.migrations), f"exact_schema: no package {schema.migrations!r}")
    frontend = _one(module, "exact_frontend", Frontend)
    if frontend is not None:
        _check_frontend(name, frontend, static_folder_of(module), getattr(module, "__name__", name))
    permissions = _many(module, "exact_permissions", Permission)
    _check_ids(name, "exact_permissions", [each.name for each in permissions])
    for permission in permissions:
        roles_known = all(isinstance(role, Role) for role in permission.granted_to)
        _require(roles_known, f"exact_permissions: {permission.name!r} is granted to something that is no Role")
    job_types = _many(module, "exact_job_types", JobType)
    _check_job_types(job_types)
    importers, exporters = _many(module, "exact_importers", Importer), _many(module, "exact_exporters", Exporter)
    for importer in importers:
        _check_dotted("exact_importers", "read", importer.name, importer.read)
    for exporter in exporters:
        _check_dotted("exact_exporters", "write", exporter.name, exporter.write)
        has_dot = re.fullmatch(r"(\.[A-Za-z0-9]{1,12}){1,2}", exporter.extension) is not None
        _require(has_dot, f"exact_exporters: the extension of {exporter.name!r} must read like '.txt'")
    _check_ids(name, "exact_importers", [each.name for each in importers])
    _check_ids(name, "exact_exporters", [each.name for each in exporters])
    search_fields = _many(module, "exact_search_fields", SearchField)
    _check_search_fields(name, search_fields)
    models = _many(module, "exact_models", ModelCard)
    _check_models(models, [each.name for each in job_types])
    return Contributions(
        info, routers, schema, frontend, permissions, job_types, importers, exporters, search_fields, models
    )


def check_tables(name: str, metadata: MetaData) -> None:
    """Check that tables have the plugin's prefix, and that their foreign keys to others cascade or null out."""
    for table in metadata.sorted_tables:
        _require(table.name.startswith(f"{name}_"), f"exact_schema: table {table.name!r} must start with '{name}_'")
        for constraint in table.foreign_key_constraints:
            if constraint.referred_table.metadata is metadata:
                continue
            target = constraint.referred_table.name
            _require(
                (constraint.ondelete or "").upper() in _KEPT_ON_DELETE,
                f"exact_schema: the foreign key from {table.name!r} to {target!r} needs ondelete='CASCADE' or "
                "'SET NULL', otherwise rows of a plugin that is off would stop the core from deleting",
            )


def _check_info(name: str, info: PluginInfo) -> None:
    _require(0 < len(info.title) <= 60, "exact_plugin_info: the title needs 1 to 60 characters")
    for label, names in (("requires", info.requires), ("suggests_products", info.suggests_products)):
        are_texts = isinstance(names, tuple | list) and all(isinstance(each, str) for each in names)
        _require(are_texts, f"exact_plugin_info: {label} is not a tuple of names; a single one needs a comma: ('x',)")
    for need in info.requires:
        _require(need != name, "exact_plugin_info: it requires itself")
    if info.settings is not None:
        _check_settings("exact_plugin_info", "settings", info.settings)


def _check_settings(hook: str, name: str, model: type[object]) -> None:
    """Check that a model can be filled in by nobody: a default for every field, and nothing unknown taken."""
    from pydantic import BaseModel

    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise RuleBroken(f"{hook}: {name} is not a pydantic model")
    without = [field for field, facts in model.model_fields.items() if facts.is_required()]
    _require(not without, f"{hook}: {name} without a default value: {', '.join(without)}")
    forbids = model.model_config.get("extra") == "forbid"
    _require(forbids, f"{hook}: the {name} model needs ConfigDict(extra='forbid')")
    model.model_json_schema()
    model()


def _check_routers(routers: Sequence[PluginRouter]) -> None:
    from fastapi import APIRouter

    for each in routers:
        _require(isinstance(each.router, APIRouter), "exact_routers: router is not a fastapi.APIRouter")
        _require(isinstance(each.scope, Scope), "exact_routers: scope is not a Scope")
    scopes = [each.scope for each in routers]
    _require(len(scopes) == len(set(scopes)), "exact_routers: give one router per scope")


def _check_frontend(name: str, frontend: Frontend, folder: Path | None, module: str) -> None:
    for file in (frontend.entry, *frontend.styles, *(tool.icon for tool in frontend.tools if tool.icon)):
        path = PurePosixPath(file)
        _require(
            not path.is_absolute() and ".." not in path.parts, f"exact_frontend: {file!r} leaves the static folder"
        )
        is_there = folder is not None and (folder / file).is_file()
        _require(is_there, f"exact_frontend: there is no file static/{file} beside {module}")
    _require(all(isinstance(each, Panel) for each in frontend.panels), "exact_frontend: panels must be Panel values")
    _require(all(isinstance(each, Tool) for each in frontend.tools), "exact_frontend: tools must be Tool values")
    _check_ids(name, "exact_frontend", [*(each.id for each in frontend.panels), *(each.id for each in frontend.tools)])
    for panel in frontend.panels:
        known = panel.slot in set(Slot)
        _require(known, f"exact_frontend: panel {panel.id!r} names the unknown slot {panel.slot!r}")
    for tool in frontend.tools:
        well_formed = not tool.key or _KEY.fullmatch(tool.key) is not None
        _require(
            well_formed,
            f"exact_frontend: {tool.key!r} of tool {tool.id!r} is no keyboard shortcut; one is written in small "
            "letters, such as 'u', 'shift+s' or 'ctrl+alt+k'",
        )


def _check_job_types(job_types: Sequence[JobType]) -> None:
    names = [each.name for each in job_types]
    _require(len(names) == len(set(names)), "exact_job_types: a name is used twice")
    for each in job_types:
        _require(_WORD.fullmatch(each.name) is not None, f"exact_job_types: {each.name!r} is not a plain name")
        _check_dotted("exact_job_types", "run", each.name, each.run)
        _require(each.memory_mib >= 0 and each.seconds >= 0, f"exact_job_types: {each.name!r} has a negative limit")


def _check_models(models: Sequence[ModelCard], jobs: Sequence[str]) -> None:
    names = [each.name for each in models]
    _require(len(names) == len(set(names)), "exact_models: a name is used twice")
    for each in models:
        _require(_WORD.fullmatch(each.name) is not None, f"exact_models: {each.name!r} is not a plain name")
        _require(0 < len(each.title) <= 60, f"exact_models: the title of {each.name!r} needs 1 to 60 characters")
        _require(isinstance(each.task, ModelTask), f"exact_models: the task of {each.name!r} is no ModelTask")
        _require(bool(each.driver), f"exact_models: {each.name!r} names no driver of the group 'exact.models'")
        _require(each.memory_mib > 0, f"exact_models: {each.name!r} needs memory_mib above 0")
        if each.params is not None:
            _check_settings("exact_models", f"params of {each.name!r}", each.params)
        if each.train:
            _check_dotted("exact_models", "train", each.name, each.train)
        if each.train_params is not None:
            _check_settings("exact_models", f"train_params of {each.name!r}", each.train_params)
        for job in (f"predict_{each.name}", *([f"train_{each.name}"] if each.train else ())):
            _require(job not in jobs, f"exact_models: {each.name!r} clashes with the job type {job!r}")


def _check_dotted(hook: str, attribute: str, name: str, dotted: str) -> None:
    """Check that a text names a function of a module that is there, without importing it."""
    is_dotted = _DOTTED.fullmatch(dotted) is not None
    _require(is_dotted, f"{hook}: {attribute} of {name!r} must read 'package.module:function'")
    module = dotted.partition(":")[0]
    _require(_package_exists(module), f"{hook}: {attribute} of {name!r} names no module: {module}")


def _check_search_fields(name: str, fields: Sequence[SearchField]) -> None:
    _check_ids(name, "exact_search_fields", [each.name for each in fields])
    for each in fields:
        word = each.name.removeprefix(f"{name}.")
        _require(_WORD.fullmatch(word) is not None, f"exact_search_fields: {word!r} is no plain word")
        _require(isinstance(each.kind, SearchKind), f"exact_search_fields: the kind of {each.name!r} is no SearchKind")
        given = [way for way in (each.expression, each.image_value) if way is not None]
        _require(len(given) == 1, f"exact_search_fields: {each.name!r} needs an expression or an image_value, not both")
        _require(callable(given[0]), f"exact_search_fields: the expression of {each.name!r} is no function")


def _check_ids(name: str, hook: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for each in ids:
        prefix, _, rest = each.partition(".")
        _require(prefix == name and bool(rest), f"{hook}: {each!r} must start with '{name}.'")
        _require(each not in seen, f"{hook}: {each!r} is used twice")
        seen.add(each)


def _package_exists(dotted: str) -> bool:
    try:
        return importlib.util.find_spec(dotted) is not None
    except (ImportError, ValueError):
        return False


def _answer(module: object, hook: str) -> Any:
    function: Callable[[], Any] | None = getattr(module, hook, None)
    if function is None or not hasattr(function, "exact_impl"):
        return None
    return function()


def _one(module: object, hook: str, kind: type[_T]) -> _T | None:
    answer = _answer(module, hook)
    if answer is not None and not isinstance(answer, kind):
        raise RuleBroken(f"{hook} answered {type(answer).__name__}, not {kind.__name__}")
    return answer


def _many(module: object, hook: str, kind: type[_T]) -> tuple[_T, ...]:
    answer = _answer(module, hook)
    if answer is None:
        return ()
    if isinstance(answer, (str, bytes, Mapping)) or not isinstance(answer, Iterable):
        raise RuleBroken(f"{hook} answered {type(answer).__name__}, not a sequence of {kind.__name__}")
    values = tuple(answer)
    for value in values:
        if not isinstance(value, kind):
            raise RuleBroken(f"{hook} answered a sequence with {type(value).__name__}, not of {kind.__name__}")
    return values


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise RuleBroken(message)
