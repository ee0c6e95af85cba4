"""Other pages cannot act in a visitor's name."""

from __future__ import annotations

import shutil

import pytest
from fastapi.testclient import TestClient

from exact_core.app import create_app
from exact_core.auth import accounts
from exact_core.opening import close_services
from exact_core.settings import Settings

ME = "/api/v2/me"
CHANGE = {"display_name": "Changed"}


@pytest.fixture
def browser(browser_of, make_user):
    return browser_of(make_user("ann"))


def test_the_page_of_the_session_may_change_things(browser):
    assert browser.patch(ME, json=CHANGE).status_code == 200


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_without_the_pages_token_nothing_changes(browser, token):
    if token is None:
        del browser.headers["X-CSRF-Token"]
    else:
        browser.headers["X-CSRF-Token"] = token
    answer = browser.patch(ME, json=CHANGE)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert browser.get(ME).json()["display_name"] == "Ann"


def test_another_sessions_token_is_not_good_enough(browser, browser_of, make_user):
    browser.headers["X-CSRF-Token"] = browser_of(make_user()).headers["X-CSRF-Token"]
    assert browser.patch(ME, json=CHANGE).status_code == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:9999", "https://127.0.0.1:8000", "null", ""]
)
def test_a_foreign_origin_is_refused_even_with_the_token(browser, origin):
    browser.headers["Origin"] = origin
    assert browser.patch(ME, json=CHANGE).status_code == 403


@pytest.mark.parametrize("path", ["/api/v2/auth/login", "/api/v2/auth/login-link"])
def test_a_foreign_page_cannot_log_a_visitor_in(visitor, path):
    answer = visitor.post(path, json={"name": "a", "password": "b", "token": "c"}, headers={"Origin": "http://evil"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "[", "127.0.0.1.evil"]
)
def test_a_foreign_name_for_this_machine_is_refused_even_on_a_laptop(browser, host):
    answer = browser.get(ME, headers={"Host": host})
    assert answer.status_code == 403
    assert "EXACT_BASE_URL" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8123", "[::1]:8000", "192.168.1.20"])
def test_own_names_and_plain_addresses_are_answered(visitor, host):
    assert visitor.get("/healthz", headers={"Host": host}).status_code == 200


def test_an_access_token_needs_neither(script_of, make_user):
    script = script_of(make_user())
    assert script.patch(ME, json=CHANGE, headers={"Origin": "https://notebook.example"}).status_code == 200


def test_a_cookie_with_a_made_up_authorization_still_needs_the_token(browser):
    del browser.headers["X-CSRF-Token"]
    assert browser.patch(ME, json=CHANGE, headers={"Authorization": "Basic YTpi"}).status_code == 403
    # What looks like a token of ours replaces the cookie altogether.
    assert browser.patch(ME, json=CHANGE, headers={"Authorization": "Bearer exact_1_x"}).status_code == 401


def test_a_public_address_is_the_only_one_besides_loopback(tmp_path, sqlite_template):
    shutil.copyfile(sqlite_template, tmp_path / "exact.sqlite3")
    settings = Settings(
        data_dir=tmp_path / "data",
        database_url=f"sqlite:///{tmp_path / 'exact.sqlite3'}",
        base_url="https://exact.example",
        behind_https=True,
        secret_key="s" * 40,
    )
    app = create_app(settings, candidates=())
    client = TestClient(app, base_url="http://exact.example")
    assert client.get("/healthz").status_code == 200
    assert client.get("/healthz", headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "192.168.1.20"}).status_code == 403
    body = {"name": "nobody", "password": "x"}
    for origin, status in (("https://exact.example", 401), ("http://exact.example", 403)):
        answer = client.post("/api/v2/auth/login", json=body, headers={"Origin": origin})
        assert answer.status_code == status, origin
    with app.state.services.database.write() as session:
        link = accounts.issue_link(session, accounts.create_user(session, "ann"))
    answer = client.post("/api/v2/auth/login-link", json={"token": link.token})
    assert "secure" in answer.headers["set-cookie"].lower()
    app.state.services.kernel.faults.stop()
    close_services(app.state.services)
