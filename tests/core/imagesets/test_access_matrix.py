"""Every endpoint of accounts, teams and image sets, asked by everybody, about things that are not theirs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select

from exact_core.auth.routes import router as auth_router
from exact_core.imagesets.routes import router as set_router
from exact_core.storage.models import AccessToken, LoginSession, now

API = "/api/v2"
PEOPLE = ("nobody", "stranger", "viewer", "annotator", "reviewer", "manager", "admin")


@dataclass(frozen=True)
class Row:
    """One endpoint and the status for each kind of person."""

    method: str
    path: str
    body: object
    expected: dict[str, int]

    def name(self) -> str:
        return f"{self.method} {self.path}"


def everybody(logged_in: int, **others: int) -> dict[str, int]:
    return {person: 401 if person == "nobody" else others.get(person, logged_in) for person in PEOPLE}


def in_set(viewer: int, manager: int, **others: int) -> dict[str, int]:
    """404 for strangers; one status for who may only look or annotate, one for who manages."""
    return everybody(viewer, **{"stranger": 404, "manager": manager, "admin": manager, **others})


def admins_only(status: int) -> dict[str, int]:
    return everybody(403, admin=status)


def for_all(status: int) -> dict[str, int]:
    return dict.fromkeys(PEOPLE, status)


ROWS = [
    Row("POST", "/auth/login", {"name": "{anyone}", "password": "y"}, for_all(401)),
    Row("POST", "/auth/login-link", {"token": "x"}, for_all(401)),
    Row("POST", "/auth/logout", None, for_all(204)),
    Row("GET", "/me", None, everybody(200)),
    Row("PATCH", "/me", {"preferences": {"a": 1}}, everybody(200)),
    Row("PUT", "/me/password", {"new_password": "four words in a row"}, everybody(204)),
    Row("GET", "/me/tokens", None, everybody(200)),
    Row("POST", "/me/tokens", {"name": "t", "scopes": ["admin"]}, admins_only(201)),
    Row("DELETE", "/me/tokens/{foreign_token}", None, everybody(404)),
    Row("GET", "/me/sessions", None, everybody(200)),
    Row("DELETE", "/me/sessions", None, everybody(200)),
    Row("DELETE", "/me/sessions/{foreign_session}", None, everybody(404)),
    Row("GET", "/users", None, everybody(200)),
    Row("POST", "/users", {"name": "new"}, admins_only(201)),
    Row("GET", "/users/{victim}", None, everybody(200)),
    Row("PATCH", "/users/{victim}", {"is_admin": True}, admins_only(200)),
    Row("POST", "/users/{victim}/login-link", None, admins_only(201)),
    Row("DELETE", "/users/{victim}/sessions", None, admins_only(200)),
    Row("GET", "/teams", None, everybody(200)),
    Row("POST", "/teams", {"name": "new"}, admins_only(201)),
    # The foreign team owns nothing of theirs: everybody but administrators is a stranger to it.
    Row("GET", "/teams/{foreign_team}", None, everybody(404, admin=200)),
    Row("PATCH", "/teams/{foreign_team}", {"name": "mine"}, everybody(404, admin=200)),
    Row("DELETE", "/teams/{foreign_team}", None, everybody(404, admin=204)),
    Row("GET", "/teams/{foreign_team}/members", None, everybody(404, admin=200)),
    Row("PUT", "/teams/{foreign_team}/members/{self}", {"is_lead": True}, everybody(404, admin=200)),
    Row("DELETE", "/teams/{foreign_team}/members/{victim}", None, everybody(404, admin=204)),
    Row("GET", "/image-sets", None, everybody(200)),
    Row("POST", "/image-sets", {"team_id": "{owner_team}", "name": "new"}, everybody(404, admin=201)),
    Row("GET", "/image-set-tags", None, everybody(200)),
    Row("GET", "/image-sets/{set}", None, in_set(200, 200)),
    Row("PATCH", "/image-sets/{set}", {"name": "new"}, in_set(403, 200)),
    Row("DELETE", "/image-sets/{set}", None, in_set(403, 204)),
    Row("POST", "/image-sets/{set}/restore", None, in_set(403, 409)),
    Row("POST", "/image-sets/{deleted_set}/restore", None, everybody(404, manager=200, admin=200)),
    Row("PUT", "/image-sets/{set}/tags", {"tags": ["x"]}, in_set(403, 200)),
    Row("PUT", "/image-sets/{set}/pin", None, in_set(204, 204)),
    Row("DELETE", "/image-sets/{set}/pin", None, in_set(204, 204)),
    Row("GET", "/image-sets/{set}/members", None, in_set(200, 200)),
    Row("PUT", "/image-sets/{set}/members/users/{self}", {"role": "manager"}, in_set(403, 200)),
    Row("PUT", "/image-sets/{set}/members/users/{victim}", {"role": "viewer"}, in_set(403, 200)),
    Row("DELETE", "/image-sets/{set}/members/users/{other_member}", None, in_set(403, 204)),
    Row("PUT", "/image-sets/{set}/members/teams/{foreign_team}", {"role": "viewer"}, in_set(403, 404, admin=200)),
    Row("DELETE", "/image-sets/{set}/members/teams/{owner_team}", None, in_set(403, 404)),
    Row("GET", "/image-sets/{set}/rights", None, in_set(200, 200)),
    Row("GET", "/image-sets/{set}/rights?user={victim}", None, in_set(403, 200)),
]


@pytest.fixture
def world(app, database, make_user, make_team, make_image_set, script_of, browser_of):
    """People of every role in one set, and things that belong to somebody else."""
    people = {name: make_user(name) for name in PEOPLE if name not in ("nobody", "admin")}
    people["admin"] = make_user("boss", is_admin=True)
    victim, other_member = make_user("victim"), make_user("other")
    roles = {people[name]: name for name in ("viewer", "annotator", "reviewer", "manager")}
    owner_team = make_team("Owners", leads=[make_user("owner")])
    browser_of(victim)
    script_of(victim)
    with database.read() as session:
        foreign_token = session.scalar(select(AccessToken.id))
        foreign_session = session.scalar(select(LoginSession.id))
    things = {
        "set": make_image_set(owner_team, roles={**roles, other_member: "viewer"}),
        "deleted_set": make_image_set(owner_team, roles=roles, deleted_at=now()),
        "owner_team": owner_team,
        "foreign_team": make_team("Foreign", leads=[make_user()], members=[victim]),
        "victim": victim.user_id,
        "other_member": other_member.user_id,
        "foreign_token": foreign_token,
        "foreign_session": foreign_session,
    }
    return people, things


def filled(text: str, things: dict[str, int]) -> str:
    for name, value in things.items():
        text = text.replace(f"{{{name}}}", str(value))
    assert "{" not in text
    return text


def test_everybody_reads_what_they_may_and_nothing_else(world, visitor, browser_of):
    people, things = world
    clients = {person: visitor if person == "nobody" else browser_of(people[person]) for person in PEOPLE}
    for row in (row for row in ROWS if row.method == "GET"):
        answers = {person: ask(row, clients[person], things, people.get(person)) for person in PEOPLE}
        assert answers == row.expected, row.name()


@pytest.mark.parametrize("row", [row for row in ROWS if row.method != "GET"], ids=Row.name)
def test_everybody_changes_what_they_may_and_nothing_else(world, app, visitor, browser_of, row):
    people, things = world
    asked = [person for person in PEOPLE if person not in ("manager", "admin")]
    # What a manager changes is real, so administrators ask afterwards only where nothing changes.
    asked += ["manager", "admin"] if row.expected["manager"] >= 400 else ["manager"]
    answers = {}
    for person in asked:
        client = visitor if person == "nobody" else browser_of(people[person])
        answers[person] = ask(row, client, things, people.get(person))
    assert answers == {person: row.expected[person] for person in asked}


@pytest.mark.parametrize("row", [row for row in ROWS if row.method != "GET"], ids=Row.name)
def test_the_administrator_may_and_a_token_that_only_reads_may_not(world, browser_of, script_of, row):
    people, things = world
    if not row.path.startswith("/auth"):
        reader = script_of(people["admin"], "read")
        assert ask(row, reader, things, people["admin"]) == 403
    assert ask(row, browser_of(people["admin"]), things, people["admin"]) == row.expected["admin"]


def ask(row: Row, client, things: dict[str, int], person) -> int:
    own = {**things, "self": person.user_id if person else 0}
    body = row.body
    if isinstance(body, dict) and "team_id" in body:
        body = {**body, "team_id": int(filled(body["team_id"], own))}
    elif isinstance(body, dict) and body.get("name") == "{anyone}":
        body = {**body, "name": f"anyone-{own['self']}"}
    return client.request(row.method, API + filled(row.path, own), json=body).status_code


def test_no_endpoint_is_missing_from_the_matrix(app):
    def key(method: str, path: str) -> tuple[str, int, tuple[str, ...]]:
        parts = path.partition("?")[0].strip("/").split("/")
        return method, len(parts), tuple("*" if part.startswith("{") else part for part in parts)

    tested = {key(row.method, row.path) for row in ROWS}
    own = {route.path for router in (auth_router, set_router) for route in iter_route_contexts(router.routes)}
    assert len(own) >= 25
    for router in (auth_router, set_router):
        for context in iter_route_contexts(router.routes):
            for method in context.methods or ():
                assert key(method, context.path) in tested, f"{method} {context.path} is not in the matrix"
