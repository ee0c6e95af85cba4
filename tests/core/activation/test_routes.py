"""The addresses of plugins: what is listed for whom, what the gates let through, whom a failure is blamed on."""

from __future__ import annotations

import pytest
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.harness import Instance
from exact_sdk.pytest_plugin import Builder

from exact_core.api import API_VERSION
from tests.core.activation.conftest import COUNTS

ROUTED = """
    from typing import Annotated
    import time
    from fastapi import APIRouter, HTTPException
    from pydantic import BaseModel, ConfigDict
    from exact_core.api import *
    from exact_core.api.deps import *

    class Settings(BaseModel):
        model_config = ConfigDict(extra="forbid")
        minimum: int = 3

    class Answer(BaseModel):
        number: int

    router = APIRouter()
    whole = APIRouter()
    Own = Annotated[Settings, PluginSettings]

    @router.get("/minimum")
    def minimum(settings: Own, access: ImageSetAccess) -> dict[str, int]:
        return {"minimum": settings.minimum, "image_set": access.image_set_id}

    @router.get("/images/{image_id}/cells")
    def cells(image: ImageInSet, reader: Annotations) -> dict[str, int]:
        return {each.name: n for each, n in reader.count_by_type(Region.whole(image)).items()}

    @router.post("/reset")
    def reset(access: ImageSetAccess) -> Answer:
        access.require("routed.reset")
        return Answer(number=1)

    @router.get("/fails/{how}")
    def fails(how: str) -> Answer:
        if how == "bug":
            raise ZeroDivisionError("no")
        if how == "exit":
            raise SystemExit(4)
        if how == "http":
            raise HTTPException(418, "a teapot")
        if how == "plugin":
            raise PluginError(409, "too-early", "come back later")
        return "not an Answer"

    @router.get("/async-fails")
    async def async_fails() -> None:
        raise RuntimeError("in the loop")

    @whole.get("/version")
    def version(plugin: Plugin) -> dict[str, str]:
        return {"version": API_VERSION, "plugin": f"{plugin.name} in {plugin.files.parent.name}"}

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Routed", settings=Settings)

    @hookimpl
    def exact_routers():
        return [PluginRouter(router), PluginRouter(whole, Scope.INSTANCE)]

    @hookimpl
    def exact_permissions():
        return [Permission("routed.reset", "Reset", granted_to=(Role.REVIEWER, Role.MANAGER))]

    @hookimpl
    def exact_statistics(region, reader, settings):
        counts = reader.count_by_type(region)
        return [Statistic("routed.n", "Cells", sum(counts.values()), unit="cells", maximum=settings.minimum)]

    @hookimpl
    def exact_overlays(image):
        return [Overlay("routed.map", "Map", f"images/{image.id}/map.png", places=(OverlayPlace.NAVIGATOR,))]
"""


@pytest.fixture
def app(exact: Builder, fake_distributions: FakeDistributions) -> Instance:
    """An instance with the plugins ``routed`` and ``counts``."""
    fake_distributions.add("routed", ROUTED)
    fake_distributions.add("counts", COUNTS)
    return exact.start(plugins=["routed", "counts"])


def test_routes_of_a_plugin_answer_only_in_sets_where_it_is_on(app: Instance) -> None:
    on, off = app.image_set(), app.image_set()
    app.settings_for("routed", on, minimum=8)
    assert app.client.get(f"{app.routes('routed', on)}/minimum").json() == {"minimum": 8, "image_set": on}
    answer = app.client.get(f"{app.routes('routed', off)}/minimum")
    assert (answer.status_code, answer.json()["code"]) == (404, "plugin-not-enabled")
    assert "'routed' is not enabled here" in answer.json()["detail"]
    app.switch("routed", on, enabled=False)
    assert app.client.get(f"{app.routes('routed', on)}/minimum").status_code == 404


def test_routes_of_a_plugin_ask_who_it_is_and_what_they_may(app: Instance) -> None:
    image_set = app.image_set(plugins=["routed"])
    address = app.routes("routed", image_set)
    nobody = app.as_user()
    assert nobody.get(f"{address}/minimum").json()["code"] == "not-found"
    del nobody.headers["Authorization"]
    assert nobody.get(f"{address}/minimum").status_code == 401
    assert nobody.get(f"{app.routes('routed')}/version").status_code == 401
    answers = {
        role: app.as_user(role, image_set).post(f"{address}/reset").status_code
        for role in ("viewer", "annotator", "reviewer", "manager")
    }
    assert answers == {"viewer": 403, "annotator": 403, "reviewer": 200, "manager": 200}
    assert app.as_user().get(f"{app.routes('routed')}/version").json() == {
        "version": API_VERSION,
        "plugin": "routed in plugins",
    }


def test_an_image_of_another_set_is_not_reached_through_the_address(app: Instance) -> None:
    image_set, other = app.image_set(plugins=["routed"]), app.image_set(plugins=["routed"])
    image = app.image(image_set)
    app.annotate(image, "Cell", box=(10, 10, 20, 20))
    assert app.client.get(f"{app.routes('routed', image_set)}/images/{image}/cells").json() == {"Cell": 1}
    assert app.client.get(f"{app.routes('routed', other)}/images/{image}/cells").status_code == 404


@pytest.mark.allow_faults("routes fail on purpose")
@pytest.mark.parametrize("how", ["fails/bug", "fails/exit", "fails/answer", "async-fails"])
def test_an_error_in_a_route_names_the_plugin_and_is_recorded(app: Instance, how: str) -> None:
    image_set = app.image_set(plugins=["routed"])
    answer = app.client.get(f"{app.routes('routed', image_set)}/{how}")
    assert (answer.status_code, answer.json()["code"]) == (500, "plugin-failed")
    assert "'routed' failed" in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    fault = app.faults.recent("routed")[0]
    assert (fault.image_set_id, fault.place.startswith("GET ")) == (image_set, True)
    kept = app.client.get("/api/v2/plugin-faults?plugin=routed").json()
    assert [each["message"] for each in kept] == [fault.message]
    assert app.client.get("/healthz").status_code == 200


def test_an_answer_that_a_plugin_chooses_is_no_fault(app: Instance) -> None:
    address = app.routes("routed", app.image_set(plugins=["routed"]))
    assert app.client.get(f"{address}/fails/http").status_code == 418
    answer = app.client.get(f"{address}/fails/plugin")
    assert (answer.status_code, answer.json()["code"]) == (409, "too-early")
    assert app.client.post(f"{address}/minimum").status_code == 405
    assert app.client.get("/api/v2/image-sets/none/plugins/routed/minimum").status_code == 422


def test_the_list_of_plugins_tells_reasons_to_administrators_only(
    exact: Builder, fake_distributions: FakeDistributions
) -> None:
    fake_distributions.add("good")
    app = exact.start(plugins=["good"])
    row = app.client.get("/api/v2/plugins").json()[0]
    assert (row["name"], row["state"], row["distribution"], row["is_healthy"]) == ("good", "loaded", "exact-good", True)
    assert app.as_user().get("/api/v2/plugins").json()[0]["distribution"] == ""
    assert row["image_sets"] == 0
    on, gone = app.image_set(plugins=["good"]), app.image_set(plugins=["good"])
    app.client.delete(f"/api/v2/image-sets/{gone}")
    app.switch("good", app.image_set(plugins=["good"]), enabled=False)
    assert app.client.get("/api/v2/plugins").json()[0]["image_sets"] == 1
    assert app.as_user("manager", on).get("/api/v2/plugins").json()[0]["image_sets"] == 0
    assert app.as_user().get("/api/v2/plugin-faults").status_code == 403


def test_the_switches_of_a_set_are_read_by_members_and_changed_by_managers(app: Instance) -> None:
    image_set = app.image_set()
    address = f"/api/v2/image-sets/{image_set}/plugins"
    viewer, manager = app.as_user("viewer", image_set), app.as_user("manager", image_set)
    assert [row["name"] for row in viewer.get(address).json()] == ["counts", "routed"]
    assert viewer.put(f"{address}/counts", json={"enabled": True}).status_code == 403
    answer = manager.put(f"{address}/counts", json={"enabled": True, "settings": {"minimum": 5}}).json()
    assert (answer["is_running"], answer["settings"]) == (True, {"minimum": 5})
    assert viewer.get(f"{address}/counts").json() == answer
    wrong = manager.put(f"{address}/counts", json={"settings": {"minimum": "x"}})
    assert (wrong.status_code, "minimum" in wrong.json()["detail"]) == (422, True)
    assert manager.put(f"{address}/counts", json={"enabld": True}).status_code == 422
    assert manager.put(f"{address}/counts", json={"required": True}).status_code == 403
    assert app.switch("counts", image_set, required=True)["required"]
    assert manager.get(f"{address}/nonsense").status_code == 404
    assert app.as_user().get(address).status_code == 404


def test_a_token_that_may_only_read_switches_nothing(app: Instance) -> None:
    from exact_core.auth.credentials import make_token

    image_set = app.image_set()
    with app.services.database.write() as session:
        _, token = make_token(session, 1, "reading", ("read",), days=1)
    reader = app.as_user()
    reader.headers["Authorization"] = f"Bearer {token}"
    address = f"/api/v2/image-sets/{image_set}/plugins/counts"
    assert reader.get(address).status_code == 200
    assert reader.put(address, json={"enabled": True}).status_code == 403


def test_figures_and_overlays_of_plugins_are_those_of_the_images_set(app: Instance) -> None:
    image_set = app.image_set()
    image = app.image(image_set)
    app.annotate(image, "Cell", box=(10, 10, 20, 20))
    app.annotate(image, "Cell", point=(5000, 5000))
    address = f"/api/v2/images/{image}"
    assert app.client.get(f"{address}/statistics").json() == []
    app.settings_for("routed", image_set, minimum=9)
    whole = app.client.get(f"{address}/statistics").json()[0]
    assert (whole["plugin"], whole["id"], whole["value"], whole["maximum"]) == ("routed", "routed.n", 2, 9)
    part = app.client.get(f"{address}/statistics?x0=0&y0=0&x1=100&y1=100").json()[0]
    assert part["value"] == 1
    assert app.client.get(f"{address}/statistics?x0=9&x1=9").status_code == 422
    overlay = app.client.get(f"{address}/overlays").json()[0]
    assert overlay["url"] == f"{app.routes('routed', image_set)}/images/{image}/map.png"
    assert (overlay["places"], overlay["is_tiled"]) == (["navigator"], False)
    assert app.as_user().get(f"{address}/statistics").status_code == 404


def test_the_description_of_the_api_holds_the_routes_of_plugins_under_their_tag(app: Instance) -> None:
    paths = app.client.get("/api/openapi.json").json()["paths"]
    operation = paths["/api/v2/image-sets/{image_set_id}/plugins/routed/minimum"]["get"]
    assert "plugin:routed" in operation["tags"]
    assert "/api/v2/plugins/routed/version" in paths
