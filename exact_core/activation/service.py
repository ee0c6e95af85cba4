"""Switching plugins on and off in an image set, and changing their settings there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.activation.store import EPOCH, activation_rows
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.kernel.activation import ActivationRow, settings_json, usable_settings, validate_settings
from exact_core.kernel.records import State
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSet, ImageSetPlugin, ImageSetProduct, Product, User, now
from exact_core.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exact_core.api.context import Actor
    from exact_core.kernel import Kernel
    from exact_core.kernel.records import PluginRecord
    from exact_core.storage.database import Database

MISSING = "missing"
"""State of a plugin that is switched on and not installed."""

MISCONFIGURED = "misconfigured"
"""State of a loaded plugin whose stored settings are not valid in one image set."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A plugin in one image set, as people see it."""

    name: str
    title: str
    summary: str
    state: str
    enabled: bool
    is_running: bool
    required: bool
    problem: str
    is_suggested: bool
    requires: list[str]
    required_by: list[str]
    settings: dict[str, Any]
    settings_schema: dict[str, Any] | None
    updated_at: datetime | None
    updated_by: str


def list_switches(session: Session, kernel: Kernel, image_set_id: int) -> list[Switch]:
    """Every plugin that is installed or was switched in the image set, in the plugins' order."""
    rows = {row.plugin: row for row in activation_rows(session, image_set_id)}
    names = [record.name for record in kernel.plugins()]
    names += sorted(rows.keys() - set(names))
    stamps = _stamps(session, image_set_id)
    products = _product_names(session, image_set_id)
    switches = [_switch(name, kernel.records.get(name), rows.get(name), stamps, products) for name in names]
    on = {each.name for each in switches if each.enabled}
    return [_with_neighbours(each, switches, on) for each in switches]


def get_switch(session: Session, kernel: Kernel, image_set_id: int, plugin: str) -> Switch:
    """One plugin in an image set; raises ``NotFound`` for a name that means nothing there."""
    for switch in list_switches(session, kernel, image_set_id):
        if switch.name == plugin:
            return switch
    raise NotFound(f"No plugin {plugin!r} is installed, and none was ever switched on in image set {image_set_id}.")


def suggestions(session: Session, kernel: Kernel, image_set_id: int) -> list[Switch]:
    """Plugins that suit the image set's products and are not on: to offer, never to switch on unasked."""
    return [
        each
        for each in list_switches(session, kernel, image_set_id)
        if each.is_suggested and not each.enabled and each.state == State.LOADED
    ]


def change_switch(
    database: Database,
    kernel: Kernel,
    actor: Actor,
    image_set_id: int,
    plugin: str,
    *,
    enabled: bool | None = None,
    required: bool | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Switch:
    """Change a plugin's switch, required mark or settings in an image set; what is None stays.

    Raises:
        Forbidden: The actor may not manage the set, or is no administrator and changes the required mark.
        Invalid: The plugin cannot run there, or the settings are not valid.
        Conflict: Other plugins need it, or it needs others.
        Refused: The plugin does not allow it.
    """
    with UnitOfWork(database, kernel.hooks, actor) as uow:
        session = uow.session
        Rights(session).require(actor, Right.MANAGE, image_set_id)
        # One change of switches at a time in a set, so that two cannot pass each other's checks.
        session.execute(select(ImageSet.id).where(ImageSet.id == image_set_id).with_for_update())
        before = get_switch(session, kernel, image_set_id, plugin)
        if required is not None and required != before.required and not acts_as_administrator(actor):
            raise Forbidden("Only an administrator can mark a plugin as required, or take the mark away.")
        if required and not (before.enabled if enabled is None else enabled):
            raise Invalid(f"The plugin {plugin!r} is off in this image set; switch it on to require it.")
        record = kernel.records.get(plugin)
        row = _wanted(session, image_set_id, before, record, enabled, required, settings)
        if row.enabled != before.enabled:
            _check_neighbours(before, list_switches(session, kernel, image_set_id), row.enabled)
        checked = _checked_settings(record, row, settings is not None)
        if record is not None and record.state is State.LOADED:
            kernel.hooks.activation_changing(
                plugin, session, image_set_id=image_set_id, enabled=row.enabled, settings=checked, actor=actor
            )
        _store(session, image_set_id, row, actor)
        raise_epoch(session, EPOCH)
        return get_switch(session, kernel, image_set_id, plugin)


def acts_as_administrator(actor: Actor) -> bool:
    """Whether the actor is an administrator and, coming with a token, lets it be used as one."""
    return actor.is_admin and "admin" in actor.scopes


def _wanted(
    session: Session,
    image_set_id: int,
    before: Switch,
    record: PluginRecord | None,
    enabled: bool | None,
    required: bool | None,
    settings: Mapping[str, Any] | None,
) -> ActivationRow:
    """What to store: what is given, else what is stored, else what holds by default."""
    stored = session.get(ImageSetPlugin, (image_set_id, before.name))
    current = record.contributions.info.settings_version if record and record.contributions else 1
    is_on = before.enabled if enabled is None else enabled
    return ActivationRow(
        before.name,
        is_on,
        is_on and (before.required if required is None else required),
        dict(settings) if settings is not None else dict(stored.settings if stored else {}),
        stored.settings_version if stored and settings is None else current,
    )


def _checked_settings(record: PluginRecord | None, row: ActivationRow, are_given: bool) -> BaseModel | None:
    """The settings as the plugin's model. What is on must be able to run; what is off may stay as it was."""
    if row.enabled:
        return usable_settings(row.plugin, record, row)
    if are_given:
        if record is None or record.contributions is None:
            raise Invalid(f"The plugin {row.plugin!r} is not loaded, so its settings cannot be checked.")
        return validate_settings(record, row.settings)
    try:
        return usable_settings(row.plugin, record, row)
    except Invalid:
        return None


def _check_neighbours(before: Switch, switches: list[Switch], enabled: bool) -> None:
    running = {each.name for each in switches if each.is_running}
    missing = [need for need in before.requires if need not in running]
    if enabled and missing:
        raise Conflict(f"The plugin {before.name!r} needs {', '.join(missing)}; switch that on here first.")
    if not enabled and before.required_by:
        raise Conflict(
            f"The plugin {before.name!r} is needed by {', '.join(before.required_by)}; switch that off here first."
        )


def _store(session: Session, image_set_id: int, wanted: ActivationRow, actor: Actor) -> None:
    row = session.get(ImageSetPlugin, (image_set_id, wanted.plugin))
    if row is None:
        row = ImageSetPlugin(image_set_id=image_set_id, plugin=wanted.plugin)
        session.add(row)
    row.enabled = wanted.enabled
    row.required = wanted.required
    row.settings = dict(wanted.settings)
    row.settings_version = wanted.settings_version
    row.updated_by_id = actor.user_id or None
    row.updated_at = now()
    session.flush()


def _switch(
    name: str,
    record: PluginRecord | None,
    row: ActivationRow | None,
    stamps: Mapping[str, tuple[datetime, str]],
    products: frozenset[str],
) -> Switch:
    info = record.contributions.info if record is not None and record.contributions is not None else None
    settings: dict[str, Any] = dict(row.settings) if row is not None else {}
    state = record.state.value if record is not None else MISSING
    problem = ""
    try:
        settings = settings_json(usable_settings(name, record, row))
    except Invalid as error:
        problem = error.message
        state = MISCONFIGURED if state == State.LOADED else state
    enabled = row.enabled if row is not None else info is not None and info.default_enabled and not problem
    stamp = stamps.get(name)
    return Switch(
        name,
        record.title if record is not None else name,
        info.summary if info is not None else "",
        state,
        enabled,
        enabled and not problem,
        row.required if row is not None else False,
        problem,
        info is not None and bool(products.intersection(each.casefold() for each in info.suggests_products)),
        list(info.requires) if info is not None else [],
        [],
        settings,
        info.settings.model_json_schema() if info is not None and info.settings is not None else None,
        stamp[0] if stamp else None,
        stamp[1] if stamp else "",
    )


def _with_neighbours(switch: Switch, switches: list[Switch], on: set[str]) -> Switch:
    """Add who needs it; a plugin whose needs are off does not run."""
    running = {each.name for each in switches if each.is_running}
    changed = True
    while changed:  # a chain of needs falls one by one
        falling = {each.name for each in switches if each.name in running and not set(each.requires) <= running}
        running -= falling
        changed = bool(falling)
    missing = [need for need in switch.requires if need not in running]
    problem = switch.problem
    if switch.is_running and missing:
        problem = f"The plugin {switch.name!r} needs {', '.join(missing)}, not on in this image set."
    needed_by = [each.name for each in switches if each.name in on and switch.name in each.requires]
    return replace(switch, is_running=switch.name in running, problem=problem, required_by=needed_by)


def _stamps(session: Session, image_set_id: int) -> dict[str, tuple[datetime, str]]:
    statement = (
        select(ImageSetPlugin.plugin, ImageSetPlugin.updated_at, User.display_name, User.name)
        .outerjoin(User, User.id == ImageSetPlugin.updated_by_id)
        .where(ImageSetPlugin.image_set_id == image_set_id)
    )
    return {plugin: (at, display or name or "") for plugin, at, display, name in session.execute(statement)}


def _product_names(session: Session, image_set_id: int) -> frozenset[str]:
    statement = (
        select(Product.name)
        .join(ImageSetProduct, ImageSetProduct.product_id == Product.id)
        .where(ImageSetProduct.image_set_id == image_set_id)
    )
    return frozenset(name.casefold() for name in session.scalars(statement))
