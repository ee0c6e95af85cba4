"""Teams and their members."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.auth.schemas import TeamChange, TeamIn, TeamMemberIn, TeamMemberOut, TeamOut
from exact_core.auth.teams import Teams
from exact_core.auth.user_routes import require_admin, require_scope
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import ImageSet, Team, TeamMember

router = APIRouter(prefix="/teams", tags=["teams"])


@router.get("", summary="List teams")
def list_teams(
    actor: CurrentActor,
    session: DbSession,
    q: Annotated[str, Query(max_length=100, description="Part of the name.")] = "",
) -> list[TeamOut]:
    """Your teams; all teams for administrators."""
    condition = func.lower(Team.name).contains(q.strip().lower(), autoescape=True)
    rows = session.scalars(
        select(Team).where(Teams(session, actor).visible(), condition).order_by(Team.folded_name, Team.id)
    )
    return _shown(session, actor, list(rows))


@router.post("", status_code=201, summary="Create a team", response_model=TeamOut)
def create_team(
    request: Request,
    body: TeamIn,
    actor: CurrentActor,
    idempotency_key: Annotated[str | None, Header(max_length=128)] = None,
) -> Response:
    """For administrators."""
    require_admin(actor)
    repeat = Repeat(actor, idempotency_key, "POST", request.url.path, body.model_dump_json())
    with services_of(request).database.write() as session:
        seen = repeat.claim(session)
        if seen is not None:
            return Response(seen.body, seen.status, media_type="application/json")
        team = Teams(session, actor).create(body.name, body.description)
        content = _shown(session, actor, [team])[0].model_dump_json().encode()
        repeat.keep(session, 201, content)
    return Response(content, 201, media_type="application/json")


@router.get("/{team_id}", summary="Read a team")
def read_team(team_id: int, actor: CurrentActor, session: DbSession) -> TeamOut:
    """For its members and administrators."""
    return _shown(session, actor, [Teams(session, actor).get(team_id)])[0]


@router.patch("/{team_id}", summary="Rename or describe a team")
def change_team(request: Request, team_id: int, body: TeamChange, actor: CurrentActor) -> TeamOut:
    """For its leads and administrators."""
    with services_of(request).database.write() as session:
        team = Teams(session, actor).change(team_id, body.name, body.description)
        return _shown(session, actor, [team])[0]


@router.delete("/{team_id}", status_code=204, summary="Delete a team")
def delete_team(request: Request, team_id: int, actor: CurrentActor) -> None:
    """For administrators; refused while it owns image sets or products."""
    with services_of(request).database.write() as session:
        teams = Teams(session, actor)
        teams.get(team_id)
        require_scope(actor, "admin")
        teams.delete(team_id)


@router.get("/{team_id}/members", summary="List the members of a team")
def list_members(team_id: int, actor: CurrentActor, session: DbSession) -> list[TeamMemberOut]:
    """Leads first."""
    return [TeamMemberOut.of(member, user) for member, user in Teams(session, actor).members(team_id)]


@router.put("/{team_id}/members/{user_id}", summary="Add somebody to a team, or make them a lead")
def put_member(
    request: Request, team_id: int, user_id: int, body: TeamMemberIn, actor: CurrentActor
) -> list[TeamMemberOut]:
    """For its leads and administrators. Answers with all members."""
    with services_of(request).database.write() as session:
        teams = Teams(session, actor)
        teams.get(team_id)
        require_scope(actor, "admin")
        teams.put_member(team_id, user_id, is_lead=body.is_lead)
        return [TeamMemberOut.of(member, user) for member, user in teams.members(team_id)]


@router.delete("/{team_id}/members/{user_id}", status_code=204, summary="Take somebody out of a team")
def remove_member(request: Request, team_id: int, user_id: int, actor: CurrentActor) -> None:
    """For its leads and administrators, and for who leaves by themselves."""
    with services_of(request).database.write() as session:
        teams = Teams(session, actor)
        teams.get(team_id)
        require_scope(actor, "admin")
        teams.remove_member(team_id, user_id)


def _shown(session: Session, actor: Actor, teams: list[Team]) -> list[TeamOut]:
    ids = [team.id for team in teams]
    member = TeamMember
    counted = session.execute(
        select(member.team_id, func.count().label("n")).where(member.team_id.in_(ids)).group_by(member.team_id)
    )
    sets = session.execute(
        select(ImageSet.team_id, func.count().label("n"))
        .where(ImageSet.team_id.in_(ids), ImageSet.deleted_at.is_(None))
        .group_by(ImageSet.team_id)
    )
    own = session.execute(
        select(member.team_id, member.is_lead).where(member.team_id.in_(ids), member.user_id == actor.user_id)
    )
    n_members = {row.team_id: row.n for row in counted}
    n_sets = {row.team_id: row.n for row in sets}
    leads = {row.team_id: row.is_lead for row in own}
    return [
        TeamOut.of(
            team,
            members=n_members.get(team.id, 0),
            image_sets=n_sets.get(team.id, 0),
            is_member=team.id in leads,
            is_lead=actor.is_admin or leads.get(team.id, False),
        )
        for team in teams
    ]
