"""The list of a set's images: pages, filters, counts, neighbours, changes, and what they cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, text

from exact_core.api.context import Actor
from exact_core.images import listing
from exact_core.services import Services
from exact_core.storage.models import AnnotationSummary, Image, ImagePin, Job
from tests.statements import statements_of

MANY = 10_000


@pytest.fixture
def many(services: Services, image_set: int) -> int:
    """A set of ten thousand plain pictures."""
    rows = [
        {
            "image_set_id": image_set,
            "name": f"261122-1200-{number:04x}",
            "private_name": f"Smith {number}.png",
            "position": number,
            "file_path": f"/nowhere/{number}.png",
            "is_external": True,
            "status": "unreadable" if number % 100 == 0 else "ready",
        }
        for number in range(MANY)
    ]
    with services.database.write() as session:
        session.execute(insert(Image), rows)
        if services.database.dialect == "postgresql":
            session.execute(text("ANALYZE image"))
    return image_set


def walk(api: TestClient, address: str) -> list[dict]:
    items: list[dict] = []
    cursor = ""
    while True:
        page = api.get(f"{address}{'&' if '?' in address else '?'}limit=500&cursor={cursor}").json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def test_every_image_of_ten_thousand_is_listed_once_in_order(api: TestClient, many: int):
    for order in ("position", "name", "newest"):
        names = [item["name"] for item in walk(api, f"/api/v2/image-sets/{many}/images?order={order}")]
        assert names == sorted(names, reverse=order == "newest")
        assert len(set(names)) == MANY


def test_a_page_costs_the_same_few_queries_at_every_size_and_place(api: TestClient, services: Services, many: int):
    costs = []
    cursor = ""
    for limit in (10, 500):
        with statements_of(services.database.engine, beginnings=False) as statements:
            page = api.get(f"/api/v2/image-sets/{many}/images?limit={limit}&cursor={cursor}").json()
        assert len(page["items"]) == limit
        cursor = page["next_cursor"]
        costs.append(len(statements))
    assert max(costs) <= 20
    assert costs[1] <= costs[0]


def test_a_page_walks_the_index_and_sorts_nothing(services: Services, manager: Actor, many: int):
    wanted = listing.ImageFilter(many)
    cursor = ""
    with services.database.read() as session:
        for _ in range(3):
            cursor = listing.page(session, manager, wanted, cursor, 500).next_cursor or ""
        with statements_of(services.database.engine, beginnings=False) as statements:
            listing.page(session, manager, wanted, cursor, 100)
        bind = session.get_bind()
        key = listing._read_cursor(listing.Order.POSITION, cursor)
        query = listing._ordered(
            select(Image).where(*listing.conditions(wanted, manager), listing._after(listing.Order.POSITION, key)),
            listing.Order.POSITION,
        ).limit(101)
        compiled = str(query.compile(bind, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN QUERY PLAN " if bind.dialect.name == "sqlite" else "EXPLAIN "
        plan = "\n".join(str(row) for row in session.execute(text(explain + compiled.replace(":", "\\:"))))
    assert len(statements) == 1
    assert "ix_image_set_position" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan.replace("Presorted", "").replace("Incremental Sort", "Sort") or "Index Scan" in plan


def test_filters_and_counts_agree(api: TestClient, services: Services, manager: Actor, many: int):
    address = f"/api/v2/image-sets/{many}/images"
    assert api.get(address).json()["counts"] == {"ready": 9900, "unreadable": 100, "probing": 0, "converting": 0}
    assert api.get(f"{address}?status=unreadable").json()["total"] == 100
    assert api.get(f"{address}?q=1200-00ff").json()["total"] == 1
    assert api.get(f"{address}?q=%25").json()["total"] == 0
    with services.database.read() as session:
        ids = session.scalars(select(Image.id).where(Image.image_set_id == many).order_by(Image.id).limit(30)).all()
    body = {"action": "tag", "image_ids": ids[:20], "tags": ["Tumour", " two  words "]}
    assert api.post(f"/api/v2/image-sets/{many}/image-actions", json=body).json() == {"changed": 20}
    body = {"action": "untag", "image_ids": ids[:5], "tags": ["TUMOUR"]}
    api.post(f"/api/v2/image-sets/{many}/image-actions", json=body)
    assert api.get(f"{address}?tag=tumour").json()["total"] == 15
    assert api.get(f"{address}?tag=tumour&tag=two words").json()["total"] == 15
    assert api.get(f"/api/v2/image-sets/{many}/image-tags").json() == [
        {"name": "Tumour", "images": 15},
        {"name": "two words", "images": 20},
    ]
    assert api.put(f"/api/v2/images/{ids[0]}/pin").status_code == 204
    assert api.put(f"/api/v2/images/{ids[0]}/pin").status_code == 204
    assert [item["id"] for item in api.get(f"{address}?pinned=true").json()["items"]] == [ids[0]]
    assert api.get(f"{address}?pinned=false").json()["total"] == MANY - 1
    with services.database.write() as session:
        summary = {"z": 0, "t": 0, "c": -1, "type_id": 1, "cell": 0, "n": 3}
        session.add(AnnotationSummary(image_id=ids[3], author_id=manager.user_id, **summary))
    found = api.get(f"{address}?annotated=true").json()
    assert [(item["id"], item["annotations"]) for item in found["items"]] == [(ids[3], 3)]
    assert api.get(f"{address}?annotated=false").json()["total"] == MANY - 1


def test_in_a_blind_set_nobody_learns_of_the_others_annotations(
    services: Services,
    api_of: Callable[[Actor], TestClient],
    make_user: Callable[..., Actor],
    make_image_set: Callable[..., int],
    make_image: Callable[..., int],
):
    ann, ben = make_user("ann"), make_user("ben")
    image_set = make_image_set(roles={ann: "annotator", ben: "annotator"}, mode="competitive")
    image = make_image(image_set)
    with services.database.write() as session:
        summary = {"z": 0, "t": 0, "c": -1, "type_id": 1, "cell": 0, "n": 3}
        session.add(AnnotationSummary(image_id=image, author_id=ann.user_id, **summary))
    address = f"/api/v2/image-sets/{image_set}/images"
    assert api_of(ann).get(f"{address}?annotated=true").json()["total"] == 1
    assert api_of(ben).get(f"{address}?annotated=true").json()["total"] == 0
    assert api_of(ben).get(f"/api/v2/images/{image}").json()["annotations"] == 0


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJwb3NpdGlvbiIsIngiLDFd", "WyJuYW1lIiwieCIsMF0"])
def test_a_foreign_cursor_is_refused(api: TestClient, image_set: int, cursor: str):
    assert api.get(f"/api/v2/image-sets/{image_set}/images?cursor={cursor}").status_code == 422


def test_neighbours_follow_the_same_filter(api: TestClient, image_set: int, make_image: Callable[..., int]):
    ids = [make_image(image_set, status=status) for status in ("ready", "unreadable", "ready", "ready")]
    around = api.get(f"/api/v2/images/{ids[2]}/neighbours?status=ready").json()
    assert (around["previous"]["id"], around["next"]["id"]) == (ids[0], ids[3])
    assert (around["number"], around["total"]) == (2, 3)
    first = api.get(f"/api/v2/images/{ids[0]}/neighbours").json()
    assert (first["previous"], first["next"]["id"], first["number"]) == (None, ids[1], 1)


def test_the_bin_hides_images_until_they_are_restored(
    api: TestClient,
    api_of: Callable[[Actor], TestClient],
    viewer: Actor,
    services: Services,
    image_set: int,
    make_image: Callable[..., int],
):
    image = make_image(image_set)
    address = f"/api/v2/image-sets/{image_set}/images"
    assert api.delete(f"/api/v2/images/{image}?permanently=true").status_code == 409
    assert api.delete(f"/api/v2/images/{image}").status_code == 204
    assert api.get(f"/api/v2/images/{image}").status_code == 404
    assert api.get(address).json()["total"] == 0
    assert api.get(f"{address}?deleted=true").json()["total"] == 1
    assert api_of(viewer).get(f"{address}?deleted=true").status_code == 403
    assert api.post(f"/api/v2/images/{image}/restore").json()["deleted_at"] is None
    assert api.get(address).json()["total"] == 1
    api.delete(f"/api/v2/images/{image}")
    assert api.delete(f"/api/v2/images/{image}?permanently=true").status_code == 204
    with services.database.read() as session:
        assert session.get(Image, image) is None


def test_changing_images_needs_rights_and_is_all_or_nothing(
    api: TestClient,
    api_of: Callable[[Actor], TestClient],
    viewer: Actor,
    stranger: Actor,
    image_set: int,
    make_image: Callable[..., int],
    make_image_set: Callable[..., int],
):
    image, foreign = make_image(image_set), make_image(make_image_set())
    looking, outside = api_of(viewer), api_of(stranger)
    assert looking.get(f"/api/v2/images/{image}").json()["private_name"] is None
    assert looking.patch(f"/api/v2/images/{image}", json={"description": "x"}).status_code == 403
    assert looking.delete(f"/api/v2/images/{image}").status_code == 403
    assert looking.post(f"/api/v2/images/{image}/read-again").status_code == 403
    assert looking.put(f"/api/v2/images/{image}/pin").status_code == 204
    for method in ("get", "delete"):
        assert getattr(outside, method)(f"/api/v2/images/{image}").status_code == 404
    assert outside.put(f"/api/v2/images/{image}/pin").status_code == 404
    assert outside.get(f"/api/v2/image-sets/{image_set}/images").status_code == 404
    body = {"action": "delete", "image_ids": [image, foreign]}
    assert api.post(f"/api/v2/image-sets/{image_set}/image-actions", json=body).status_code == 404
    assert api.get(f"/api/v2/images/{image}").status_code == 200


def test_an_image_is_described_tagged_and_given_a_resolution(
    api: TestClient, services: Services, image_set: int, make_image: Callable[..., int]
):
    image = make_image(image_set)
    body = {
        "description": "left lung",
        "mpp_x": 0.25,
        "mpp_y": 0.25,
        "tags": ["a", "A", "b"],
        "private_name": "C:\\x.svs",
    }
    changed = api.patch(f"/api/v2/images/{image}", json=body)
    assert changed.status_code == 200, changed.text
    shown = changed.json()
    assert (shown["description"], shown["mpp_x"], shown["tags"]) == ("left lung", 0.25, ["a", "b"])
    assert shown["private_name"] == "x.svs"
    for bad in ({"mpp_x": -1}, {"mpp_x": "NaN"}, {"name": "new"}, {"tags": ["x" * 65]}, {"tags": ["a\0"]}):
        assert api.patch(f"/api/v2/images/{image}", json=bad).status_code == 422
    assert api.patch(f"/api/v2/images/{image}", json={"tags": []}).json()["tags"] == []


def test_deleting_ends_the_jobs_of_an_image_and_pins_go_with_it(
    api: TestClient, services: Services, manager: Actor, image_set: int, make_image: Callable[..., int]
):
    image = make_image(image_set, status="converting")
    with services.database.write() as session:
        job = services.jobs.enqueue(session, "core.convert", owner=manager, image_set_id=image_set, image_id=image)
    api.put(f"/api/v2/images/{image}/pin")
    api.delete(f"/api/v2/images/{image}")
    with services.database.read() as session:
        assert session.get_one(Job, job.id).cancel_requested
    api.delete(f"/api/v2/images/{image}?permanently=true")
    with services.database.read() as session:
        assert session.scalars(select(ImagePin)).all() == []
