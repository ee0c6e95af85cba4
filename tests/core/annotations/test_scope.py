"""Blind rules: every way to read annotations, for everybody, shows the same set of shapes and no trace of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exact_core.annotations.reader import ScopedReader
from exact_core.annotations.routes import router
from exact_core.api.annotations import Region
from exact_core.api.errors import TooLarge
from tests.core.annotations import wire_reader
from tests.core.annotations.conftest import Lab

WHOLE = {"x0": 0, "y0": 0, "x1": 20_000, "y1": 10_000}

EXPECTED = [
    ("cooperative", "ann", {"ann", "ben"}),
    ("cooperative", "viewer", {"ann", "ben"}),
    ("cooperative", "lead", {"ann", "ben"}),
    ("second_opinion", "ann", {"ann"}),
    ("second_opinion", "ben", {"ben"}),
    ("second_opinion", "viewer", set()),
    ("second_opinion", "lead", {"ann", "ben"}),
    ("second_opinion", "admin", {"ann", "ben"}),
    ("competitive", "ann", {"ann"}),
    ("competitive", "ben", {"ben"}),
    ("competitive", "viewer", set()),
    ("competitive", "lead", {"ann", "ben"}),
    ("competitive", "admin", {"ann", "ben"}),
]


@pytest.mark.parametrize(("mode", "who", "authors"), EXPECTED)
def test_every_reading_address_shows_exactly_the_visible_work(
    make_lab: Callable[..., Lab], mode: str, who: str, authors: set[str]
) -> None:
    lab = make_lab(mode=mode)
    drawn = {name: lab.draw(name, text=f"text of {name}") for name in ("ann", "ben")}
    visible = {drawn[name]["id"] for name in authors}
    people = {lab.people[name].user_id for name in authors}

    items = lab.get(who, "annotations", limit=10).json()["items"]
    assert {item["id"] for item in items} == visible
    other_ids = [lab.people["ann"].user_id, lab.people["ben"].user_id]
    filtered = lab.get(who, "annotations", author_id=other_ids).json()["items"]
    assert {item["id"] for item in filtered} == visible

    counts = lab.get(who, "annotation-counts").json()
    assert counts["total"] == len(visible)
    assert {each["author"]["id"] for each in counts["authors"]} == people
    assert sum(each["count"] for each in counts["counts"]) == len(visible)

    for scale in (None, 0.01):
        params = WHOLE if scale is None else WHOLE | {"scale": scale}
        view = wire_reader.read(lab.get(who, "annotation-view", **params).content)
        assert view.ids() == visible
        assert set(view.header["authors"]) == people

    for name, annotation in drawn.items():
        single = lab[who].get(f"/api/v2/annotations/{annotation['id']}")
        assert single.status_code == (200 if name in authors else 404)
        assert name in authors or f"text of {name}" not in single.text

    actor = lab.people[who]
    with lab.database.read() as session:
        reader = ScopedReader(session, actor)
        region = Region(lab.image_id, lab.image_set_id, 0, 0, 20_000, 10_000)
        assert sum(reader.count_by_type(region).values()) == len(visible)
        assert sum(sum(cell.values()) for cell in reader.grid_counts(region, 100).values()) == len(visible)
        assert sum(sum(cell.values()) for cell in reader.grid_counts(region, 2048).values()) == len(visible)
        counts = reader.image_counts(lab.image_set_id)
        assert sum(counts[lab.image_id].values()) == len(visible)
        assert counts[lab.image_id] == reader.count_by_type(region)
        shapes = reader.shapes(region)
        assert {shape.annotation_id for shape in shapes} == visible
        assert {shape.author_id for shape in shapes} == people
        assert {shape.type for shape in shapes} == set(reader.count_by_type(region))
        assert reader.shapes(Region(lab.image_id, lab.image_set_id, 9_000, 9_000, 9_100, 9_100)) == []
        if visible:
            with pytest.raises(TooLarge, match="more than 0 shapes"):
                reader.shapes(region, limit=0)
        everybodys = {annotation["id"] for annotation in drawn.values()}
        assert reader.seen(lab.image_id, {*everybodys, 0, 2**40}) == set(visible)


def test_a_summary_view_counts_own_work_only(make_lab: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch) -> None:
    from exact_core.annotations import views

    lab = make_lab(mode="competitive")
    for number in range(4):
        lab.draw("ann", number * 100, 10, number * 100 + 20, 30)
        lab.draw("ben", number * 100, 50, number * 100 + 20, 70)
    monkeypatch.setattr(views, "MAX_CENTROIDS", 2)
    counted = {}
    for who in ("ann", "lead"):
        view = wire_reader.read(lab.get(who, "annotation-view", **WHOLE, limit=2, scale=0.01).content)
        assert view.header["kind"] == "summary"
        counted[who] = int(view.arrays["count"].sum())
    assert counted == {"ann": 4, "lead": 8}


def test_views_of_two_blind_readers_never_share_an_etag(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    lab.draw("ann")
    tags = {who: lab.get(who, "annotation-view", **WHOLE).headers["etag"] for who in ("ann", "ben", "lead")}
    assert len(set(tags.values())) == 3


def _requests(lab: Lab, annotation_id: int) -> dict[str, dict[str, Any]]:
    image = f"/api/v2/images/{lab.image_id}"
    one = f"/api/v2/annotations/{annotation_id}"
    change = {"operations": [{"op": "delete", "id": annotation_id}]}
    return {
        "POST /api/v2/images/{image_id}/annotation-changes": {"url": f"{image}/annotation-changes", "json": change},
        "GET /api/v2/images/{image_id}/annotations": {"url": f"{image}/annotations"},
        "GET /api/v2/images/{image_id}/annotation-counts": {"url": f"{image}/annotation-counts"},
        "GET /api/v2/images/{image_id}/annotation-view": {"url": f"{image}/annotation-view", "params": WHOLE},
        "GET /api/v2/annotations/{annotation_id}": {"url": one},
        "PATCH /api/v2/annotations/{annotation_id}": {"url": one, "json": {"text": "x"}},
        "DELETE /api/v2/annotations/{annotation_id}": {"url": one},
        "GET /api/v2/images/{image_id}/undo-state": {"url": f"{image}/undo-state"},
        "POST /api/v2/images/{image_id}/undo": {"url": f"{image}/undo"},
        "POST /api/v2/images/{image_id}/redo": {"url": f"{image}/redo"},
    }


def test_a_stranger_finds_nothing_and_nobody_gets_in_without_logging_in(lab: Lab) -> None:
    annotation_id = lab.draw("ann")["id"]
    requests = _requests(lab, annotation_id)
    known = {f"{method} {route.path}" for route in router.routes for method in route.methods}
    assert known == requests.keys()  # a new address must be added here
    for name, request in requests.items():
        method = name.partition(" ")[0]
        stranger = lab["stranger"].request(method, **request)
        assert stranger.status_code == 404, name
        if "/images/" in name:
            elsewhere = request | {"url": request["url"].replace(f"/{lab.image_id}/", "/999/")}
            absent = lab["ann"].request(method, **elsewhere)
            assert absent.status_code == 404, name
            assert stranger.json()["detail"].replace(f" {lab.image_id} ", " 999 ") == absent.json()["detail"], name
        nobody = lab["stranger"].request(method, headers={"Authorization": "Bearer exact_no_token"}, **request)
        assert nobody.status_code == 401, name
    assert lab["ann"].get(f"/api/v2/annotations/{annotation_id}").json()["deleted"] is False


def test_an_image_that_was_deleted_hides_its_annotations(lab: Lab) -> None:
    from exact_core.storage.models import Image, now

    annotation_id = lab.draw("ann")["id"]
    with lab.database.write() as session:
        session.get_one(Image, lab.image_id).deleted_at = now()
    assert lab["ann"].get(f"/api/v2/annotations/{annotation_id}").status_code == 404
    assert lab.get("ann", "annotation-counts").status_code == 404
