"""Addresses of installed plugins, of their kept faults, and of their switches in image sets."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from exact_core.activation import reading, service
from exact_core.activation.schemas import PluginFaultOut, PluginOut, PluginSwitchIn, PluginSwitchOut
from exact_core.activation.store import fault_counts, recent_faults, set_counts
from exact_core.api.deps import CurrentActor, DbSession, ImageSetAccess, services_of
from exact_core.api.errors import Forbidden
from exact_core.kernel.records import PluginRecord

router = APIRouter(tags=["plugins"])
router.include_router(reading.router)


@router.get("/plugins", summary="List installed plugins")
def list_plugins(request: Request, actor: CurrentActor, session: DbSession) -> list[PluginOut]:
    """Every installed plugin with its state; administrators also read the reasons."""
    is_admin = service.acts_as_administrator(actor)
    faults, sets = (fault_counts(session), set_counts(session)) if is_admin else ({}, {})
    records = services_of(request).kernel.plugins()
    return [_plugin(each, is_admin, faults.get(each.name, 0), sets.get(each.name, 0)) for each in records]


@router.get("/plugin-faults", summary="List kept failures of plugins")
def list_faults(
    request: Request,
    actor: CurrentActor,
    session: DbSession,
    plugin: str | None = None,
    limit: Annotated[int, Query(ge=1, le=300)] = 100,
) -> list[PluginFaultOut]:
    """The newest failures, for administrators."""
    if not service.acts_as_administrator(actor):
        raise Forbidden("Only administrators can read the failures of plugins.")
    services_of(request).kernel.faults.flush()
    return [PluginFaultOut.model_validate(each, from_attributes=True) for each in recent_faults(session, plugin, limit)]


@router.get("/image-sets/{image_set_id}/plugins", summary="List the plugins of an image set")
def list_switches(request: Request, access: ImageSetAccess, session: DbSession) -> list[PluginSwitchOut]:
    """Every plugin that can be switched in the image set, with its settings there."""
    found = service.list_switches(session, services_of(request).kernel, access.image_set_id)
    return [PluginSwitchOut.model_validate(each, from_attributes=True) for each in found]


@router.get("/image-sets/{image_set_id}/plugins/{name}", summary="Read a plugin of an image set")
def get_switch(request: Request, access: ImageSetAccess, session: DbSession, name: str) -> PluginSwitchOut:
    """One plugin with its settings in the image set."""
    found = service.get_switch(session, services_of(request).kernel, access.image_set_id, name)
    return PluginSwitchOut.model_validate(found, from_attributes=True)


@router.put("/image-sets/{image_set_id}/plugins/{name}", summary="Switch a plugin, or change its settings")
def put_switch(request: Request, access: ImageSetAccess, name: str, change: PluginSwitchIn) -> PluginSwitchOut:
    """Switch a plugin on or off in an image set, or change its settings there; what is left out stays."""
    services = services_of(request)
    found = service.change_switch(
        services.database,
        services.kernel,
        access.actor,
        access.image_set_id,
        name,
        enabled=change.enabled,
        required=change.required,
        settings=change.settings,
    )
    return PluginSwitchOut.model_validate(found, from_attributes=True)


def _plugin(record: PluginRecord, for_admin: bool, faults: int, image_sets: int) -> PluginOut:
    contributions = record.contributions
    return PluginOut(
        name=record.name,
        title=record.title,
        summary=contributions.info.summary if contributions else "",
        version=record.version,
        state=record.state.value,
        is_healthy=record.state.is_healthy,
        distribution=record.distribution if for_admin else "",
        reason=record.reason if for_admin else "",
        warnings=list(record.warnings) if for_admin else [],
        faults=faults,
        image_sets=image_sets,
        requires=list(contributions.info.requires) if contributions else [],
        permissions=[each.name for each in contributions.permissions] if contributions else [],
    )
