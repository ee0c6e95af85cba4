"""The manifest: all of a version as signed lines, the same every time, and noticed when somebody touches it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

from sqlalchemy import select, text, update

from exact_core.services import Services
from exact_core.storage.models import Job, Version
from exact_core.versioning.manifest_job import check_version
from tests.core.versioning.conftest import Lab, listed, make_version


def lines_of(lab: Lab, version_id: int) -> list[dict[str, object]]:
    answer = lab["lead"].get(f"/api/v2/versions/{version_id}/manifest")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in gzip.decompress(answer.content).splitlines()]


def test_the_manifest_holds_everything_and_the_version_says_when_it_is_ready(lab: Lab, work: Callable[[], int]) -> None:
    drawn = lab.draw("ann", text="first", claimed_author="Model 1")
    ring = [[0, 0], [100, 0], [100, 100], [0, 100]]
    hole = [[10, 10], [20, 20], [20, 10]]  # holes turn the other way
    geometry = {"shape": "polygon", "rings": [ring, hole]}
    lab.change("ben", {"op": "create", "uuid": "00000000-0000-4000-8000-000000000001",
                       "type_id": lab.types["Nucleus"], "geometry": geometry})  # fmt: skip
    made = make_version(lab)
    pending = lab["lead"].get(f"/api/v2/versions/{made['id']}/manifest")
    assert (pending.status_code, "pending" in pending.json()["detail"]) == (409, True)
    assert lab["lead"].get(f"/api/v2/versions/{made['id']}/manifest-check").json()["holds"] is False
    assert work() == 1
    ready = lab["lead"].get(f"/api/v2/versions/{made['id']}").json()
    assert (ready["manifest"]["state"], ready["annotation_count"]) == ("ready", 2)
    assert lab["ann"].get(f"/api/v2/versions/{made['id']}/manifest-check").json() == {
        "state": "ready", "file": True, "signature": True, "annotations": None, "holds": True,
    }  # fmt: skip
    lines = lines_of(lab, made["id"])
    assert [line["line"] for line in lines] == [
        "version", "content", "image", "annotation", "annotation", "people", "end",
    ]  # fmt: skip
    assert lines[0]["content_digest"] == made["content_digest"]
    by_id = {line["id"]: line for line in lines if line["line"] == "annotation"}
    assert by_id[drawn["id"]]["claimed_author"] == "Model 1"
    area = next(line for line in by_id.values() if line["shape"] == "polygon")
    assert (area["rings"], area["holes"], area["author"]) == ([ring, hole], [1], lab.people["ben"].user_id)
    shown = {one["id"]: one["geometry"]["rings"] for one in listed(lab)}
    assert {id_: line["rings"] for id_, line in by_id.items()} == shown
    assert set(lines[-2].values()) == {"people", "Ann", "Ben"}


def test_manifests_of_many_shapes_agree_with_the_list(lab: Lab, work: Callable[[], int]) -> None:
    for number in range(30):
        lab.draw("ann", 300 * number, 17 * number, 300 * number + 40, 17 * number + 30, text="a\nb" * (number % 3))
    made = make_version(lab)
    work()
    lines = {line["uuid"]: line for line in lines_of(lab, made["id"]) if line["line"] == "annotation"}
    for one in listed(lab):
        line = lines.pop(one["uuid"])
        assert (line["rings"], line["text"], line["type"]) == (one["geometry"]["rings"], one["text"], one["type_id"])
    assert lines == {}


def test_a_touched_file_or_row_or_annotation_is_noticed(lab: Lab, services: Services, work: Callable[[], int]) -> None:
    lab.draw("ann")
    made = make_version(lab)
    work()
    assert check_version(services, made["id"], deep=True).holds
    with lab.database.read() as session:
        path = services.blobs.path(session.scalar(select(Version.manifest_path)) or "")
    whole = path.read_bytes()
    path.write_bytes(gzip.compress(gzip.decompress(whole).replace(b'"rings":[[[10,', b'"rings":[[[11,')))
    assert (check_version(services, made["id"]).file, check_version(services, made["id"]).signature) == (False, True)
    path.write_bytes(b"no gzip")
    assert not check_version(services, made["id"]).file
    path.unlink()
    assert not check_version(services, made["id"]).file
    assert lab["lead"].get(f"/api/v2/versions/{made['id']}/manifest").status_code == 404
    path.write_bytes(whole)
    with lab.database.write() as session:
        session.execute(text("UPDATE annotation_revision SET text = 'touched'"))
    assert check_version(services, made["id"]).holds
    assert check_version(services, made["id"], deep=True).annotations is False
    with lab.database.write() as session:
        session.execute(update(Version).values(manifest_digest="0" * 64))
    assert not check_version(services, made["id"]).signature


def test_a_manifest_that_cannot_be_written_says_so_and_is_asked_for_again(
    lab: Lab, services: Services, work: Callable[[], int]
) -> None:
    made = make_version(lab)
    blocked = services.blobs.path(f"versions/{made['id']}")
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_bytes(b"a file where the folder should be")
    work()
    failed = lab["lead"].get(f"/api/v2/versions/{made['id']}").json()["manifest"]
    assert failed["state"] == "failed"
    assert failed["reason"]
    assert lab["ann"].post(f"/api/v2/versions/{made['id']}/manifest").status_code == 403
    blocked.unlink()
    assert lab["lead"].post(f"/api/v2/versions/{made['id']}/manifest").json()["manifest"]["state"] == "pending"
    assert lab["lead"].post(f"/api/v2/versions/{made['id']}/manifest").status_code == 409
    work()
    assert lab["lead"].get(f"/api/v2/versions/{made['id']}").json()["manifest"]["state"] == "ready"


def test_the_job_of_a_deleted_version_writes_nothing(lab: Lab, services: Services, work: Callable[[], int]) -> None:
    made = make_version(lab)
    lab["lead"].delete(f"/api/v2/versions/{made['id']}", params={"reason": "test"})
    work()
    assert not services.blobs.path(f"versions/{made['id']}").exists()
    with lab.database.read() as session:
        assert session.scalar(select(Job.state)) == "done"


def test_a_deleted_version_takes_its_files_along(lab: Lab, services: Services, work: Callable[[], int]) -> None:
    made = make_version(lab)
    work()
    lab["lead"].post(f"/api/v2/versions/{made['id']}/artefacts", params={"name": "a.txt"}, content=b"abc")
    folder = services.blobs.path(f"versions/{made['id']}")
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2
    lab["lead"].delete(f"/api/v2/versions/{made['id']}", params={"reason": "test"})
    assert not folder.exists()
