"""Making versions, opening them, and what must never break them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import delete, select, text, update

from exact_core.api.context import Actor
from exact_core.api.errors import NotFound
from exact_core.services import Services
from exact_core.storage.models import AnnotationType, Image, User, Version, VersionImage
from tests.core.annotations import wire_reader
from tests.core.versioning.conftest import Lab, box, listed, make_version

VIEW = {"x0": 0, "y0": 0, "x1": 19_999, "y1": 9_999}


def test_a_version_names_a_revision_and_freezes_the_rest(lab: Lab) -> None:
    last = lab.draw("ann")
    made = make_version(lab, "first")
    assert made["revision"] == last["revision"]
    assert (made["image_count"], made["manifest"]["state"], made["creator"]["name"]) == (1, "pending", "Lead")
    assert len(made["content_digest"]) == 64
    content = lab["viewer"].get(f"/api/v2/versions/{made['id']}/content").json()
    assert content["image_set"]["mode"] == "cooperative"
    assert [kind["name"] for kind in content["products"][0]["types"]] == ["Cell", "Nucleus", "Slide"]
    assert {member["user"]: member["role"] for member in content["members"]} == {
        "viewer": "viewer", "lead": "lead", "ann": "member", "ben": "member",
    }  # fmt: skip
    images = lab["viewer"].get(f"/api/v2/versions/{made['id']}/images").json()["items"]
    assert [(image["image_id"], image["width"], image["is_deleted"]) for image in images] == [
        (lab.image_id, 20_000, False)
    ]
    types = lab["viewer"].get(f"/api/v2/versions/{made['id']}/annotation-types").json()["items"]
    assert [kind["key"] for kind in types] == ["1", "2", "3"]


def test_the_content_hash_tells_versions_apart_and_equal_ones_together(lab: Lab) -> None:
    lab.draw("ann")
    first, again = make_version(lab, "a"), make_version(lab, "b")
    assert first["content_digest"] == again["content_digest"]
    lab.draw("ann", 50, 50, 70, 70)
    third = make_version(lab, "c")
    assert third["content_digest"] != first["content_digest"]
    with lab.database.write() as session:
        session.execute(update(Image).values(mpp_x=0.25))
    assert make_version(lab, "d")["content_digest"] not in (first["content_digest"], third["content_digest"])


def test_a_name_is_given_once_in_a_set_and_a_repeated_request_makes_one_version(lab: Lab) -> None:
    once = make_version(lab, "first", **{"Idempotency-Key": "k1"})
    assert make_version(lab, "first", **{"Idempotency-Key": "k1"}) == once
    url = f"/api/v2/image-sets/{lab.image_set_id}/versions"
    assert lab["lead"].post(url, json={"name": "first"}).status_code == 409
    assert lab["lead"].post(url, json={"name": "  "}).status_code == 422
    assert [each["name"] for each in lab["ann"].get(url).json()["items"]] == ["first"]


def test_versions_are_made_by_managers_and_seen_by_members(lab: Lab) -> None:
    url = f"/api/v2/image-sets/{lab.image_set_id}/versions"
    assert lab["ann"].post(url, json={"name": "x"}).status_code == 403
    assert lab["stranger"].post(url, json={"name": "x"}).status_code == 404
    made = make_version(lab)
    for who, status in (("viewer", 200), ("ann", 200), ("stranger", 404)):
        for path in ("", "/images", "/annotation-types", "/content", "/artefacts", "/manifest-check"):
            assert lab[who].get(f"/api/v2/versions/{made['id']}{path}").status_code == status, (who, path)
        answer = lab[who].get(f"/api/v2/images/{lab.image_id}/annotations", params={"version": made["id"]})
        assert answer.status_code == status


def test_a_version_of_a_locked_set_can_be_made(lab: Lab) -> None:
    lab["lead"].patch(f"/api/v2/image-sets/{lab.image_set_id}", json={"is_locked": True})
    assert make_version(lab)["name"] == "v1"


def test_versions_come_page_by_page_newest_first(lab: Lab) -> None:
    made = [make_version(lab, f"v{number}")["id"] for number in range(5)]
    url = f"/api/v2/image-sets/{lab.image_set_id}/versions"
    first = lab["ann"].get(url, params={"limit": 2}).json()
    second = lab["ann"].get(url, params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None
    assert [each["id"] for each in lab["ann"].get(url, params={"name": "v3"}).json()["items"]] == [made[3]]


def edit_a_lot(lab: Lab, drawn: list[dict[str, Any]], count: int) -> None:
    """Move, relabel, rewrite, delete, undo and draw: ``count`` edits."""
    for start in range(0, count, 100):
        operations: list[dict[str, Any]] = []
        for number in range(start, min(start + 100, count)):
            one = drawn[number % len(drawn)]
            step = number % 4
            if step == 0:
                operations.append(box(lab.types["Nucleus"], number, 10, number + 9, 30))
            elif step == 1:
                operations.append({"op": "update", "id": one["id"], "type_id": lab.types["Nucleus"]})
            elif step == 2:
                shape = {"shape": "box", "points": [[number, 5], [number + 20, 50]]}
                operations.append({"op": "update", "id": one["id"], "geometry": shape})
            else:
                operations.append({"op": "update", "id": one["id"], "text": f"edit {number}"})
        assert lab.change("lead", *operations).status_code == 200
    lab.change("lead", *({"op": "delete", "id": one["id"]} for one in drawn[::3]))
    lab.post("lead", "undo")
    lab.change("lead", *({"op": "delete", "id": one["id"]} for one in drawn[::2]))


def test_a_version_made_before_a_thousand_edits_opens_exactly_as_it_was(
    lab: Lab, services: Services, work: Callable[[], int]
) -> None:
    drawn = [
        lab.draw("ann" if number % 2 else "ben", 100 * number, 100, 100 * number + 60, 170, text=f"shape {number}")
        for number in range(40)
    ]
    lab.draw("ann", type_name="Cell")
    before = {
        "list": listed(lab),
        "counts": lab.get("lead", "annotation-counts").json(),
        "view": wire_reader.read(lab.get("lead", "annotation-view", **VIEW).content),
    }
    made = make_version(lab, "before")
    edit_a_lot(lab, drawn, 1000)
    assert listed(lab) != before["list"]

    def opened() -> None:
        version = {"version": made["id"]}
        assert listed(lab, **version) == before["list"]
        counts = lab.get("lead", "annotation-counts", **version).json()
        assert counts == before["counts"] | {"revision": made["revision"]}
        view = wire_reader.read(lab.get("lead", "annotation-view", **VIEW, **version).content)
        assert view.header == before["view"].header
        assert view.ids() == before["view"].ids()
        one = lab["lead"].get(f"/api/v2/annotations/{drawn[0]['id']}", params=version).json()
        assert one == before["list"][0]

    opened()
    assert work() == 1
    first = lab["lead"].get(f"/api/v2/versions/{made['id']}/manifest")
    assert first.status_code == 200, first.text

    # The image goes for good, the people are renamed and removed, the types are renamed and retired.
    assert lab["lead"].delete(f"/api/v2/images/{lab.image_id}").status_code == 204
    opened()
    purged = lab["lead"].delete(f"/api/v2/images/{lab.image_id}", params={"permanently": True})
    assert purged.status_code == 200
    assert purged.json()["versions"] == ["before"]
    assert "annotations stay" in purged.json()["detail"]
    with lab.database.write() as session:
        session.execute(update(AnnotationType).values(name=AnnotationType.name + " (old)", is_active=False))
        session.execute(update(User).where(User.name == "ann").values(display_name="Somebody Else"))
        session.execute(delete(User).where(User.name == "ben"))
    opened()
    second = lab["lead"].get(f"/api/v2/versions/{made['id']}/manifest")
    assert second.content == first.content
    with lab.database.write() as session:
        session.execute(update(Version).values(manifest_state="failed"))
    lab["lead"].post(f"/api/v2/versions/{made['id']}/manifest")
    assert work() == 1
    assert lab["lead"].get(f"/api/v2/versions/{made['id']}/manifest").content == first.content


def test_an_image_that_is_removed_for_good_leaves_its_pixels_and_its_private_name(lab: Lab, services: Services) -> None:
    stored = services.blobs.write("images/1/key/image.tif", b"pixels")
    thumbnail = services.blobs.write(f"derived/{lab.image_id}/thumbnails/x.jpg", b"small pixels")
    with lab.database.write() as session:
        session.execute(update(Image).values(file_path="images/1/key/image.tif", private_name="Zebrowski.svs"))
    lab.draw("ann")
    made = make_version(lab)
    image = f"/api/v2/images/{lab.image_id}"
    lab["lead"].delete(image)
    assert lab["lead"].delete(image, params={"permanently": True}).status_code == 200
    assert not stored.exists()
    assert not thumbnail.exists()
    assert lab["lead"].get(image).status_code == 404
    assert lab["lead"].post(f"{image}/restore").status_code == 409
    assert lab["lead"].delete(image, params={"permanently": True}).status_code == 409
    bin_ = lab["lead"].get(f"/api/v2/image-sets/{lab.image_set_id}/images", params={"deleted": True}).json()
    assert bin_["items"] == []
    shown = lab["ann"].get(f"/api/v2/versions/{made['id']}/images").json()["items"][0]
    assert (shown["is_deleted"], shown["has_pixels"], shown["has_private_name"]) == (True, False, True)
    with lab.database.read() as session:
        assert session.scalar(select(Image.private_name)) == ""
    assert "Zebrowski" not in lab["ann"].get(f"/api/v2/versions/{made['id']}/content").text


def test_a_version_shows_an_image_in_the_bin_to_whoever_may_see_the_version(
    lab: Lab, services: Services, browser_of: Callable[..., TestClient], make_image: Callable[..., int]
) -> None:
    other = make_image(lab.image_set_id)  # not in the version
    lab["lead"].delete(f"/api/v2/images/{other}")
    lab.draw("ann")
    made = make_version(lab)
    shown = make_image(lab.image_set_id)  # of the present
    lab["lead"].delete(f"/api/v2/images/{lab.image_id}")
    browsers = {who: browser_of(lab.people[who]) for who in ("ann", "viewer", "stranger")}
    pages = f"/image-sets/{lab.image_set_id}/images"
    strips = f"/api/v2{pages}/{lab.image_id}/strip"

    def statuses(who: str, image_id: int, version: str) -> list[int]:
        """The picture for the viewer, the pixels for tiles, the page, and the images beside it."""
        try:
            services.snapshot.image(lab.people[who], image_id)
            tiles = 200
        except NotFound:
            tiles = 404
        return [
            lab[who].get(f"/api/v2/images/{image_id}/slide-information").status_code,
            tiles,
            browsers[who].get(f"{pages}/{image_id}{version}").status_code,
            lab[who].get(f"/api/v2{pages}/{image_id}/strip{version}").status_code,
        ]

    version = f"?version={made['id']}"
    for who in ("ann", "viewer"):
        assert statuses(who, lab.image_id, version) == [200, 200, 200, 200], who
        assert statuses(who, lab.image_id, "") == [200, 200, 404, 404], who  # the present does not have it
        assert statuses(who, other, version) == [404, 404, 404, 404], who
        assert statuses(who, shown, version) == [200, 200, 404, 404], who
    assert statuses("stranger", lab.image_id, version) == [404, 404, 404, 404]
    page = browsers["viewer"].get(f"{pages}/{lab.image_id}{version}").text
    assert '"annotate":false' in page.replace(" ", "")
    assert [each["id"] for each in lab["ann"].get(strips + version).json()["items"]] == [lab.image_id]
    for path in ("", "/annotations", "/annotation-counts", "/review", "/history"):
        assert lab["ann"].get(f"/api/v2/images/{lab.image_id}{path}").status_code == 404, path
    lab["lead"].delete(f"/api/v2/versions/{made['id']}", params={"reason": "test"})
    assert statuses("ann", lab.image_id, version) == [404, 404, 404, 404]


def test_an_image_that_no_version_has_goes_entirely(lab: Lab, make_image: Callable[..., int]) -> None:
    made = make_version(lab)
    other = make_image(lab.image_set_id)
    lab["lead"].delete(f"/api/v2/images/{other}")
    assert lab["lead"].delete(f"/api/v2/images/{other}", params={"permanently": True}).status_code == 204
    with lab.database.read() as session:
        assert session.get(Image, other) is None
    answer = lab["lead"].get(f"/api/v2/images/{other}/annotations", params={"version": made["id"]})
    assert answer.status_code == 404


def test_the_log_keeps_its_hashes_when_an_image_goes(lab: Lab, make_image: Callable[..., int]) -> None:
    other = make_image(lab.image_set_id)
    lab["lead"].post(f"/api/v2/images/{other}/annotation-changes", json={"operations": [box(lab.types["Cell"])]})
    before = make_version(lab, "with")
    assert lab["admin"].delete(f"/api/v2/versions/{before['id']}", params={"reason": "test"}).status_code == 200
    lab["lead"].delete(f"/api/v2/images/{other}")
    lab["lead"].delete(f"/api/v2/images/{other}", params={"permanently": True})
    with lab.database.read() as session:
        kept = session.execute(text("SELECT image_id, digest FROM change_set ORDER BY revision")).all()
    assert len(kept) == 1
    assert kept[0].image_id is None
    assert len(kept[0].digest) == 64


def test_only_its_maker_and_administrators_delete_a_version_and_say_why(
    make_lab: Callable[..., Lab], make_user: Callable[..., Actor], client_of: Callable[..., TestClient]
) -> None:
    lab = make_lab()
    lab["lead"].put(
        f"/api/v2/image-sets/{lab.image_set_id}/members/users/{lab.people['ann'].user_id}", json={"role": "manager"}
    )
    made = make_version(lab, "mine")
    address = f"/api/v2/versions/{made['id']}"
    assert lab["ann"].delete(address, params={"reason": "no"}).status_code == 403
    assert lab["lead"].delete(address).status_code == 422
    assert lab["lead"].delete(address, params={"reason": "  "}).status_code == 422
    gone = lab["lead"].delete(address, params={"reason": "made by mistake"}).json()
    assert gone["deleted"]["reason"] == "made by mistake"
    assert lab["ann"].get(address).json()["deleted"]["by"] == "Lead"
    for path in ("/images", "/content", "/manifest", "/artefacts"):
        answer = lab["lead"].get(f"{address}{path}")
        assert answer.status_code == 404
        assert "made by mistake" in answer.json()["detail"]
    answer = lab["lead"].get(f"/api/v2/images/{lab.image_id}/annotations", params={"version": made["id"]})
    assert answer.status_code == 404
    url = f"/api/v2/image-sets/{lab.image_set_id}/versions"
    assert lab["ann"].get(url).json()["items"] == []
    assert len(lab["ann"].get(url, params={"deleted": True}).json()["items"]) == 1
    assert make_version(lab, "mine")["id"] != made["id"]  # the name is free again


def test_the_last_version_of_a_removed_image_takes_the_rest_of_it_along(lab: Lab) -> None:
    lab.draw("ann")
    first, second = make_version(lab, "first"), make_version(lab, "second")
    lab["lead"].delete(f"/api/v2/images/{lab.image_id}")
    lab["lead"].delete(f"/api/v2/images/{lab.image_id}", params={"permanently": True})
    lab["lead"].delete(f"/api/v2/versions/{first['id']}", params={"reason": "test"})
    assert len(listed(lab, version=second["id"])) == 1
    lab["lead"].delete(f"/api/v2/versions/{second['id']}", params={"reason": "test"})
    with lab.database.read() as session:
        assert session.scalar(select(Image.id)) is None
        for table in ("annotation", "annotation_revision", "annotation_summary"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0


def test_deleting_the_image_set_hides_its_versions_and_restoring_it_brings_them_back(lab: Lab) -> None:
    lab.draw("ann")
    made = make_version(lab)
    before = listed(lab, version=made["id"])
    lab["lead"].delete(f"/api/v2/image-sets/{lab.image_set_id}")
    assert lab["ann"].get(f"/api/v2/versions/{made['id']}").status_code == 404
    lab["lead"].post(f"/api/v2/image-sets/{lab.image_set_id}/restore")
    assert listed(lab, version=made["id"]) == before


def test_the_database_itself_holds_on_to_what_a_version_needs(lab: Lab) -> None:
    from sqlalchemy.exc import IntegrityError

    make_version(lab)
    for statement in ("DELETE FROM image", "DELETE FROM image_set"):
        with pytest.raises(IntegrityError), lab.database.write() as session:
            session.execute(text(statement))


def test_a_type_or_product_that_a_version_shows_cannot_be_deleted(lab: Lab) -> None:
    one = lab.draw("ann", type_name="Nucleus")
    made = make_version(lab)
    lab.change("ann", {"op": "delete", "id": one["id"]})
    assert lab["lead"].delete(f"/api/v2/annotation-types/{lab.types['Nucleus']}").status_code == 409
    lab["lead"].put(f"/api/v2/image-sets/{lab.image_set_id}/products", json={"product_ids": []})
    assert lab["lead"].delete(f"/api/v2/products/{lab.product_id}").status_code == 409
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Nucleus']}", json={"name": "Renamed"})
    counts = lab.get("ann", "annotation-counts", version=made["id"]).json()
    assert [(kind["name"], kind["count"]) for kind in counts["types"]] == [("Nucleus", 1)]
    types = lab["ann"].get(f"/api/v2/versions/{made['id']}/annotation-types").json()["items"]
    assert "Nucleus" in [kind["name"] for kind in types]


def test_a_blind_reader_sees_their_own_shapes_of_a_version_only(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("competitive")
    mine, theirs = lab.draw("ann"), lab.draw("ben", 50, 50, 90, 90)
    made = make_version(lab)
    version = {"version": made["id"]}
    assert [one["id"] for one in listed(lab, "ann", **version)] == [mine["id"]]
    assert lab.get("ann", "annotation-counts", **version).json()["total"] == 1
    assert wire_reader.read(lab.get("ann", "annotation-view", **VIEW, **version).content).ids() == {mine["id"]}
    assert lab["ann"].get(f"/api/v2/annotations/{theirs['id']}", params=version).status_code == 404
    assert len(listed(lab, "lead", **version)) == 2
    shown = lab["ann"].get(f"/api/v2/versions/{made['id']}").json()
    assert (shown["annotation_count"], shown["artefact_count"]) == (None, None)
    for path in ("artefacts", "manifest"):
        assert lab["ann"].get(f"/api/v2/versions/{made['id']}/{path}").status_code == 403
    # Rights are those of now: once the set is not blind any more, the version is not either.
    lab["lead"].patch(
        f"/api/v2/image-sets/{lab.image_set_id}", json={"mode": "cooperative", "reason": "the study is over"}
    )
    assert len(listed(lab, "ann", **version)) == 2


def test_an_image_of_another_set_is_not_in_a_version(
    lab: Lab, make_image_set: Callable[..., int], make_image: Callable[..., int]
) -> None:
    made = make_version(lab)
    other = make_image(make_image_set(lab.team_id))
    for path in ("annotations", "annotation-counts"):
        assert lab["lead"].get(f"/api/v2/images/{other}/{path}", params={"version": made["id"]}).status_code == 404
    assert lab["lead"].get(f"/api/v2/images/{lab.image_id}/annotations", params={"version": 10**12}).status_code == 404


def test_the_tag_of_a_view_differs_between_versions_and_the_present(lab: Lab) -> None:
    lab.draw("ann")
    first = make_version(lab, "a")
    tags = {
        lab.get("ann", "annotation-view", **VIEW, **more).headers["etag"] for more in ({}, {"version": first["id"]})
    }
    assert len(tags) == 2


def test_everybody_who_may_is_asked_and_told_about_versions(lab: Lab, app: FastAPI, monkeypatch: Any) -> None:
    from exact_core.api import Artefact, ArtefactKind, Refused
    from exact_core.kernel.hooks import Hooks

    told = []
    lab.draw("ann")

    def creating(_self: Hooks, session: Any, version: Any, reader: Any) -> Any:
        told.append(("creating", version.name, version.image_ids, version.content_digest))
        if version.name == "no":
            raise Refused("not yet", "p")
        return [("p", Artefact("coverage.json", b"{}", ArtefactKind.METRICS, "application/json", "Coverage"))]

    monkeypatch.setattr(Hooks, "version_creating", creating)
    monkeypatch.setattr(Hooks, "version_created", lambda _self, version: told.append(("created", version.name)))
    url = f"/api/v2/image-sets/{lab.image_set_id}/versions"
    assert lab["lead"].post(url, json={"name": "no"}).status_code == 409
    made = make_version(lab, "yes")
    files = lab["lead"].get(f"/api/v2/versions/{made['id']}/artefacts").json()
    assert [(each["name"], each["kind"], each["plugin"]) for each in files] == [("coverage.json", "metrics", "p")]
    assert lab["ann"].get(f"/api/v2/version-artefacts/{files[0]['id']}/file").content == b"{}"
    assert told == [
        ("creating", "no", (lab.image_id,), ""),
        ("creating", "yes", (lab.image_id,), ""),
        ("created", "yes"),
    ]
    with lab.database.read() as session:
        assert session.scalars(select(VersionImage.version_id)).all() == [made["id"]]
