"""The API of image sets, below ``/api/v2``."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.auth.accounts import get_user
from exact_core.auth.rights import Right, Rights
from exact_core.auth.schemas import PersonOut
from exact_core.auth.teams import Teams
from exact_core.auth.user_routes import require_scope
from exact_core.imagesets import listing
from exact_core.imagesets.members import Members
from exact_core.imagesets.schemas import (
    ImageSetChange,
    ImageSetIn,
    ImageSetOut,
    ImageSetPage,
    MemberOut,
    RightOut,
    RightsOut,
    RoleIn,
    TagOut,
    TagsIn,
)
from exact_core.imagesets.service import ImageSets
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import ImageSet

router = APIRouter(tags=["image sets"])


@router.get("/image-sets", summary="List and search image sets")
def list_image_sets(
    request: Request,
    actor: CurrentActor,
    session: DbSession,
    q: Annotated[str, Query(max_length=200, description="Words in the name, the description or a tag.")] = "",
    tag: Annotated[list[str], Query(max_length=20, description="All of these tags.")] = [],  # noqa: B006
    pinned: Annotated[bool | None, Query(description="Only those that you pinned, or did not.")] = None,
    team: Annotated[int | None, Query(description="Of one team.")] = None,
    deleted: Annotated[bool, Query(description="Deleted ones that you could restore.")] = False,
    sort: listing.Sort = "newest",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str = "",
) -> ImageSetPage:
    """Those that you may see, pinned ones first."""
    wanted = listing.SetFilter(q, tuple(tag), pinned, team, deleted, sort)
    return listing.page(session, actor, wanted, cursor, limit, services_of(request).snapshot.roles_of)


@router.post("/image-sets", status_code=201, summary="Create an image set", response_model=ImageSetOut)
def create_image_set(
    request: Request,
    body: ImageSetIn,
    actor: CurrentActor,
    idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
) -> Response:
    """For leads of the team, and administrators."""
    repeat = Repeat(actor, idempotency_key, "POST", request.url.path, body.model_dump_json())
    with services_of(request).database.write() as session:
        Teams(session, actor).require_lead(body.team_id)  # before a remembered answer is given again
        seen = repeat.claim(session)
        if seen is not None:
            return Response(seen.body, seen.status, media_type="application/json")
        sets = ImageSets(session, actor)
        image_set = sets.create(team_id=body.team_id, name=body.name, description=body.description, mode=body.mode)
        if body.tags:
            sets.set_tags(image_set.id, body.tags)
        content = _shown(request, session, actor, image_set).model_dump_json().encode()
        repeat.keep(session, 201, content)
    return Response(content, 201, media_type="application/json")


@router.get("/image-sets/{image_set_id}", summary="Read an image set")
def read_image_set(request: Request, image_set_id: int, actor: CurrentActor, session: DbSession) -> ImageSetOut:
    """With your role and rights in it."""
    return _shown(request, session, actor, ImageSets(session, actor).get(image_set_id))


@router.patch("/image-sets/{image_set_id}", summary="Change an image set")
def change_image_set(request: Request, image_set_id: int, body: ImageSetChange, actor: CurrentActor) -> ImageSetOut:
    """For its managers. A locked set is read-only for everybody until it is unlocked here."""
    given = body.model_dump(exclude_unset=True, exclude={"reason"})
    changes = {name: value for name, value in given.items() if value is not None}
    with services_of(request).database.write() as session:
        image_set = ImageSets(session, actor).change(image_set_id, changes, body.reason)
        session.refresh(image_set)
        return _shown(request, session, actor, image_set)


@router.delete("/image-sets/{image_set_id}", status_code=204, summary="Delete an image set")
def delete_image_set(request: Request, image_set_id: int, actor: CurrentActor) -> None:
    """For its managers. Nothing is lost: it can be restored."""
    with services_of(request).database.write() as session:
        ImageSets(session, actor).delete(image_set_id)


@router.post("/image-sets/{image_set_id}/restore", summary="Restore a deleted image set")
def restore_image_set(request: Request, image_set_id: int, actor: CurrentActor) -> ImageSetOut:
    """For those who could delete it."""
    with services_of(request).database.write() as session:
        return _shown(request, session, actor, ImageSets(session, actor).restore(image_set_id))


@router.put("/image-sets/{image_set_id}/tags", summary="Set the tags of an image set")
def set_tags(request: Request, image_set_id: int, body: TagsIn, actor: CurrentActor) -> ImageSetOut:
    """For its managers; replaces all tags."""
    with services_of(request).database.write() as session:
        image_set = ImageSets(session, actor).set_tags(image_set_id, body.tags)
        return _shown(request, session, actor, image_set)


@router.put("/image-sets/{image_set_id}/pin", status_code=204, summary="Pin an image set")
def pin(request: Request, image_set_id: int, actor: CurrentActor) -> None:
    """Keep it on top of your own list."""
    with services_of(request).database.write() as session:
        ImageSets(session, actor).pin(image_set_id, True)


@router.delete("/image-sets/{image_set_id}/pin", status_code=204, summary="Unpin an image set")
def unpin(request: Request, image_set_id: int, actor: CurrentActor) -> None:
    """Back to its ordinary place in your own list."""
    with services_of(request).database.write() as session:
        ImageSets(session, actor).pin(image_set_id, False)


@router.get("/image-set-tags", summary="List the tags in use")
def list_tags(
    actor: CurrentActor,
    session: DbSession,
    q: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[TagOut]:
    """Of image sets that you may see, the most used first."""
    return listing.tags_in_use(session, actor, q, limit)


@router.get("/image-sets/{image_set_id}/members", summary="List who has a role")
def list_members(image_set_id: int, actor: CurrentActor, session: DbSession) -> list[MemberOut]:
    """Roles given in the set, and those of the owning team."""
    return Members(session, actor, image_set_id).all()


@router.put("/image-sets/{image_set_id}/members/users/{user_id}", summary="Give somebody a role")
def give_user(request: Request, image_set_id: int, user_id: int, body: RoleIn, actor: CurrentActor) -> list[MemberOut]:
    """For its managers. Answers with all members."""
    with services_of(request).database.write() as session:
        members = _members(session, actor, image_set_id)
        members.give_user(user_id, body.role)
        return members.all()


@router.delete(
    "/image-sets/{image_set_id}/members/users/{user_id}", status_code=204, summary="Take somebody's role away"
)
def take_user(request: Request, image_set_id: int, user_id: int, actor: CurrentActor) -> None:
    """For its managers, and for who gives up their own."""
    with services_of(request).database.write() as session:
        _members(session, actor, image_set_id).take_user(user_id)


@router.put("/image-sets/{image_set_id}/members/teams/{team_id}", summary="Give a team a role")
def give_team(request: Request, image_set_id: int, team_id: int, body: RoleIn, actor: CurrentActor) -> list[MemberOut]:
    """For its managers, for teams that they belong to. Answers with all members."""
    with services_of(request).database.write() as session:
        members = _members(session, actor, image_set_id)
        members.give_team(team_id, body.role)
        return members.all()


@router.delete("/image-sets/{image_set_id}/members/teams/{team_id}", status_code=204, summary="Take a team's role away")
def take_team(request: Request, image_set_id: int, team_id: int, actor: CurrentActor) -> None:
    """For its managers."""
    with services_of(request).database.write() as session:
        _members(session, actor, image_set_id).take_team(team_id)


@router.get("/image-sets/{image_set_id}/rights", summary="Explain rights")
def explain_rights(
    request: Request,
    image_set_id: int,
    actor: CurrentActor,
    session: DbSession,
    user: Annotated[int | None, Query(description="Whose rights; yours unless told. Others': for managers.")] = None,
) -> RightsOut:
    """Every right of somebody in the set, and why they have it or not."""
    services = services_of(request)
    rights = Rights(session, services.snapshot.roles_of)
    image_set = ImageSets(session, actor).get(image_set_id)
    whose, about = actor, get_user(session, actor.user_id)
    if user is not None and user != actor.user_id:
        rights.require(actor, Right.MANAGE, image_set_id)
        about = get_user(session, user)
        whose = Actor(about.id, about.name, about.display_name, about.is_admin)
    enabled = services.kernel.activation.enabled(image_set_id)
    of_plugins = {each.name: each.title for plugin, each in services.kernel.index.permissions() if plugin in enabled}
    decisions = rights.explain(whose, image_set_id, list(of_plugins), is_active=about.is_active)
    return RightsOut(
        user=PersonOut.of(about),
        role=rights.held(whose, [image_set])[image_set_id].role,
        rights=[
            RightOut(right=right, title=of_plugins.get(right, ""), allowed=each.allowed, why=each.why)
            for right, each in decisions.items()
        ],
    )


def _members(session: Session, actor: Actor, image_set_id: int) -> Members:
    """Its members, to change: 404 for strangers before a token's scope is looked at."""
    Rights(session).require(actor, Right.VIEW, image_set_id)
    require_scope(actor, "admin")
    return Members(session, actor, image_set_id)


def _shown(request: Request, session: Session, actor: Actor, image_set: ImageSet) -> ImageSetOut:
    return listing.shown(session, actor, [image_set], services_of(request).snapshot.roles_of)[0]
