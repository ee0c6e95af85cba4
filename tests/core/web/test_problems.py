"""Everything that goes wrong has one shape."""

from __future__ import annotations

from typing import ClassVar

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from exact_core.api.errors import Conflict, PluginError, Refused, TooMany, Unauthenticated, Unavailable
from exact_core.web import problems


class Body(BaseModel):
    """Something to send."""

    number: int
    password: str = ""


class Stale(Conflict):
    """A conflict that carries the current state."""

    details: ClassVar = {"current": {"id": 1}}


RAISED = {
    "refused": Refused("locked region", plugin="screening"),
    "too-many": TooMany("Wait.", 7),
    "unauthenticated": Unauthenticated("Log in."),
    "stale": Stale("Somebody was faster."),
    "teapot": HTTPException(418, "short and stout", headers={"X-Pot": "1"}),
    "bug": RuntimeError("a secret"),
}


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI()
    problems.install(app)
    router = APIRouter()

    @router.get("/raise/{name}")
    def raise_it(name: str) -> None:
        raise RAISED[name]

    @router.post("/body")
    def take(body: Body) -> Body:
        return body

    @router.get("/api/v2/image-sets/7/plugins/demo/x")
    def in_set() -> None:
        raise PluginError(422, "demo-wrong", "No.")

    @router.get("/api/v2/plugins/demo/x")
    def in_instance() -> None:
        raise Unavailable("Not now.")

    app.include_router(router)
    return TestClient(app, raise_server_exceptions=False)


def test_a_refusal_names_the_plugin_and_its_reason(client):
    answer = client.get("/raise/refused")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank#change-refused",
        "title": "Conflict",
        "status": 409,
        "detail": "locked region",
        "code": "change-refused",
        "plugin": "screening",
    }


@pytest.mark.parametrize("path", ["/api/v2/image-sets/7/plugins/demo/x", "/api/v2/plugins/demo/x"])
def test_an_error_of_a_plugins_route_names_the_plugin(client, path):
    assert client.get(path).json()["plugin"] == "demo"


def test_waiting_and_logging_in_are_said_in_headers_too(client):
    wait = client.get("/raise/too-many")
    assert (wait.status_code, wait.headers["retry-after"], wait.json()["retry_after"]) == (429, "7", 7)
    assert client.get("/raise/unauthenticated").headers["www-authenticate"] == "Bearer"


def test_details_of_an_error_are_members_of_the_problem(client):
    assert client.get("/raise/stale").json()["current"] == {"id": 1}


def test_a_wrong_body_is_explained_without_repeating_it(client):
    answer = client.post("/body", json={"number": "many", "password": ["hunter2"]})
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "invalid"
    assert [each["location"] for each in body["errors"]] == ["body.number", "body.password"]
    assert "body.number: " in body["detail"]
    assert "hunter2" not in answer.text
    assert client.post("/body", content=b"{", headers={"content-type": "application/json"}).status_code == 422


def test_errors_of_the_framework_have_the_same_shape(client):
    assert client.get("/nothing").json() == {
        "type": "about:blank#not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at /nothing.",
        "code": "not-found",
    }
    wrong = client.delete("/body")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    pot = client.get("/raise/teapot")
    assert (pot.status_code, pot.json()["detail"], pot.headers["x-pot"]) == (418, "short and stout", "1")


def test_an_unexpected_error_tells_the_log_and_not_the_visitor(client, caplog):
    answer = client.get("/raise/bug")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "a secret" in caplog.text
