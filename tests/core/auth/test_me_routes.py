"""One's own account over HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from exact_core.auth import accounts
from exact_core.storage.models import AccessToken, LoginSession, User
from tests.serving import Client

PASSWORD = "four words in a row"
ME = "/api/v2/me"


@pytest.fixture
def ann(make_user):
    return make_user("ann")


@pytest.fixture
def browser(browser_of, ann):
    return browser_of(ann)


def test_the_profile_shows_teams_and_what_one_may_do(browser, make_team, ann):
    make_team("Lab", leads=[ann])
    me = browser.get(ME).json()
    assert (me["name"], me["via"], me["scopes"]) == ("ann", "session", ["admin", "read", "write"])
    assert [(team["name"], team["is_lead"]) for team in me["teams"]] == [("Lab", True)]


def test_preferences_are_merged_and_null_removes_one(browser):
    browser.patch(ME, json={"preferences": {"theme": "dark", "tool": "box"}})
    me = browser.patch(ME, json={"preferences": {"theme": None}, "display_name": " Ann B. "}).json()
    assert me["preferences"] == {"tool": "box"}
    assert browser.get(ME).json()["display_name"] == "Ann B."
    many = {f"key{n}": n for n in range(100)}
    assert browser.patch(ME, json={"preferences": many}).status_code == 422


def test_nobody_can_raise_themselves(browser):
    for more in ({"is_admin": True}, {"is_active": True}, {"name": "root"}):
        assert browser.patch(ME, json=more).status_code == 422
    assert browser.get(ME).json()["is_admin"] is False


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaa", "ann1234567890", "x" * 2000])
def test_a_password_that_is_easy_to_guess_is_refused(browser, password):
    answer = browser.put(f"{ME}/password", json={"new_password": password})
    assert answer.status_code == 422
    assert password not in answer.text


def test_a_first_password_needs_no_other_and_a_change_needs_the_current_one(browser, browser_of, ann):
    other = browser_of(ann)
    assert browser.get(ME).json()["password_needs_current"] is False
    assert browser.put(f"{ME}/password", json={"new_password": PASSWORD}).status_code == 204
    assert other.get(ME).status_code == 401  # other browsers are logged out
    assert browser.get(ME).json()["password_needs_current"] is True
    change = {"new_password": "five other words in line"}
    assert browser.put(f"{ME}/password", json=change).status_code == 422
    wrong = browser.put(f"{ME}/password", json={**change, "current_password": "wrong one"})
    assert wrong.status_code == 422
    assert "current_password" in wrong.json()["detail"]
    assert browser.put(f"{ME}/password", json={**change, "current_password": PASSWORD}).status_code == 204


def test_after_a_login_by_link_a_forgotten_password_can_be_replaced_once(visitor, database, ann):
    with database.write() as session:
        user = session.get_one(User, ann.user_id)
        accounts.set_password(session, user, PASSWORD)
        link = accounts.issue_link(session, user)
    token = visitor.post("/api/v2/auth/login-link", json={"token": link.token}).json()["csrf_token"]
    visitor.headers["X-CSRF-Token"] = token
    assert visitor.get(ME).json()["password_needs_current"] is False
    assert visitor.put(f"{ME}/password", json={"new_password": "five other words in line"}).status_code == 204
    assert visitor.put(f"{ME}/password", json={"new_password": "six more words for this line"}).status_code == 422


def test_guessing_the_current_password_is_slowed_down(browser, database, ann):
    with database.write() as session:
        session.get_one(User, ann.user_id).password_hash = "$argon2id$unreadable"
    guess = {"new_password": PASSWORD, "current_password": "guess"}
    codes = [browser.put(f"{ME}/password", json=guess).status_code for _ in range(31)]
    assert codes[0] == 422
    assert codes[-1] == 429


def test_a_token_is_shown_once_and_works_until_revoked(browser, app, database, script_of, ann):
    made = browser.post(f"{ME}/tokens", json={"name": "script", "scopes": ["write"], "days": 30})
    assert made.status_code == 201
    token = made.json()["token"]
    assert made.json()["scopes"] == ["read", "write"]
    assert token not in browser.get(f"{ME}/tokens").text
    with database.read() as session:
        row = session.scalars(select(AccessToken)).one()
        assert row.secret_hash not in token
        assert token.startswith(f"exact_{row.prefix}_")
    script = script_of(ann)
    script.headers["Authorization"] = f"Bearer {token}"
    assert script.get(ME).json()["via"] == "token"
    assert browser.delete(f"{ME}/tokens/{row.id}").status_code == 204
    assert script.get(ME).status_code == 401
    assert browser.delete(f"{ME}/tokens/{row.id}").status_code == 404


def test_a_token_cannot_make_itself_stronger_or_last_longer(script_of, ann):
    script = script_of(ann)
    for method, path, body in (
        ("POST", "/tokens", {"name": "more", "scopes": ["write"]}),
        ("PUT", "/password", {"new_password": PASSWORD}),
        ("DELETE", "/sessions", None),
        ("DELETE", "/sessions/1", None),
    ):
        assert script.request(method, ME + path, json=body).status_code == 403, path


def test_a_reading_token_cannot_write(script_of, ann):
    reader = script_of(ann, "read")
    assert reader.get(ME).status_code == 200
    answer = reader.patch(ME, json={"display_name": "Mallory"})
    assert answer.status_code == 403
    assert "read" in answer.json()["detail"]


def test_only_administrators_make_tokens_with_the_scope_admin(browser, browser_of, make_user):
    wanted = {"name": "script", "scopes": ["admin"]}
    assert browser.post(f"{ME}/tokens", json=wanted).status_code == 403
    assert browser_of(make_user(is_admin=True)).post(f"{ME}/tokens", json=wanted).status_code == 201


def test_only_administrators_make_tokens_for_workers_which_do_nothing_else(browser, browser_of, make_user, app):
    wanted = {"name": "gpu-1", "scopes": ["work"]}
    assert browser.post(f"{ME}/tokens", json=wanted).status_code == 403
    administrator = browser_of(make_user("root", is_admin=True))
    assert administrator.post(f"{ME}/tokens", json={**wanted, "scopes": ["work", "read"]}).status_code == 422
    made = administrator.post(f"{ME}/tokens", json=wanted)
    assert (made.status_code, made.json()["scopes"]) == (201, ["work"])
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    worker = Client(app, base_url="http://127.0.0.1:8000", headers=headers)
    assert worker.get(ME).status_code == 403
    asked = {"session": "0" * 16, "slot": 0, "machine": "gpu-1", "types": {}}
    assert worker.post("/api/v2/work/leases", json=asked).status_code == 204


@pytest.mark.parametrize(
    "body", [{"scopes": ["root"]}, {"scopes": []}, {"days": 0}, {"days": 99999}, {"name": " "}, {"user_id": 1}]
)
def test_nonsense_tokens_are_refused(browser, body):
    assert browser.post(f"{ME}/tokens", json={"name": "script", **body}).status_code == 422


def test_sessions_are_listed_and_ended_one_or_all(browser, browser_of, database, ann):
    second, third = browser_of(ann), browser_of(ann)
    listed = browser.get(f"{ME}/sessions").json()
    assert [each["is_current"] for each in listed] == [False, False, True]
    assert "key" not in str(listed)
    assert browser.delete(f"{ME}/sessions/{listed[0]['id']}").status_code == 204
    assert third.get(ME).status_code == 401
    assert second.get(ME).status_code == 200
    assert browser.delete(f"{ME}/sessions").json() == {"ended": 1}
    assert second.get(ME).status_code == 401
    assert browser.get(ME).status_code == 200


def test_other_peoples_tokens_and_sessions_are_not_there(browser, browser_of, script_of, database, make_user):
    ben = make_user()
    bens = browser_of(ben)
    script_of(ben)
    with database.read() as session:
        session_id = session.scalar(select(LoginSession.id).where(LoginSession.user_id == ben.user_id))
        token_id = session.scalar(select(AccessToken.id).where(AccessToken.user_id == ben.user_id))
    assert browser.delete(f"{ME}/sessions/{session_id}").status_code == 404
    assert browser.delete(f"{ME}/tokens/{token_id}").status_code == 404
    assert browser.get(f"{ME}/tokens").json() == []
    assert bens.get(ME).status_code == 200
