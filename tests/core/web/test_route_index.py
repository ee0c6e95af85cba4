"""The index of routes answers as the framework does when it asks every route."""

from __future__ import annotations

import re

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from starlette.routing import BaseRoute, Match

from exact_core.app import core_routes
from exact_core.web.route_index import RouteIndex, _tree_of

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
VALUES = ("7", "new", "a b", "image-sets", "")


def entries(routes: list[BaseRoute], method: str, path: str) -> list[tuple[int, Match]]:
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": [], "query_string": b""}
    asked = ((place, route.matches(dict(scope))[0]) for place, route in enumerate(routes))
    return [(place, match) for place, match in asked if match is not Match.NONE]


def test_every_address_of_the_core_finds_all_entries_that_answer_it() -> None:
    routes = list(core_routes())
    tree = _tree_of(routes)
    templates = sorted({context.path or "" for context in iter_route_contexts(routes)})
    assert len(templates) > 150
    looked = 0
    for number, template in enumerate(templates):
        path = re.sub(r"\{[^}]*\}", VALUES[number % len(VALUES)], template)
        found = {place for place, _ in entries(routes, METHODS[number % len(METHODS)], path)}
        assert found <= set(tree.places(path.split("/"))), path
        looked += len(found)
    assert looked > len(templates) // 2, "most of these addresses are answered by something"


def test_only_few_entries_are_asked() -> None:
    routes = list(core_routes())
    tree = _tree_of(routes)
    for path in ("/api/v2/images/1/annotation-view", "/api/v2/image-sets/3/versions", "/image-sets/1/images/4"):
        assert len(tree.places(path.split("/"))) == 1
    assert tree.places(["", "nowhere", "at", "all"]) == ()


@pytest.fixture(scope="module")
def clients() -> tuple[TestClient, TestClient]:
    """The same routes with the index and without."""
    apps = []
    for indexed in (True, False):
        app = FastAPI()
        things, files = APIRouter(prefix="/things"), APIRouter()
        things.add_api_route("/new", lambda: "form", methods=["GET"])
        things.add_api_route("/{thing_id}", lambda thing_id: f"thing {thing_id}", methods=["GET"])
        things.add_api_route("/{thing_id}", lambda thing_id: f"changed {thing_id}", methods=["PUT"])
        things.add_api_route("/{number:int}/size", lambda number: number, methods=["GET"])
        files.add_api_route("/files/{where:path}", lambda where: f"file {where}", methods=["GET"])
        files.add_api_route("/things/{thing_id}", lambda thing_id: f"deleted {thing_id}", methods=["DELETE"])
        files.add_api_route("/tiles/{row}.{ending}", lambda row, ending: [row, ending], methods=["GET"])
        app.include_router(things)
        app.include_router(files)
        if indexed:
            app.router.middleware_stack = RouteIndex(app.router)
        apps.append(TestClient(app, follow_redirects=False))
    return apps[0], apps[1]


@pytest.mark.parametrize(
    "path",
    ["/things/new", "/things/5", "/things/5/", "/things/", "/things", "/things/5/size", "/things/five/size", "/files/",
     "/files/a/b.txt", "/files", "/tiles/3.png", "/tiles/3", "/", "//", "/things//size", "/things/a%2Fb", "/x",
     "/openapi.json"],
)  # fmt: skip
@pytest.mark.parametrize("method", METHODS)
def test_answers_are_those_of_the_plain_router(clients: tuple[TestClient, TestClient], method: str, path: str) -> None:
    ours, plain = (client.request(method, path) for client in clients)
    assert (ours.status_code, ours.text) == (plain.status_code, plain.text)
    assert ours.headers.get("location") == plain.headers.get("location")
    assert ours.headers.get("allow") == plain.headers.get("allow")


def test_addresses_below_a_root_path_are_found(clients: tuple[TestClient, TestClient]) -> None:
    for client in clients:
        below = TestClient(client.app, root_path="/exact")
        assert below.get("/exact/things/5").json() == "thing 5"
