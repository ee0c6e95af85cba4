"""A broken plugin cannot take the core down: each kind leaves a working server and an honest row."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.harness import Instance
from exact_sdk.pytest_plugin import Builder
from starlette.testclient import TestClient

from exact_core.app import create_app
from exact_core.kernel.discovery import discover
from exact_core.settings import Settings

HEAD = "from exact_core.api import *\n"
GOOD = HEAD + "@hookimpl\ndef exact_plugin_info():\n    return PluginInfo('Good')\n"
BAD_MODEL = """
    from fastapi import APIRouter
    from exact_core.api import *

    class Odd:
        @classmethod
        def __get_pydantic_core_schema__(cls, source, handler):
            from pydantic_core import core_schema
            return core_schema.no_info_plain_validator_function(lambda value: value)

    router = APIRouter()

    @router.get("/odd")
    def odd() -> Odd: ...

    @hookimpl
    def exact_routers():
        return [PluginRouter(router)]
"""
BAD_SCHEMA = """
    from sqlalchemy import Column, Integer, MetaData, Table
    from exact_core.api import *

    metadata = MetaData()
    Table("image", metadata, Column("id", Integer, primary_key=True))

    @hookimpl
    def exact_schema():
        return PluginSchema(metadata, "exact_broken")
"""
PENDING = """
    from sqlalchemy import Column, Integer, MetaData, Table
    from exact_core.api import *

    metadata = MetaData()
    Table("broken_note", metadata, Column("id", Integer, primary_key=True))

    @hookimpl
    def exact_schema():
        return PluginSchema(metadata, "exact_broken.migrations")
"""
REVISION = "revision = '0001'\ndown_revision = None\ndef upgrade(): ...\ndef downgrade(): ...\n"

KINDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "import error": ({"source": "import a_library_that_is_missing"}, "import_failed", "a_library_that_is_missing"),
    "exit": ({"source": "import sys\nsys.exit(1)"}, "import_failed", "sys.exit"),
    "assertion": ({"source": "assert False, 'half moon'"}, "import_failed", "half moon"),
    "wrong version": ({"source": GOOD, "requires": ["exact-core>=99"]}, "incompatible", "exact-core >=99"),
    "unknown hook": ({"source": HEAD + "@hookimpl\ndef exact_statistic(): ..."}, "invalid", "did you mean"),
    "wrong argument": ({"source": HEAD + "@hookimpl\ndef exact_overlays(img): ..."}, "invalid", "asks for 'img'"),
    "async hook": ({"source": HEAD + "@hookimpl\nasync def exact_overlays(): ..."}, "invalid", "async"),
    "wrapper": (
        {"source": "import pluggy\n@pluggy.HookimplMarker('exact')(wrapper=True)\ndef exact_overlays(): yield"},
        "invalid",
        "wrapper",
    ),
    "bad router": ({"source": BAD_MODEL}, "invalid", "JsonSchema"),
    "bad schema": ({"source": BAD_SCHEMA}, "invalid", "must start with 'broken_'"),
    "missing migration": (
        {"source": PENDING, "files": {"migrations/__init__.py": "", "migrations/0001_first.py": REVISION}},
        "pending_migration",
        "exact db upgrade",
    ),
    "contribution that raises": (
        {"source": HEAD + "@hookimpl\ndef exact_permissions(): return 1 / 0"},
        "invalid",
        "ZeroDivisionError",
    ),
}


@pytest.fixture
def start(exact: Builder, fake_distributions: FakeDistributions, tmp_path: Any) -> Any:
    """``start()`` runs the application with every throw-away distribution, broken ones too."""
    healthy = exact.start()

    def run() -> tuple[Instance, TestClient]:
        settings: Settings = healthy.services.settings
        app = create_app(settings, discover([str(fake_distributions.folder)]))
        client = TestClient(app, base_url="http://127.0.0.1", headers=healthy.client.headers)
        return healthy, client

    return run


def rows(client: TestClient) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in client.get("/api/v2/plugins").json()}


def check_the_core_works(healthy: Instance, client: TestClient) -> None:
    """Look, draw, describe: what people need although a plugin is broken."""
    assert client.get("/healthz").status_code == 200
    image_set = healthy.image_set()
    image = healthy.image(image_set)
    healthy.annotate(image, "Cell", box=(1, 1, 9, 9), client=client)
    assert len(annotations(client, image)) == 1
    assert client.get(f"/api/v2/images/{image}/statistics").status_code == 200
    assert client.get("/api/openapi.json").status_code == 200


def named(value: Any, name: str) -> Any:
    """The parts of a distribution, under another name than ``broken``."""
    if isinstance(value, dict):
        return {key: named(each, name) for key, each in value.items()}
    return value.replace("broken", name) if isinstance(value, str) else value


def test_broken_plugins_leave_a_working_server_and_honest_rows(
    start: Any, fake_distributions: FakeDistributions
) -> None:
    """Every kind at once: whatever one of them took down would be missing below."""
    names = {kind: f"broken_{number}" for number, kind in enumerate(KINDS)}
    for kind, name in names.items():
        fake_distributions.add(name, **named(KINDS[kind][0], name))
    fake_distributions.add("good", GOOD)
    healthy, client = start()
    with client:
        found = rows(client)
        assert found["good"]["state"] == "loaded"
        check_the_core_works(healthy, client)
        image_set = healthy.image_set()
        for kind, name in names.items():
            _, state, reason = KINDS[kind]
            reason = named(reason, name)
            assert found[name]["state"] == state, kind
            assert reason in found[name]["reason"], kind
            assert not found[name]["is_healthy"], kind
            refused = client.put(f"/api/v2/image-sets/{image_set}/plugins/{name}", json={"enabled": True})
            assert (refused.status_code, reason in refused.json()["detail"]) == (422, True), kind
        allowed = client.put(f"/api/v2/image-sets/{image_set}/plugins/good", json={"enabled": True})
        assert allowed.json()["is_running"]


def test_a_name_that_two_distributions_claim_leaves_a_working_server(
    start: Any, fake_distributions: FakeDistributions
) -> None:
    fake_distributions.add("twin", GOOD, distribution="lab-a", package="lab_a")
    fake_distributions.add("twin", GOOD, distribution="lab-b", package="lab_b")
    healthy, client = start()
    with client:
        row = rows(client)["twin"]
        assert (row["state"], "lab-a" in row["reason"], "lab-b" in row["reason"]) == ("conflict", True, True)
        check_the_core_works(healthy, client)


RAISES = (
    HEAD
    + """
@hookimpl
def exact_startup(context): raise RuntimeError("startup")
@hookimpl
def exact_shutdown(context): raise RuntimeError("shutdown")
@hookimpl
def exact_image_sources(path): raise RuntimeError("sources")
@hookimpl
def exact_overlays(image): raise SystemExit("overlays")
@hookimpl
def exact_statistics(region): raise AssertionError("statistics")
@hookimpl
def exact_annotations_changing(changes): raise RuntimeError("changing")
@hookimpl
def exact_annotations_changed(changes): raise RuntimeError("changed")
"""
)


@pytest.mark.allow_faults("every hook of the plugin raises")
def test_a_plugin_that_raises_in_every_hook_stops_nothing(
    exact: Builder, fake_distributions: FakeDistributions
) -> None:
    fake_distributions.add("raising", RAISES)
    fake_distributions.add("good", GOOD)
    app = exact.start(plugins=["raising", "good"])
    image_set = app.image_set(plugins=["raising"])
    image = app.image(image_set)
    app.annotate(image, "Cell", box=(1, 1, 9, 9))
    assert app.client.get(f"/api/v2/images/{image}/overlays").json() == []
    assert app.client.get(f"/api/v2/images/{image}/statistics").json() == []
    places = {fault.place for fault in app.faults.recent("raising")}
    assert places == {
        "exact_startup",
        "exact_overlays",
        "exact_statistics",
        "exact_annotations_changing",
        "exact_annotations_changed",
    }
    kept = app.client.get("/api/v2/plugin-faults?plugin=raising").json()
    assert {fault["place"] for fault in kept} == places
    assert {row["name"]: row["faults"] for row in app.client.get("/api/v2/plugins").json()} == {"good": 0, "raising": 5}


@pytest.mark.allow_faults("the guard fails on purpose")
def test_a_required_plugin_that_fails_stops_the_save_and_a_refusal_is_read_by_the_user(
    exact: Builder, fake_distributions: FakeDistributions
) -> None:
    guard = """
    @hookimpl
    def exact_annotations_changing(changes):
        if any(change.after and change.after.box[0] == 13 for change in changes):
            raise Refused("nothing may start at 13")
        if any(change.after and change.after.box[0] == 99 for change in changes):
            raise RuntimeError("a bug")
    """
    fake_distributions.add("strict", "from exact_core.api import *\n" + guard.replace("\n    ", "\n"))
    app = exact.start(plugins=["strict"])
    image_set = app.image_set(plugins=["strict"])
    image = app.image(image_set)

    def draw(x: int) -> Any:
        operation = {
            "op": "create",
            "uuid": str(uuid4()),
            "type_id": app.annotation_type(image_set, "Cell"),
            "geometry": {"shape": "box", "points": [[x, 1], [x + 5, 9]]},
        }
        return app.client.post(f"/api/v2/images/{image}/annotation-changes", json={"operations": [operation]})

    refused = draw(13)
    assert (refused.status_code, refused.json()["code"]) == (409, "change-refused")
    assert "nothing may start at 13" in refused.json()["detail"]
    assert draw(99).status_code < 300
    app.switch("strict", image_set, required=True)
    stopped = draw(99)
    assert (stopped.status_code, "'strict' is required" in stopped.json()["detail"]) == (503, True)
    app.switch("strict", image_set, required=False)
    assert draw(99).status_code < 300
    assert len(annotations(app.client, image)) == 2


def annotations(client: TestClient, image: int) -> list[Any]:
    found: list[Any] = client.get(f"/api/v2/images/{image}/annotations").json()["items"]
    return found
