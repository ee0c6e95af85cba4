"""Logging in and out, over HTTP on the whole application."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from exact_core.api.context import Actor
from exact_core.auth import accounts
from exact_core.auth.keys import SESSION_COOKIE
from exact_core.storage.models import LoginLink, LoginSession, LoginThrottle, User, now

PASSWORD = "four words in a row"


@pytest.fixture
def ann(database) -> Actor:
    with database.write() as session:
        user = accounts.create_user(session, "Ann")
        accounts.set_password(session, user, PASSWORD)
        return Actor(user.id, user.name, user.display_name)


def log_in(visitor, name="Ann", password=PASSWORD):
    return visitor.post("/api/v2/auth/login", json={"name": name, "password": password})


def link_for(database, actor, **values) -> str:
    with database.write() as session:
        return accounts.issue_link(session, session.get_one(User, actor.user_id), **values).token


def test_name_and_password_open_a_session_with_a_careful_cookie(visitor, ann):
    answer = log_in(visitor, "aNN")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie  # plain http on a laptop
    assert answer.headers["cache-control"] == "no-store"
    assert visitor.get("/api/v2/me").json()["name"] == "Ann"


def test_the_database_holds_neither_password_nor_session_key(visitor, database, ann):
    key = log_in(visitor).cookies[SESSION_COOKIE]
    with database.read() as session:
        row = session.scalars(select(LoginSession)).one()
        user = session.get_one(User, ann.user_id)
        assert row.key_hash not in key
        assert key.partition(".")[0] not in row.key_hash
        assert user.password_hash.startswith("$argon2id$")
        assert PASSWORD not in user.password_hash


def test_a_known_and_an_unknown_name_get_the_same_answer(visitor, ann):
    known = log_in(visitor, "Ann", "wrong words here")
    unknown = log_in(visitor, "Nobody", "wrong words here")
    assert known.status_code == unknown.status_code == 401
    assert known.json() == unknown.json()


def test_somebody_without_password_or_deactivated_gets_that_answer_too(visitor, database, make_user):
    make_user("fresh")
    make_user("gone", is_active=False)
    answers = [log_in(visitor, name).json() for name in ("fresh", "gone", "nobody")]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["status"] == 401


def test_guessing_is_slowed_down_per_name_alike_for_unknown_names(visitor, ann):
    for name in ("Nobody", "Ann"):
        codes = [log_in(visitor, name, f"guess number {n}").status_code for n in range(6)]
        assert codes == [401] * 5 + [429], name
    blocked = log_in(visitor)
    assert blocked.status_code == 429  # even with the right password: a guess must not tell
    assert int(blocked.headers["retry-after"]) == blocked.json()["retry_after"] >= 1


def test_the_wait_grows_and_ends(visitor, database, ann):
    for n in range(5):
        log_in(visitor, "Ann", f"guess number {n}")
    waits = []
    for n in range(3):
        with database.write() as session:
            for row in session.scalars(select(LoginThrottle)):
                if row.blocked_until is not None:
                    waits.append(row.blocked_until - row.last_failure_at)
                    row.blocked_until = now() - timedelta(seconds=1)
        assert log_in(visitor, "Ann", f"more guesses {n}").status_code == 401
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]
    with database.write() as session:
        for row in session.scalars(select(LoginThrottle)):
            row.blocked_until = None
    assert log_in(visitor).status_code == 200
    with database.read() as session:
        failures = list(session.scalars(select(LoginThrottle.failures)))
        assert len(failures) == 1  # the name's is forgotten, the address' stays


def test_no_name_or_address_is_readable_in_the_throttle(visitor, database, ann):
    log_in(visitor, "Ann", "wrong words here")
    with database.read() as session:
        keys = list(session.scalars(select(LoginThrottle.key)))
    assert len(keys) == 2
    assert all(len(key) == 64 and "ann" not in key for key in keys)


def test_a_login_link_works_once(visitor, database, ann):
    token = link_for(database, ann)
    answer = visitor.post("/api/v2/auth/login-link", json={"token": token})
    assert answer.status_code == 200
    assert answer.json()["has_password"] is True
    assert visitor.get("/api/v2/me").status_code == 200
    visitor.cookies.clear()
    again = visitor.post("/api/v2/auth/login-link", json={"token": token})
    assert again.status_code == 401
    assert "already used" in again.json()["detail"]


def test_links_expire_replace_each_other_and_are_kept_as_hashes(visitor, database, ann):
    old, new = link_for(database, ann), link_for(database, ann)
    assert visitor.post("/api/v2/auth/login-link", json={"token": old}).status_code == 401
    with database.write() as session:
        assert not session.scalars(select(LoginLink).where(LoginLink.token_hash.in_([old, new]))).all()
        session.query(LoginLink).update({"expires_at": now()})
    assert visitor.post("/api/v2/auth/login-link", json={"token": new}).status_code == 401


def test_guessing_links_is_slowed_down_by_address(visitor, database, ann):
    codes = [visitor.post("/api/v2/auth/login-link", json={"token": f"guess{n}"}).status_code for n in range(32)]
    assert set(codes[:30]) == {401}
    assert codes[-1] == 429


def test_logging_out_ends_the_session_and_clears_the_cookie(visitor, database, ann):
    token = log_in(visitor).json()["csrf_token"]
    key = visitor.cookies[SESSION_COOKIE]
    answer = visitor.post("/api/v2/auth/logout", headers={"X-CSRF-Token": token})
    assert answer.status_code == 204
    assert SESSION_COOKIE not in visitor.cookies
    visitor.cookies.set(SESSION_COOKIE, key)
    assert visitor.get("/api/v2/me").status_code == 401
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(LoginSession)) == 0


def test_deactivating_ends_everything_at_once(app, database, browser_of, script_of, make_user):
    ann = make_user()
    browser, script = browser_of(ann), script_of(ann)
    link = link_for(database, ann)
    assert browser.get("/api/v2/me").status_code == script.get("/api/v2/me").status_code == 200
    with app.state.services.database.write() as session:
        accounts.set_active(session, session.get_one(User, ann.user_id), False)
    assert browser.get("/api/v2/me").status_code == script.get("/api/v2/me").status_code == 401
    assert browser.post("/api/v2/auth/login-link", json={"token": link}).status_code == 401


def test_the_first_administrator_gets_a_link_until_somebody_can_administrate(database):
    with database.write() as session:
        link = accounts.first_administrator_link(session)
        assert link is not None
        admin = accounts.user_named(session, "admin")
        assert admin.is_admin
        assert admin.password_hash is None
    with database.write() as session:
        again = accounts.first_administrator_link(session)
        assert again is not None
        assert again.token != link.token
        accounts.set_password(session, accounts.user_named(session, "admin"), PASSWORD)
    with database.write() as session:
        assert accounts.first_administrator_link(session) is None
        assert session.scalar(select(func.count()).select_from(User)) == 1
