"""Files of a version: attached, listed, downloaded as they came, removed by those who may."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from exact_core.services import Services
from tests.core.versioning.conftest import Lab, make_version

CONTENT = bytes(range(256)) * 1000


def attach(lab: Lab, version: int, who: str = "lead", content: bytes = CONTENT, **more: Any) -> Any:
    headers = {"Content-Type": "application/x-model", **more.pop("headers", {})}
    url = f"/api/v2/versions/{version}/artefacts"
    return lab[who].post(url, params={"name": "model.pt", **more}, content=content, headers=headers)


def test_a_file_comes_back_as_it_went_in(lab: Lab) -> None:
    made = make_version(lab)
    answer = attach(lab, made["id"], kind="model", description="The best one")
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert (told["size_bytes"], told["kind"], told["media_type"]) == (len(CONTENT), "model", "application/x-model")
    assert lab["ann"].get(f"/api/v2/versions/{made['id']}/artefacts").json() == [told]
    got = lab["viewer"].get(f"/api/v2/version-artefacts/{told['id']}/file")
    assert got.content == CONTENT
    assert got.headers["content-disposition"] == 'attachment; filename="model.pt"'
    assert got.headers["x-content-type-options"] == "nosniff"
    assert lab["viewer"].get(f"/api/v2/version-artefacts/{told['id']}").json() == told
    assert lab["ann"].get(f"/api/v2/versions/{made['id']}").json()["artefact_count"] == 1


def test_many_files_can_be_attached_and_a_repeated_request_makes_one(lab: Lab, services: Services) -> None:
    made = make_version(lab)
    key = {"headers": {"Idempotency-Key": "once"}}
    first = attach(lab, made["id"], **key)
    assert attach(lab, made["id"], headers={"Idempotency-Key": "once"}).json() == first.json()
    assert attach(lab, made["id"], content=b"other", headers={"Idempotency-Key": "once"}).status_code == 422
    attach(lab, made["id"], content=b"second")
    assert len(lab["lead"].get(f"/api/v2/versions/{made['id']}/artefacts").json()) == 2
    folder = services.blobs.path(f"versions/{made['id']}/artefacts")
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"name": "../../etc/passwd"}, 201),
        ({"name": "a\x00b"}, 422),
        ({"name": "/"}, 422),
        ({"name": "x" * 201}, 422),
        ({"kind": "virus"}, 422),
    ],
)
def test_names_and_kinds_are_checked(lab: Lab, query: dict[str, str], status: int) -> None:
    made = make_version(lab)
    answer = attach(lab, made["id"], **query)
    assert answer.status_code == status, answer.text
    if status == 201:
        assert answer.json()["name"] == "passwd"


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    lab: Lab, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_version(lab)
    object.__setattr__(services, "settings", services.settings.model_copy(update={"max_upload_bytes": 1000}))
    assert attach(lab, made["id"]).status_code == 413

    def parts() -> Any:
        yield from (b"x" * 600, b"x" * 600)

    url = f"/api/v2/versions/{made['id']}/artefacts"
    assert lab["lead"].post(url, params={"name": "a"}, content=parts()).status_code == 413
    folder = services.blobs.path(f"versions/{made['id']}/artefacts")
    assert not folder.exists() or list(folder.iterdir()) == []


def test_reviewers_attach_files_and_their_owners_remove_them(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    ann = f"/api/v2/image-sets/{lab.image_set_id}/members/users/{lab.people['ann'].user_id}"
    lab["admin"].put(ann, json={"role": "reviewer"})
    made = make_version(lab)
    for who, status in (("ann", 201), ("ben", 403), ("viewer", 403), ("stranger", 404)):
        assert attach(lab, made["id"], who).status_code == status, who
    own = lab["ann"].get(f"/api/v2/versions/{made['id']}/artefacts").json()[0]["id"]
    other = attach(lab, made["id"]).json()["id"]
    assert lab["ben"].delete(f"/api/v2/version-artefacts/{own}").status_code == 403
    assert lab["stranger"].delete(f"/api/v2/version-artefacts/{own}").status_code == 404
    assert lab["ann"].delete(f"/api/v2/version-artefacts/{other}").status_code == 403
    assert lab["ann"].delete(f"/api/v2/version-artefacts/{own}").status_code == 204
    assert lab["lead"].delete(f"/api/v2/version-artefacts/{other}").status_code == 204
    assert lab["lead"].get(f"/api/v2/version-artefacts/{own}/file").status_code == 404


def test_a_blind_reader_gets_no_file_that_could_tell_of_others(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab("competitive")
    made = make_version(lab)
    told = attach(lab, made["id"], kind="prediction").json()
    for who in ("ann", "viewer"):
        assert lab[who].get(f"/api/v2/versions/{made['id']}/artefacts").status_code == 403
        assert lab[who].get(f"/api/v2/version-artefacts/{told['id']}").status_code == 403
        assert lab[who].get(f"/api/v2/version-artefacts/{told['id']}/file").status_code == 403
