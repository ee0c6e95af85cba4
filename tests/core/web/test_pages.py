from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from exact_core.api.context import Actor
from exact_core.app import create_app
from exact_core.auth import accounts
from exact_core.settings import Settings
from exact_core.storage.database import Database
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSet, Team, User

PAGE = {"Accept": "text/html"}
SECRET = "a long enough pass phrase"


def wait_until(is_true: Callable[[], bool]) -> None:
    """Other processes hear of a change within a second."""
    limit = time.monotonic() + 5
    while not is_true():
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.fixture
def client(settings: Settings, database: Database) -> Iterator[TestClient]:
    with TestClient(create_app(settings, ()), base_url="http://localhost") as client:
        yield client


@pytest.fixture
def login(client: TestClient, database: Database, make_user: Callable[..., Actor]) -> Callable[..., Actor]:
    def log_in(name: str = "ann", *, is_admin: bool = False) -> Actor:
        actor = make_user(name, is_admin=is_admin)
        with database.write() as session:
            user = session.get(User, actor.user_id)
            assert user is not None
            accounts.set_password(session, user, SECRET)
        answer = client.post("/api/v2/auth/login", json={"name": name, "password": SECRET})
        assert answer.status_code == 200, answer.text
        return actor

    return log_in


def test_a_stranger_is_sent_to_log_in_and_back(client: TestClient) -> None:
    answer = client.get("/image-sets/7?tag=a%26b", headers=PAGE, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fimage-sets%2F7%3Ftag%3Da%2526b"


def test_a_program_gets_a_problem_and_no_page(client: TestClient) -> None:
    answer = client.get("/admin/users", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_login_page_says_how_to_begin_while_nobody_has_an_account(
    client: TestClient, make_user: Callable[..., Actor]
) -> None:
    assert "exact user create" in client.get("/login").text
    make_user("ann")
    assert "exact user create" not in client.get("/login").text


def test_the_page_of_a_one_time_link_sends_its_address_nowhere(client: TestClient) -> None:
    answer = client.get("/login/link/abc")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_every_inline_script_of_a_page_carries_the_nonce(client: TestClient, login: Callable[..., Actor]) -> None:
    login()
    answer = client.get("/", headers=PAGE)
    nonce = re.search(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
    assert nonce is not None
    inline = re.findall(r"<script(?![^>]*src=)([^>]*)>", answer.text)
    assert len(inline) == 3
    assert all(f'nonce="{nonce[1]}"' in tag or 'type="application/json"' in tag for tag in inline)
    assert " style=" not in answer.text
    assert not re.search(r"\son[a-z]+=", answer.text)


def test_names_cannot_break_out_of_a_page(client: TestClient, database: Database, login: Callable[..., Actor]) -> None:
    login(is_admin=True)
    evil = "</script><img src=x>\"'&"
    with database.write() as session:
        team = Team(name="Lab", folded_name="lab")
        session.add(team)
        session.flush()
        image_set = ImageSet(team_id=team.id, name=evil, description=evil)
        session.add(image_set)
        session.flush()
        address = f"/image-sets/{image_set.id}"
        raise_epoch(session, "access")
    wait_until(lambda: client.get(address, headers=PAGE).status_code == 200)
    text = client.get(address, headers=PAGE).text
    assert "<img src=x>" not in text
    assert "</script><img" not in text


def test_a_set_of_others_is_not_there(client: TestClient, database: Database, login: Callable[..., Actor]) -> None:
    login()
    with database.write() as session:
        team = Team(name="Others", folded_name="others")
        session.add(team)
        session.flush()
        image_set = ImageSet(team_id=team.id, name="Hidden name")
        session.add(image_set)
        session.flush()
        address = f"/image-sets/{image_set.id}"
    answer = client.get(address, headers=PAGE)
    assert answer.status_code == 404
    assert "Hidden name" not in answer.text
    assert answer.text.replace(address, "") == answer.text


@pytest.mark.parametrize("address", ["/admin/users", "/admin/system", "/admin/nothing", "/api/v2/system"])
def test_only_administrators_open_the_administration(
    client: TestClient, login: Callable[..., Actor], address: str
) -> None:
    login()
    assert client.get(address, headers=PAGE).status_code == 403


def test_the_state_of_the_instance_is_told_to_administrators(
    client: TestClient, database: Database, login: Callable[..., Actor]
) -> None:
    login(is_admin=True)
    answer = client.get("/api/v2/system").json()
    assert answer["database"]["engine"] == database.dialect
    assert answer["database"]["size_bytes"] > 10_000
    assert re.fullmatch(r"\d+(\.\d+)+", answer["database"]["version"])
    assert answer["database"]["revision"]
    assert 0 < answer["disk"]["free_bytes"] <= answer["disk"]["total_bytes"]
    assert answer["counts"]["users"] == 1


def test_an_unknown_page_of_a_set_and_of_the_administration_is_not_found(
    client: TestClient, login: Callable[..., Actor]
) -> None:
    login(is_admin=True)
    assert client.get("/admin/nothing", headers=PAGE).status_code == 404
    assert client.get("/nothing", headers=PAGE).status_code == 404
