"""Branches of versions: equal to the version, alone with their changes, all there or not at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from exact_core.annotations.access import rights_in
from exact_core.annotations.bulk import NewShapes, add, columns_of_rings
from exact_core.annotations.writing import Writer
from exact_core.api.contributions import Shape
from exact_core.services import Services
from exact_core.storage.models import (
    AnnotationRevision,
    AnnotationSummary,
    AuditEvent,
    Branch,
    ChangeSet,
    Image,
    ImageSet,
    ImageSetMember,
    ImageSetProduct,
)
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning.branches import copying, making
from exact_core.versioning.manifest_job import check_version
from tests.core.versioning.conftest import Lab, box, listed, make_version
from tests.statements import statements_of

OWN = frozenset({"id", "image", "revision"})
"""What differs between an annotation of a version and its copy in a branch."""


def branch_of(lab: Lab, version_id: int, name: str = "try", who: str = "lead", **more: Any) -> Any:
    return lab[who].post(f"/api/v2/versions/{version_id}/branches", json={"name": name, **more})


def lines_of(lab: Lab, version_id: int) -> list[dict[str, Any]]:
    answer = lab["lead"].get(f"/api/v2/versions/{version_id}/manifest")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in gzip.decompress(answer.content).splitlines()]


def shapes_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [line for line in lines if line["line"] == "annotation"]
    return [{name: value for name, value in line.items() if name not in OWN} for line in found]


def remove(lab: Lab, image_id: int) -> None:
    """Remove an image for good."""
    for query in ({}, {"permanently": True}):
        assert lab["lead"].delete(f"/api/v2/images/{image_id}", params=query).status_code in (200, 204)


def test_a_branch_is_an_image_set_that_holds_what_its_version_holds(
    lab: Lab, services: Services, work: Callable[[], int], make_image: Callable[..., int]
) -> None:
    kinds = [{"name": "size", "kind": "number"}]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": kinds})
    shared = {"width": 900, "height": 900, "checksum": "c" * 64, "private_name": "secret.svs"}
    other = make_image(lab.image_set_id, file_path="images/9/x/slide.tif", pyramid_path="derived/9/p.tif", **shared)
    gone = make_image(lab.image_set_id, name="gone")
    lab["lead"].patch(f"/api/v2/images/{other}", json={"tags": ["patient:1"], "mpp_x": 0.5})
    first = lab.draw("ann", text="one", attributes={"size": 3}, claimed_author="Model 1")
    lab.draw("ben", 5000, 5000, 5100, 5200, type_name="Nucleus")
    trash = lab.draw("ann", 40, 40, 60, 60)
    lab.patch("ben", first["id"], text="corrected")
    lab.delete("ann", trash["id"])
    operation = box(lab.types["Cell"], 5, 5, 600, 600)
    lab["ben"].post(f"/api/v2/images/{other}/annotation-changes", json={"operations": [operation]})
    version = make_version(lab)
    work()
    later = lab.draw("ann", 70, 70, 90, 90)
    lab.delete("ann", first["id"])
    lab["lead"].patch(f"/api/v2/images/{other}", json={"mpp_x": 0.75})
    remove(lab, gone)

    assert [branch_of(lab, version["id"], who=who).status_code for who in ("ann", "viewer", "stranger")] == [
        403, 403, 404,
    ]  # fmt: skip
    made = branch_of(lab, version["id"], " Second look ", description="what if")
    assert made.status_code == 201, made.text
    told = made.json()
    branch = told["image_set_id"]
    assert (told["state"], told["name"], told["mode"], told["may_merge"]) == (
        "making", "Second look", "cooperative", False,
    )  # fmt: skip
    assert told["source"] == {"id": lab.image_set_id, "name": "slides"}
    assert told["version"] == {"id": version["id"], "name": "v1"}
    assert "already has" in branch_of(lab, version["id"], "Second look").json()["detail"]
    # While it is being made it is locked, and nobody can open it by hand or look at what a merge would do.
    assert lab["ann"].get(f"/api/v2/image-sets/{branch}").json()["is_locked"] is True
    answer = lab["lead"].patch(f"/api/v2/image-sets/{branch}", json={"is_locked": False})
    assert (answer.status_code, "still being made" in answer.json()["detail"]) == (409, True)
    assert lab["lead"].delete(f"/api/v2/image-sets/{branch}").status_code == 403
    assert lab["lead"].get(f"/api/v2/image-sets/{branch}/merge-preview").status_code == 409
    assert work() == 1

    shown = lab["ann"].get(f"/api/v2/image-sets/{branch}/branches").json()["branch"]
    assert (shown["state"], shown["progress"], shown["image_count"], shown["may_merge"]) == ("ready", 1.0, 2, True)
    for who, seen in (("ann", [branch]), ("viewer", [])):  # the viewer has a role in the source only
        answer = lab[who].get(f"/api/v2/image-sets/{lab.image_set_id}/branches").json()
        assert (answer["branch"], [each["image_set_id"] for each in answer["items"]]) == (None, seen)
    with lab.database.read() as session:
        image_set = session.get_one(ImageSet, branch)
        assert (image_set.is_locked, image_set.revision, image_set.description) == (False, 1, "what if")
        members = select(ImageSetMember.user_id, ImageSetMember.role).where(ImageSetMember.image_set_id == branch)
        assert session.execute(members).all() == [(lab.people["lead"].user_id, "manager")]
        log = session.get_one(ChangeSet, (branch, 1))
        assert (log.kind, log.n_changes, log.reverts, len(log.digest)) == ("branch", 3, None, 64)
        images = session.scalars(select(Image).where(Image.image_set_id == branch).order_by(Image.position)).all()
        sources = [session.get_one(Image, each) for each in (lab.image_id, other)]
        same = ("file_path", "pyramid_path", "checksum", "content_version", "width", "size_z", "private_name", "status")
        for mine, theirs in zip(images, sources, strict=True):
            assert [getattr(mine, name) for name in same] == [getattr(theirs, name) for name in same]
        assert not {mine.name for mine in images} & {theirs.name for theirs in sources}
        assert images[1].mpp_x == 0.5  # as the version has it
        actions = select(AuditEvent.action).where(AuditEvent.image_set_id == lab.image_set_id)
        assert "branch_made" in session.scalars(actions).all()
    ids = [image.id for image in images]
    assert lab["lead"].get(f"/api/v2/images/{ids[1]}").json()["tags"] == ["patient:1"]
    with lab.database.read() as session:
        used = select(ImageSetProduct.product_id).where(ImageSetProduct.image_set_id == branch)
        assert session.scalars(used).all() == [lab.product_id]

    # The same annotations, line by line of the manifests, with counts and hashes that hold.
    url = f"/api/v2/image-sets/{branch}/versions"
    copy = lab["lead"].post(url, json={"name": "copied"}).json()
    work()
    mine, theirs = lines_of(lab, copy["id"]), lines_of(lab, version["id"])
    assert shapes_of(mine) == shapes_of(theirs)
    assert len(shapes_of(mine)) == 3
    assert [line for line in mine if line["line"] == "people"] == [line for line in theirs if line["line"] == "people"]
    assert check_version(services, copy["id"], deep=True).holds
    for here, there in zip(ids, (lab.image_id, other), strict=True):
        counted = lab["ann"].get(f"/api/v2/images/{here}/annotation-counts").json()
        was = lab["ann"].get(f"/api/v2/images/{there}/annotation-counts", params={"version": version["id"]}).json()
        assert counted["types"] == was["types"]
    with lab.database.read() as session:
        kept = session.scalar(select(func.sum(AnnotationSummary.n)).where(AnnotationSummary.image_id.in_(ids)))
        assert kept == 3
        copied = {one["uuid"]: one["id"] for image_id in ids for one in listed(lab, image_id=image_id)}
        rows = session.execute(select(AnnotationRevision).where(AnnotationRevision.image_id.in_(ids))).scalars().all()
        assert {row.annotation_id for row in rows} == set(copied.values())

    # Changes of one side are not seen on the other.
    assert first["uuid"] in copied
    assert later["uuid"] not in copied
    lab.patch("ann", copied[first["uuid"]], text="elsewhere")
    assert first["id"] not in lab.live()
    before = lab.live(image_id=other)
    assert lab["ben"].delete(f"/api/v2/annotations/{copied[operation['uuid']]}").status_code == 200
    assert lab.live(image_id=other) == before
    history = lab["ann"].get(f"/api/v2/annotations/{copied[first['uuid']]}/history").json()["items"]
    assert [item["revision"] for item in history] == [2, 1]

    # The source's image can go for good: the pixels stay for the branch.
    for path in ("images/9/x/slide.tif", "derived/9/p.tif"):
        services.blobs.write(path, b"pixels")
    remove(lab, other)
    assert services.blobs.path("images/9/x/slide.tif").exists()
    assert services.blobs.path("derived/9/p.tif").exists()
    remove(lab, ids[1])
    assert not services.blobs.path("images/9/x/slide.tif").exists()


def test_a_branch_that_cannot_be_made_leaves_nothing(
    lab: Lab, services: Services, work: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.draw("ann")
    version = make_version(lab)
    work()

    def fail(*_: Any) -> int:
        raise MemoryError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(making, "digests", fail)
        branch = branch_of(lab, version["id"]).json()
        assert work() == 1
    job = lab["lead"].get(f"/api/v2/jobs/{branch['job_id']}").json()
    assert job["state"] == "failed"
    waiting = branch_of(lab, version["id"]).json()  # its name is free again
    assert lab["lead"].post(f"/api/v2/jobs/{waiting['job_id']}/cancel").status_code in (200, 204)
    for each in (branch, waiting):
        assert lab["lead"].get(f"/api/v2/image-sets/{each['image_set_id']}").status_code == 404
    with lab.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ImageSet)) == 1
        assert session.scalar(select(func.count()).select_from(Image)) == 1
        assert session.scalar(select(func.count()).select_from(Branch)) == 0
    assert not list(services.blobs.folder(making.FOLDER).iterdir())
    lab["lead"].post(f"/api/v2/jobs/{branch['job_id']}/retry")
    work()
    assert "make it again" in lab["lead"].get(f"/api/v2/jobs/{branch['job_id']}").json()["message"]


def test_many_annotations_are_copied_with_few_statements(
    lab: Lab, services: Services, work: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "HASHED_AT_ONCE", 700)
    rings = [[[x, y], [x + 8, y], [x + 8, y + 8]] for x, y in np.random.default_rng(1).integers(0, 9000, (2000, 2))]
    with UnitOfWork(services.database, services.kernel.hooks, lab.people["ann"]) as uow:
        writer = Writer(uow.session, lab.people["ann"], lab.image_id, rights_in(uow.session), None)
        kinds = np.full(2000, lab.types["Nucleus"], np.int64)
        add(writer, NewShapes(columns_of_rings(Shape.POLYGON, rings), kinds))
    version = make_version(lab)
    work()
    branch = branch_of(lab, version["id"]).json()["image_set_id"]
    with statements_of(services.database.engine) as statements:
        work()
    assert len(statements) < 90, statements
    copy = lab["lead"].post(f"/api/v2/image-sets/{branch}/versions", json={"name": "copied"}).json()
    work()
    assert check_version(services, copy["id"], deep=True).holds
    assert shapes_of(lines_of(lab, copy["id"])) == shapes_of(lines_of(lab, version["id"]))


def test_a_branch_of_a_blind_set_is_blind(make_lab: Callable[..., Lab], work: Callable[[], int]) -> None:
    lab = make_lab("competitive")
    lab.draw("ann")
    lab.draw("ben", 50, 50, 80, 80)
    version = make_version(lab)
    work()
    assert branch_of(lab, version["id"], who="ann").status_code == 403
    open_ = branch_of(lab, version["id"], mode="cooperative")
    assert (open_.status_code, "blind to each other" in open_.json()["detail"]) == (409, True)
    branch = branch_of(lab, version["id"]).json()
    assert branch["mode"] == "competitive"
    work()
    images = lab["ann"].get(f"/api/v2/image-sets/{branch['image_set_id']}/images").json()["items"]
    assert [len(lab.live(who, images[0]["id"])) for who in ("ann", "lead")] == [1, 2]
    url = f"/api/v2/image-sets/{branch['image_set_id']}/merge-preview"
    assert lab["ann"].get(url).status_code == 403
    assert lab["lead"].get(url).json()["counts"]["same"] == 0
    shown = lab["ann"].get(f"/api/v2/image-sets/{branch['image_set_id']}/branches").json()["branch"]
    assert (shown["merges"], shown["may_merge"]) == ([], False)
