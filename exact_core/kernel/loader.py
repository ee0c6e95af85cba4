"""From candidates to records: each plugin is taken as far as it gets, and nothing it does stops the others."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from exact_core.kernel.contributed import read_contributions
from exact_core.kernel.places import place_of_error, place_of_function
from exact_core.kernel.records import CORE_PREFIX, PluginRecord, State
from exact_core.kernel.route_trial import try_routes
from exact_core.kernel.signatures import RuleBroken, check_implementations

if TYPE_CHECKING:
    from exact_core.api.contributions import PluginSchema
    from exact_core.kernel.discovery import Candidate

CORE_DISTRIBUTION = "exact-core"
HEAVY = ("torch", "umap", "sklearn", "openslide")
"""Libraries that importing a plugin must not load: seconds of start-up and hundreds of megabytes."""

RESERVED = frozenset(
    {"admin", "api", "auth", "core", "db", "demo", "dev", "exact", "export", "import", "login", "logout"}
    | {"plugin", "plugins", "serve", "static", "user", "worker"}
)
"""Names that a plugin cannot have: commands, addresses and words of the core."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FAILURES = (Exception, SystemExit)
_REASON_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class Choice:
    """What the operator lets in."""

    only: tuple[str, ...] | None = None
    disabled: tuple[str, ...] = ()
    safe_mode: bool = False


PendingMigrations: TypeAlias = "Callable[[str, PluginSchema], str]"
"""Says why the tables of a plugin cannot be used, or nothing."""


def load_plugins(
    candidates: Iterable[Candidate],
    builtins: Mapping[str, str],
    core_version: str,
    choice: Choice,
    pending: PendingMigrations | None = None,
) -> dict[str, PluginRecord]:
    """Load every candidate as far as it gets.

    Args:
        candidates: What installed distributions offer.
        builtins: Parts of the core that register through the same door: ``core.<name>`` to
            ``module`` or ``module:Class``.
        core_version: The running version of the core.
        choice: What the operator lets in.
        pending: Looks at the tables of plugins; without it they are taken to be current.

    Returns:
        A record for each name, in the order in which plugins are shown and called: parts of the core first, then
        each plugin after those that it requires, else by name.
    """
    offered = list(candidates)
    claims = Counter(each.name for each in offered)
    records = {name: _load_builtin(name, module, core_version) for name, module in sorted(builtins.items())}
    plugins: dict[str, PluginRecord] = {}
    for each in offered:
        if claims[each.name] > 1:
            plugins.setdefault(each.name, _conflict(each.name, [other for other in offered if other.name == each.name]))
        else:
            plugins[each.name] = _load(each, core_version, choice, pending)
    _refuse_shared_modules(plugins)
    _refuse_unmet(plugins)
    for name in _in_order(plugins):
        records[name] = plugins[name]
    return records


def _load_builtin(name: str, module: str, core_version: str) -> PluginRecord:
    assert name.startswith(CORE_PREFIX)
    place, _, attribute = module.partition(":")
    plugin: object = importlib.import_module(place)
    if attribute:
        plugin = getattr(plugin, attribute)()
    check_implementations(plugin)
    contributions = read_contributions(name, plugin)
    return PluginRecord(name, "", core_version, State.LOADED, module=plugin, contributions=contributions)


def _load(candidate: Candidate, core_version: str, choice: Choice, pending: PendingMigrations | None) -> PluginRecord:
    record = PluginRecord(candidate.name, candidate.distribution, candidate.version, State.LOADED)
    stopped = _before_import(candidate, core_version, choice)
    if stopped is not None:
        return replace(record, state=stopped[0], reason=stopped[1])
    before = {name for name in HEAVY if name in sys.modules}
    try:
        module = importlib.import_module(candidate.value.partition(":")[0].strip())
    except _FAILURES as error:
        place = place_of_error(error, _folders_of(candidate.value))
        return replace(record, state=State.IMPORT_FAILED, reason=_import_reason(candidate, error), place=place)
    heavy = [name for name in HEAVY if name in sys.modules and name not in before]
    warnings = [f"importing it loads {name}; import that inside the function that needs it" for name in heavy]
    record = replace(record, module=module, warnings=tuple(warnings))
    return _check(record, module, pending)


def _check(record: PluginRecord, module: ModuleType, pending: PendingMigrations | None) -> PluginRecord:
    """The steps after the import: signatures, contributions, routes, migrations."""
    try:
        warnings = (*record.warnings, *check_implementations(module))
        contributions = read_contributions(record.name, module)
        try_routes(record.name, contributions.routers)
    except RuleBroken as error:
        place = error.place or _place_of_hook(str(error), module)
        return replace(record, state=State.INVALID, reason=str(error), place=place)
    except _FAILURES as error:
        place = place_of_error(error, _folders_of(module.__name__))
        return replace(record, state=State.INVALID, reason=f"it raised {_said(error)}", place=place)
    record = replace(record, warnings=warnings, contributions=contributions)
    if contributions.schema is not None and pending is not None:
        try:
            reason = pending(record.name, contributions.schema)
        except _FAILURES as error:
            return replace(record, state=State.INVALID, reason=f"its migrations cannot be read: {_said(error)}")
        if reason:
            return replace(record, state=State.PENDING_MIGRATION, reason=reason)
    return record


def _before_import(candidate: Candidate, core_version: str, choice: Choice) -> tuple[State, str] | None:
    name = candidate.name
    if not _NAME.fullmatch(name):
        return State.CONFLICT, f"{name!r} is not a plugin name: lower-case letters, digits and underscores"
    if name in RESERVED:
        return State.CONFLICT, f"the name {name!r} belongs to the core"
    if choice.safe_mode:
        return State.BLOCKED, "EXACT_SAFE_MODE is set: no plugin is loaded"
    if name in choice.disabled:
        return State.BLOCKED, "EXACT_DISABLED_PLUGINS names it"
    if choice.only is not None and name not in choice.only:
        return State.BLOCKED, "EXACT_PLUGINS is set and does not name it"
    reason = _incompatible(candidate, core_version)
    return (State.INCOMPATIBLE, reason) if reason else None


def _incompatible(candidate: Candidate, core_version: str) -> str:
    """Why the distribution does not go with the running core, read from its metadata, without an import."""
    for line in candidate.requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            return f"its requirement {line!r} cannot be read"
        if canonicalize_name(requirement.name) != CORE_DISTRIBUTION:
            continue
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(core_version, prereleases=True):
            return f"it needs {CORE_DISTRIBUTION} {requirement.specifier}, and this is {core_version}"
    return ""


def _conflict(name: str, claimants: Sequence[Candidate]) -> PluginRecord:
    brought = " and ".join(f"{each.distribution} {each.version}" for each in claimants)
    return PluginRecord(
        name,
        ", ".join(each.distribution for each in claimants),
        ", ".join(each.version for each in claimants),
        State.CONFLICT,
        f"the name {name!r} is claimed by {brought}; neither is loaded, uninstall one",
    )


def _refuse_shared_modules(plugins: dict[str, PluginRecord]) -> None:
    """Two names for one module would be one plugin that is switched twice; the first name keeps it."""
    owners: dict[str, str] = {}
    for name, record in plugins.items():
        if record.state.is_running and isinstance(record.module, ModuleType):
            owner = owners.setdefault(record.module.__name__, name)
            if owner != name:
                reason = f"its module {record.module.__name__} is already the plugin {owner!r}"
                plugins[name] = replace(record, state=State.INVALID, reason=reason)


def _refuse_unmet(plugins: dict[str, PluginRecord]) -> None:
    """Plugins whose required plugins do not run, or that require each other in a circle, are not usable."""
    changed = True
    while changed:
        changed = False
        for name, record in plugins.items():
            if not record.state.is_running or record.contributions is None:
                continue
            for need in record.contributions.info.requires:
                other = plugins.get(need)
                if other is None or not other.state.is_running:
                    why = "not installed" if other is None else f"{other.state}"
                    reason = f"it requires the plugin {need!r}, which is {why}"
                    plugins[name] = replace(record, state=State.INVALID, reason=reason)
                    changed = True
                    break
    for name in _circular(plugins):
        reason = "it requires plugins that require it in turn"
        plugins[name] = replace(plugins[name], state=State.INVALID, reason=reason)


def _needs(record: PluginRecord) -> tuple[str, ...]:
    return record.contributions.info.requires if record.contributions and record.state.is_running else ()


def _circular(plugins: Mapping[str, PluginRecord]) -> list[str]:
    placed: set[str] = set()
    left = dict(plugins)
    while ready := [name for name, record in left.items() if all(need in placed for need in _needs(record))]:
        placed.update(ready)
        for name in ready:
            del left[name]
    return list(left)


def _in_order(plugins: Mapping[str, PluginRecord]) -> list[str]:
    order: list[str] = []
    left = sorted(plugins)
    while left:
        name = next(name for name in left if all(need not in left for need in _needs(plugins[name])))
        order.append(name)
        left.remove(name)
    return order


def _folders_of(module: str) -> list[Path]:
    """The folders of the package that a dotted name begins with."""
    try:
        found = importlib.util.find_spec(module.partition(":")[0].partition(".")[0].strip())
    except (ImportError, ValueError):
        return []
    return [Path(place) for place in (found.submodule_search_locations or ())] if found else []


def _place_of_hook(reason: str, module: ModuleType) -> str:
    """Where the hook stands that a reason begins with: ``exact_schema: ...`` or ``exact_schema answered ...``."""
    return place_of_function(getattr(module, reason.partition(":")[0].partition(" ")[0], None))


def _import_reason(candidate: Candidate, error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"importing {candidate.value} called sys.exit({error.code!r})"
    return f"importing {candidate.value} raised {_said(error)}"


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())[:_REASON_CHARACTERS]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
