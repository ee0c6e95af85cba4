"""Imports, exports and templates over ``/api/v2``, with jobs that run when the test says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from exact_core.exchange.receiving import remove_stale
from exact_core.jobs.runner import JobRunner
from exact_core.services import Services
from exact_core.storage.models import AnnotationImport, now
from tests.core.exchange.conftest import Desk

BODY = '{{ number }} {{ annotation.label }} {{ annotation.x | fixed(1) }} "{{ annotation.text }}"\n'


@pytest.fixture
def services(app: FastAPI) -> Services:
    """The parts of the application."""
    return app.state.services


@dataclass
class Web:
    """People at their programs, and a worker."""

    desk: Desk
    clients: dict[str, TestClient]
    services: Services

    def work(self) -> int:
        return JobRunner(self.services).run_waiting()

    def send(self, data: bytes, name: str = "file.geojson", who: str = "lead", **query: Any) -> Any:
        url = f"/api/v2/image-sets/{self.desk.image_set_id}/annotation-imports"
        return self.clients[who].post(url, params={"name": name, **query}, content=data)

    def looked_at(self, data: bytes, name: str = "file.geojson", who: str = "lead", **query: Any) -> Any:
        """An import whose preview is there."""
        answer = self.send(data, name, who, **query)
        assert answer.status_code == 201, answer.text
        self.work()
        return self.shown(answer.json()["id"], who)

    def shown(self, number: int, who: str = "lead") -> Any:
        return self.clients[who].get(f"/api/v2/annotation-imports/{number}").json()

    def act(self, number: int, what: str, who: str = "lead", **body: Any) -> Any:
        answer = self.clients[who].post(f"/api/v2/annotation-imports/{number}/{what}", json=body)
        assert answer.status_code == 200, answer.text
        self.work()
        return self.shown(number, who)

    def export(self, who: str = "lead", **wanted: Any) -> Any:
        url = f"/api/v2/image-sets/{self.desk.image_set_id}/annotation-exports"
        answer = self.clients[who].post(url, json=wanted)
        assert answer.status_code == 201, answer.text
        self.work()
        return self.clients[who].get(f"/api/v2/annotation-exports/{answer.json()['id']}").json()

    def content(self, export: Any, who: str = "lead") -> bytes:
        answer = self.clients[who].get(f"/api/v2/annotation-exports/{export['id']}/file")
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest.fixture
def make_web(
    make_desk: Callable[..., Desk], script_of: Callable[..., TestClient], services: Services
) -> Callable[..., Web]:
    """``make_web(images=2, mode="competitive")``."""

    def make(**more: Any) -> Web:
        desk = make_desk(**more)
        return Web(desk, {name: script_of(actor) for name, actor in desk.people.items()}, services)

    return make


def features(*labels: str, at: float = 100.0, ids: bool = False, **more: Any) -> bytes:
    found = []
    for place, label in enumerate(labels):
        x = at + place * 500
        ring = [[x, 100], [x + 300, 100], [x + 300, 250.5], [x, 250.5], [x, 100]]
        found.append(
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {"classification": {"name": label}},
                **({"id": f"00000000-0000-4000-8000-{place:012d}"} if ids else {}),
                **more,
            }
        )
    return json.dumps({"type": "FeatureCollection", "features": found}).encode()


def test_a_file_is_previewed_imported_and_taken_back(make_web: Callable[..., Web]) -> None:
    web = make_web()
    desk = web.desk
    looked = web.looked_at(features("Cell", "Cell", "Unknown", ids=True), who="ann")
    assert (looked["state"], looked["preview"]["format"], looked["preview"]["shapes"]) == ("ready", "geojson", 3)
    assert looked["preview"]["added"] == 2
    labels = {each["label"]: each for each in looked["preview"]["labels"]}
    assert labels["Cell"]["type_name"] == "Cell"
    assert "no annotation type is called so" in labels["Unknown"]["problem"]
    assert desk.rows() == []
    assert desk.revision() == 0

    again = web.act(looked["id"], "preview", "ann", labels={"Unknown": "Nucleus"})
    assert (again["preview"]["problems"], again["preview"]["added"]) == ([], 3)
    done = web.act(looked["id"], "start", "ann", labels={"Unknown": "Nucleus"}, run="model 7")
    assert (done["state"], done["result"]["added"]) == ("done", 3)
    assert len(desk.rows()) == 3
    assert desk.revision() == 1
    folder = web.services.blobs.path("imports")
    assert list(folder.iterdir()) == []

    moved = web.looked_at(features("Cell", at=700.25, ids=True), who="ann")
    assert (moved["preview"]["skipped"], moved["preview"]["added"]) == (1, 0)
    assert "different here" in json.dumps(moved["preview"]["report"])
    updated = web.act(moved["id"], "preview", "ann", on_duplicate="update")
    assert updated["preview"]["updated"] == 1
    assert web.act(moved["id"], "start", "ann", on_duplicate="update")["result"]["updated"] == 1
    assert max(row.box.x0 for row in desk.rows()) == 1100

    undone = web.act(moved["id"], "undo", "ann")
    assert (undone["state"], undone["result"]["undo"]["changed"]) == ("undone", 1)
    assert sorted(row.box.x0 for row in desk.rows()) == [100, 600, 1100]
    change = {"op": "update", "id": desk.rows()[0].id, "text": "looked at"}
    changes = f"/api/v2/images/{desk.images[0]}/annotation-changes"
    assert web.clients["lead"].post(changes, json={"operations": [change]}).status_code == 200
    gone = web.act(looked["id"], "undo", "lead")
    assert gone["result"]["undo"] == {
        "changed": 2,
        "skipped": [{"reason": "It was changed since, so it is left as it is now.", "count": 1}],
        "images": [{"image_id": desk.images[0], "revision": 5}],
    }
    assert len(desk.rows()) == 1


def test_what_is_wrong_is_told_in_the_preview(make_web: Callable[..., Web]) -> None:
    web = make_web(images=2)
    both = web.looked_at(features("Cell"))
    assert any("import it for one image" in each for each in both["preview"]["problems"])
    one = web.act(both["id"], "preview", image_id=web.desk.images[1])
    assert one["preview"]["problems"] == []
    assert one["preview"]["images"][0]["image_name"] == "slide-1"
    outside = web.looked_at(features("Cell", at=19_900), image_id=web.desk.images[0])
    assert outside["preview"]["report"]["refused_count"] == 0
    far = web.looked_at(features("Cell", "Cell", at=1e9), image_id=web.desk.images[0])
    assert any("outside of image" in each for each in far["preview"]["problems"])
    broken = web.looked_at(b'{"type": "FeatureCollection", "features": [{]}')
    assert broken["state"] == "failed"
    assert broken["message"]
    unknown = web.looked_at(b"\0\1\2 nothing at all", "x.bin")
    assert "not recognised" in unknown["message"]
    assert web.clients["lead"].post(f"/api/v2/annotation-imports/{broken['id']}/start", json={}).status_code == 409
    made = web.act(
        web.looked_at(features("Newt"), image_id=web.desk.images[0])["id"],
        "preview",
        image_id=web.desk.images[0],
        create_types_in=web.desk.product_id,
    )
    assert (made["preview"]["problems"], made["preview"]["labels"][0]["is_made"]) == ([], True)
    done = web.act(made["id"], "start", create_types_in=web.desk.product_id)
    assert done["result"]["created_types"] == ["Newt"]
    assert web.clients["lead"].delete(f"/api/v2/annotation-imports/{broken['id']}").status_code == 204


def test_a_y_axis_that_points_up_micrometres_and_double_ids_are_told(make_web: Callable[..., Web]) -> None:
    web = make_web()
    up = json.loads(features("Cell", "Nucleus"))
    for each in up["features"]:
        for vertex in each["geometry"]["coordinates"][0]:
            vertex[1] = -5_000 - vertex[1]
    shown = web.looked_at(json.dumps(up).encode())["preview"]
    assert "y axis points up" in shown["images"][0]["mend"]
    assert shown["problems"] == []
    double = json.loads(features("Cell", "Nucleus"))
    for each in double["features"]:
        each["id"] = "00000000-0000-4000-8000-000000000001"
    looked = web.looked_at(json.dumps(double).encode())
    assert any("got new ones" in each for each in looked["preview"]["report"]["warnings"])
    done = web.act(looked["id"], "start")
    assert any("got new ones" in each for each in done["result"]["report"]["warnings"])
    assert done["result"]["added"] == 2


def test_blind_readers_export_their_own_only_and_never_the_files_of_others(make_web: Callable[..., Web]) -> None:
    web = make_web(mode="competitive")
    desk = web.desk
    web.act(web.looked_at(features("Cell", ids=True), who="ann")["id"], "start", "ann")
    web.act(web.looked_at(features("Cell", "Nucleus"), who="reviewer")["id"], "start", "reviewer")
    everything = web.export(format="csv")
    assert web.content(everything).count(b"slide-0") == 3
    own = web.export("reviewer", format="csv")
    assert web.content(own, "reviewer").count(b"slide-0") == 2
    of_ann = web.export("reviewer", format="csv", author_ids=[desk.people["ann"].user_id])
    assert web.content(of_ann, "reviewer").count(b"slide-0") == 0
    for path in ("", "/file"):
        answer = web.clients["reviewer"].get(f"/api/v2/annotation-exports/{everything['id']}{path}")
        assert answer.status_code == 404
    sets = f"/api/v2/image-sets/{desk.image_set_id}"
    assert [each["id"] for each in web.clients["reviewer"].get(f"{sets}/annotation-exports").json()] == [
        of_ann["id"], own["id"],
    ]  # fmt: skip
    assert web.clients["ann"].post(f"{sets}/annotation-exports", json={"format": "csv"}).status_code == 403
    # an import does not tell of the ids that others have
    looked = web.looked_at(features("Cell", ids=True), who="reviewer")
    assert (looked["preview"]["added"], looked["preview"]["unchanged"]) == (1, 0)
    assert looked["preview"]["report"]["warnings"] == []
    tried = {"body": BODY, "image_id": desk.images[0]}
    shown = web.clients["reviewer"].post(f"{sets}/export-template-preview", json=tried).json()
    assert shown["annotations"] == 2
    assert web.clients["ann"].post(f"{sets}/export-template-preview", json=tried).status_code == 403


def test_exports_say_what_is_lost_and_are_of_a_version(make_web: Callable[..., Web]) -> None:
    web = make_web(images=2)
    desk = web.desk
    for image in desk.images:
        web.act(web.looked_at(features("Cell", "Nucleus"), image_id=image)["id"], "start")
    lead = web.clients["lead"]
    version = lead.post(f"/api/v2/image-sets/{desk.image_set_id}/versions", json={"name": "v1"}).json()
    web.work()
    first = web.content(web.export(format="geojson", version_id=version["id"]))
    assert lead.delete(f"/api/v2/images/{desk.images[1]}").status_code == 204
    again = web.export(format="geojson", version_id=version["id"])
    assert web.content(again) == first
    assert (again["file_name"], again["media_type"]) == ("slides-geojson.zip", "application/zip")
    voc = web.export(format="yolo", type_ids=[desk.types["Cell"]], image_ids=[desk.images[0]])
    assert voc["state"] == "done"
    voc = web.export(format="voc", shapes=["polygon"], image_ids=[desk.images[0]])
    assert web.content(voc).count(b"<object>") == 0  # they came as rectangles
    url = f"/api/v2/image-sets/{desk.image_set_id}/annotation-exports"
    assert lead.post(url, json={"format": "word"}).status_code == 422
    assert lead.post(url, json={"format": "csv", "image_ids": [10**6]}).status_code == 404
    assert lead.post(url, json={"format": "csv", "version_id": 10**6}).status_code == 404
    reviewer = web.clients["reviewer"]
    assert reviewer.post(url, json={"format": "csv", "private_names": True}).status_code == 403
    named = web.content(web.export(format="csv", private_names=True))
    assert b"Anna Muster" in named
    assert b"Anna Muster" not in web.content(web.export(format="csv"))
    assert lead.delete(f"/api/v2/annotation-exports/{again['id']}").status_code == 204
    assert lead.get(f"/api/v2/annotation-exports/{again['id']}/file").status_code == 404


def test_templates_of_sets_and_products_make_files(make_web: Callable[..., Web]) -> None:
    web = make_web()
    desk, lead = web.desk, web.clients["lead"]
    web.act(web.looked_at(features("Cell", "Nucleus"))["id"], "start")
    sets, product = f"/api/v2/image-sets/{desk.image_set_id}", f"/api/v2/products/{desk.product_id}"
    new = {"name": "Lines", "header": "{{ set.name }}\n", "body": BODY, "footer": "{{ number }} in all\n"}
    made = lead.post(f"{sets}/export-templates", json=new)
    assert made.status_code == 201, made.text
    template = made.json()
    exported = web.export(template_id=template["id"])
    assert exported["file_name"] == "slide-0.txt"
    assert web.content(exported).decode() == 'slides\n1 Cell 250.0 ""\n2 Nucleus 750.0 ""\n2 in all\n'
    wrong = {**new, "name": "Wrong", "body": "a\nb {{ annotation.labell }}\nc"}
    shown = lead.post(f"{sets}/export-template-preview", json=wrong).json()
    assert shown["problem"] == {
        "part": "body", "line": 2, "message": "there is no 'labell' here; use | default for what not every annotation "
        "has"
    }  # fmt: skip
    answer = lead.post(f"{sets}/export-templates", json={**new, "name": "Wrong", "body": "a\n{% if %}"})
    assert answer.status_code == 422
    assert "body, line 2" in answer.json()["detail"]
    assert lead.post(f"{sets}/export-templates", json=new).status_code == 409
    assert web.clients["ann"].post(f"{sets}/export-templates", json={**new, "name": "x"}).status_code == 403
    of_product = lead.post(f"{product}/export-templates", json={**new, "name": "Everywhere"}).json()
    assert [each["name"] for each in web.clients["reviewer"].get(f"{sets}/export-templates").json()] == [
        "Lines", "Everywhere",
    ]  # fmt: skip
    assert not web.clients["reviewer"].get(f"/api/v2/export-templates/{of_product['id']}").json()["may_edit"]
    changed = lead.put(f"/api/v2/export-templates/{of_product['id']}", json={**new, "name": "All", "scope": "image"})
    assert changed.json()["scope"] == "image"
    assert web.clients["ann"].delete(f"/api/v2/export-templates/{of_product['id']}").status_code == 403
    assert lead.delete(f"/api/v2/export-templates/{of_product['id']}").status_code == 204
    assert "annotation.label" in lead.get("/api/v2/export-template-placeholders").json()


def test_files_that_nobody_needs_go(make_web: Callable[..., Web]) -> None:
    web = make_web()
    looked = web.looked_at(features("Cell"))
    exported = web.export(format="csv")
    assert remove_stale(web.services) == 0
    from datetime import timedelta

    from exact_core.storage.models import AnnotationExport

    with web.desk.database.write() as session:
        for kind, number in ((AnnotationImport, looked["id"]), (AnnotationExport, exported["id"])):
            session.get_one(kind, number).created_at = now() - timedelta(days=30)
    remove_stale(web.services)
    assert web.clients["lead"].get(f"/api/v2/annotation-imports/{looked['id']}").status_code == 404
    assert list(web.services.blobs.path("imports").iterdir()) == []


def test_what_is_too_large_or_not_allowed_is_refused_before_it_is_read(make_web: Callable[..., Web]) -> None:
    web = make_web()
    assert web.send(features("Cell"), who="viewer").status_code == 403
    assert web.send(features("Cell"), who="stranger").status_code == 404
    assert web.send(b"").status_code == 422
    assert web.send(features("Cell"), name="\0").status_code == 422
    assert web.send(features("Cell"), format="word").status_code == 422
    assert web.send(features("Cell"), image_id=10**6).status_code == 404
    url = f"/api/v2/image-sets/{web.desk.image_set_id}/annotation-imports"
    huge = web.clients["lead"].post(url, params={"name": "a"}, content=b"x", headers={"Content-Length": str(10**12)})
    assert huge.status_code == 413
    assert not list(web.services.blobs.folder("imports").iterdir())
