"""Finding people and administrating accounts over HTTP."""

from __future__ import annotations

import pytest

from exact_core.storage.models import User

USERS = "/api/v2/users"


@pytest.fixture
def boss(make_user):
    return make_user("boss", is_admin=True)


@pytest.fixture
def admin(browser_of, boss):
    return browser_of(boss)


def test_an_administrator_invites_somebody_who_then_logs_in(admin, visitor):
    made = admin.post(USERS, json={"name": "Zoë", "display_name": "Zoë Q."})
    assert made.status_code == 201
    url = made.json()["login_link"]["url"]
    assert url.startswith("http://127.0.0.1:8000/login/link#")
    answer = visitor.post("/api/v2/auth/login-link", json={"token": url.partition("#")[2]})
    assert answer.status_code == 200
    assert answer.json()["has_password"] is False


@pytest.mark.parametrize("name", ["zoe x", "", "<b>", "-x", "system", "System", "a" * 65, "a/b"])
def test_impossible_names_are_refused(admin, name):
    assert admin.post(USERS, json={"name": name}).status_code == 422


def test_a_name_exists_once_however_it_is_written(admin):
    assert admin.post(USERS, json={"name": "Straße"}).status_code == 201
    assert admin.post(USERS, json={"name": "STRASSE"}).status_code == 409
    assert admin.post(USERS, json={"name": "BOSS"}).status_code == 409


def test_people_are_found_by_part_of_a_name_in_pages(admin, make_user):
    for name in ("anna", "ANSELM", "hannah", "ben"):
        make_user(name)
    first = admin.get(USERS, params={"q": "an", "limit": 2}).json()
    assert [each["name"] for each in first["items"]] == ["anna", "ANSELM"]
    assert first["total"] == 3
    second = admin.get(USERS, params={"q": "an", "limit": 2, "cursor": first["next_cursor"]}).json()
    assert [each["name"] for each in second["items"]] == ["hannah"]
    assert second["next_cursor"] is None
    assert admin.get(USERS, params={"q": "%"}).json()["items"] == []
    assert admin.get(USERS, params={"cursor": "nonsense"}).status_code == 422


def test_others_learn_names_only_and_never_of_the_deactivated(browser_of, make_user, boss):
    gone = make_user("gone", is_active=False)
    browser = browser_of(make_user("ann"))
    page = browser.get(USERS, params={"inactive": True}).json()
    assert [each["name"] for each in page["items"]] == ["ann", "boss"]
    assert all(set(each) == {"id", "name", "display_name", "is_active"} for each in page["items"])
    assert set(browser.get(f"{USERS}/{boss.user_id}").json()) == {"id", "name", "display_name", "is_active"}
    assert browser.get(f"{USERS}/{gone.user_id}").status_code == 200  # authorship stays readable


def test_only_administrators_administrate_and_with_a_token_only_of_that_scope(browser_of, script_of, make_user, boss):
    ann = make_user()
    wishes = [
        ("POST", "", {"name": "new"}),
        ("PATCH", f"/{ann.user_id}", {"is_admin": True}),
        ("PATCH", f"/{boss.user_id}", {"is_active": False}),
        ("POST", f"/{boss.user_id}/login-link", None),
        ("DELETE", f"/{boss.user_id}/sessions", None),
    ]
    for client in (browser_of(ann), script_of(ann), script_of(boss, "read", "write")):
        for method, path, body in wishes:
            assert client.request(method, USERS + path, json=body).status_code == 403, (method, path)


def test_the_last_administrator_stays_one(admin, database, boss, make_user):
    for change in ({"is_admin": False}, {"is_active": False}):
        answer = admin.patch(f"{USERS}/{boss.user_id}", json=change)
        assert answer.status_code == 409
        assert "only administrator" in answer.json()["detail"]
    second = make_user()
    assert admin.patch(f"{USERS}/{second.user_id}", json={"is_admin": True}).json()["is_admin"] is True
    assert admin.patch(f"{USERS}/{boss.user_id}", json={"is_admin": False}).status_code == 200
    assert admin.patch(f"{USERS}/{second.user_id}", json={"is_admin": False}).status_code == 403  # no longer one


def test_an_administrator_logs_somebody_out_and_deactivates(admin, browser_of, database, make_user):
    ann = make_user()
    browser = browser_of(ann)
    assert admin.delete(f"{USERS}/{ann.user_id}/sessions").json() == {"ended": 1}
    assert browser.get("/api/v2/me").status_code == 401
    assert admin.patch(f"{USERS}/{ann.user_id}", json={"is_active": False}).json()["is_active"] is False
    assert admin.post(f"{USERS}/{ann.user_id}/login-link").status_code == 409
    with database.read() as session:
        assert session.get_one(User, ann.user_id).name == ann.name
    assert admin.patch(f"{USERS}/{ann.user_id}", json={"is_active": True}).status_code == 200
    assert admin.post(f"{USERS}/{ann.user_id}/login-link").status_code == 201


def test_somebody_unknown_is_not_found(admin):
    assert admin.get(f"{USERS}/999999").status_code == 404
    assert admin.patch(f"{USERS}/999999", json={}).status_code == 404
    assert admin.post(f"{USERS}/999999/login-link").status_code == 404
