"""Models over HTTP: sent, found, fetched, pinned, deleted, restored."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from exact_core.models import cleaning, places, receiving
from exact_core.models.archives import pack
from exact_core.services import Services
from exact_core.storage.models import ImageSet, Model, ModelFile, now
from tests.core.models import folders
from tests.core.models.conftest import KIND, MODELS, Lab, archive, upload, uploaded


def everything_below(services: Services, *names: str) -> set[str]:
    roots = [services.blobs.folder(name) for name in names or (places.FOLDER, places.INCOMING)]
    return {path.relative_to(root).as_posix() for root in roots for path in root.rglob("*") if path.is_file()}


def test_a_model_is_kept_whole_and_told_whole(lab: Lab, services: Services) -> None:
    made = uploaded(lab, notes="The first")
    assert made["uuid"] == folders.CARD["model_id"]
    assert (made["name"], made["kind"], made["labels"]) == ("Lines", KIND, ["background", "nucleus"])
    assert (made["created_by"], made["notes"], made["is_pinned"]) == ("Lead", "The first", False)
    assert made["trained_on"]["image_set_id"] == lab.image_set_id
    assert made["figures"] == [{"name": "f1", "value": 0.81, "low": 0.77, "high": 0.85}]
    assert "<h1>A line</h1>" in made["card_html"]
    assert made["unavailable_reason"] == ""
    files = folders.contents()
    told = {each["name"]: each for each in made["files"]}
    assert set(told) == set(files)
    for name, content in files.items():
        digest = hashlib.sha256(content)
        assert told[name] == {
            "name": name,
            "size_bytes": len(content),
            "sha256": digest.hexdigest(),
            "integrity": f"sha256-{b64encode(digest.digest()).decode()}",
        }
    assert made["size_bytes"] == sum(map(len, files.values()))
    assert lab["ann"].get(f"{MODELS}/{made['uuid']}").json() == {**made, "may_change": False}
    assert everything_below(services, places.INCOMING) == set()


def test_long_texts_of_cards_are_shown_as_they_are(lab: Lab) -> None:
    files = {**folders.contents(with_network=False), "card.md": b"*" * 70_000}
    made = uploaded(lab, content=folders.zipped(folders.with_checksums(files)))
    assert (made["card_text"], made["card_html"]) == ("*" * 70_000, "")


def test_the_same_files_are_the_same_model_and_other_files_another(lab: Lab) -> None:
    first = uploaded(lab)
    again = upload(lab, name="Another name")
    assert (again.status_code, again.json()["uuid"], again.json()["name"]) == (200, first["uuid"], "Lines")
    other = uploaded(lab, content=archive(seed=1))
    assert other["uuid"] != first["uuid"], "the identity of its card is taken, so that it gets one of its own"
    assert other["uuid"][14] == "7"
    listed = lab["lead"].get(MODELS, params={"kind": KIND, "q": "lines"}).json()["items"]
    assert [each["uuid"] for each in listed] == [other["uuid"], first["uuid"]]


def test_downloads_are_the_same_bytes_in_parts_or_whole(lab: Lab, tmp_path: Path) -> None:
    files = folders.with_checksums(folders.contents())
    lines = files["SHA256SUMS"].splitlines(keepends=True)
    made = uploaded(lab, content=folders.zipped({**files, "SHA256SUMS": b"".join(reversed(lines))}))
    whole = lab["viewer"].get(f"{MODELS}/{made['uuid']}/archive")
    expected = io.BytesIO()
    pack(folders.write(tmp_path, files), expected)
    assert whole.content == expected.getvalue(), "and the order of its checksums is the one order"
    assert whole.headers["content-disposition"] == 'attachment; filename="Lines.zip"'
    assert zipfile.ZipFile(io.BytesIO(whole.content)).testzip() is None
    part = lab["viewer"].get(f"{MODELS}/{made['uuid']}/archive", headers={"Range": "bytes=100-299"})
    assert (part.status_code, part.content) == (206, whole.content[100:300])
    assert upload(lab, content=whole.content).status_code == 200

    network = lab["viewer"].get(f"{MODELS}/{made['uuid']}/files/onnx/model.onnx")
    assert network.content == files["onnx/model.onnx"]
    assert network.headers["content-type"] == "application/octet-stream"
    tag = network.headers["etag"]
    assert tag == f'"{hashlib.sha256(network.content).hexdigest()}"'
    unchanged = lab["viewer"].get(f"{MODELS}/{made['uuid']}/files/onnx/model.onnx", headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    sums = lab["viewer"].get(f"{MODELS}/{made['uuid']}/files/SHA256SUMS")
    assert hashlib.sha256(sums.content).hexdigest() == made["sha256"]
    for name in ("../model.zip", "nothing.txt", "..%2f..%2fexact.sqlite3"):
        assert lab["lead"].get(f"{MODELS}/{made['uuid']}/files/{name}").status_code == 404


REFUSED: dict[str, tuple[bytes, dict[str, Any], int, str]] = {
    "a pickle": (b"\x80\x04\x95" + bytes(40), {"file_name": "a.zip"}, 422, "exact models convert"),
    "weights of torch": (archive(), {"file_name": "resnet.pth"}, 422, "exact models convert"),
    "what torch.save writes": (folders.zipped({"x/data.pkl": b"\x80\x02."}), {}, 422, "torch.save"),
    "no archive": (b"hello", {}, 422, "not a ZIP archive"),
    "nothing": (b"", {}, 422, "not a ZIP archive"),
    "half an archive": (archive()[:-60], {}, 422, "cannot be read"),
    "a file too much": (folders.zipped({**folders.with_checksums(folders.contents()), "a.py": b""}), {}, 422, "a.py"),
    "a changed file": (
        folders.zipped({**folders.with_checksums(folders.contents()), "card.md": b"x"}),
        {},
        422,
        "card.md has not the checksum",
    ),
    "no kind": (archive(), {"kind": ""}, 422, "Say the kind"),
    "another kind than its card's": (archive(card={"kind": "a.b"}), {"kind": KIND}, 422, "the model itself says"),
    "a kind that is none": (archive(), {"kind": "Nuclei"}, 422, "does not read"),
    "no name": (archive(), {"name": ""}, 422, "name of a model"),
    "a version that is not there": (archive(), {"version_id": 99}, 404, "no version 99"),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # only rights are asked of the database
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.replace(" ", "-"))
def test_what_is_refused_leaves_nothing(case: str, lab: Lab, services: Services) -> None:
    content, query, status, message = REFUSED[case]
    answer = upload(lab, content=content, **query)
    assert (answer.status_code, message in answer.json()["detail"]) == (status, True), answer.text
    assert everything_below(services) == set()
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Model).where(Model.sha256 != "")) == 0


def test_sizes_are_refused_before_and_while_they_come(lab: Lab, services: Services) -> None:
    object.__setattr__(services, "settings", services.settings.model_copy(update={"max_model_bytes": 1000}))
    assert "1,000 bytes" in upload(lab).json()["detail"]

    def without_length() -> Iterator[bytes]:
        yield archive()
        for _ in range(5):
            yield bytes(1024 * 1024)

    answer = lab["lead"].post(MODELS, params={"image_set_id": lab.image_set_id}, content=without_length())
    assert answer.status_code == 413, answer.text
    assert everything_below(services) == set()


def test_a_full_disk_is_said_and_leaves_nothing(lab: Lab, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(receiving, "unpack", full)
    answer = upload(lab)
    assert (answer.status_code, "disk is full" in answer.json()["detail"]) == (507, True)
    assert everything_below(services) == set()


def test_pages_of_the_list_are_whole_and_pinned_ones_come_first(lab: Lab) -> None:
    made = [uploaded(lab, content=archive(seed=seed, with_network=False))["uuid"] for seed in range(5)]
    assert lab["lead"].put(f"{MODELS}/{made[1]}/pin").json()["is_pinned"] is True
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = lab["ann"].get(MODELS, params={"image_set_id": lab.image_set_id, "limit": 2, "cursor": cursor}).json()
        seen += [each["uuid"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [made[1], made[4], made[3], made[2], made[0]]
    assert lab["ann"].get(MODELS, params={"cursor": "what"}).status_code == 422
    with_network = uploaded(lab, content=archive(seed=9))["uuid"]
    able = {each["uuid"]: each["has_network"] for each in lab["ann"].get(MODELS).json()["items"]}
    assert (able[with_network], able[made[0]]) == (True, False)
    by_plugin = lab["ann"].get(MODELS, params={"kind": "core.", "limit": 200}).json()["items"]
    assert {each["uuid"] for each in by_plugin} > set(made), "the built-in ones are among them"


def test_built_in_models_are_there_for_everybody_and_cannot_be_changed(lab: Lab) -> None:
    kinds = {each["name"]: each for each in lab["stranger"].get("/api/v2/model-kinds").json()}
    nuclei = kinds[KIND]
    assert (nuclei["plugin"], nuclei["is_built_in"], nuclei["has_driver"]) == ("core", True, True)
    assert nuclei["params"]["type"] == "object"
    for _ in range(2):
        listed = lab["stranger"].get(MODELS).json()["items"]
        assert {each["uuid"] for each in listed} == {each["built_in_uuid"] for each in kinds.values()} - {None}
    address = f"{MODELS}/{nuclei['built_in_uuid']}"
    told = lab["stranger"].get(address).json()
    assert (told["is_built_in"], told["sha256"], told["files"], told["team"]) == (True, "", [], None)
    assert lab["stranger"].get(f"{address}/archive").status_code == 404
    answer = lab["admin"].delete(address, params={"reason": "no"})
    assert (answer.status_code, "Built-in" in answer.json()["detail"]) == (403, True)


def test_a_deleted_model_keeps_its_card_until_it_is_restored(lab: Lab, services: Services) -> None:
    made = uploaded(lab)
    address = f"{MODELS}/{made['uuid']}"
    lab["lead"].put(f"{address}/pin")
    refused = lab["lead"].delete(address, params={"reason": "old"})
    assert (refused.status_code, "pinned" in refused.json()["detail"]) == (409, True)
    lab["lead"].delete(f"{address}/pin")
    assert lab["lead"].delete(address, params={"reason": " "}).status_code == 422
    gone = lab["lead"].delete(address, params={"reason": "a better one"}).json()
    assert gone["deleted"]["reason"] == "a better one"
    assert (gone["deleted"]["by"], gone["deleted"]["has_files"]) == ("Lead", True)
    assert gone["card"] == made["card"]
    assert lab["ann"].get(address).json()["figures"] == made["figures"]
    assert lab["ann"].get(MODELS, params={"q": "Lines"}).json()["items"] == []
    assert len(lab["ann"].get(MODELS, params={"q": "Lines", "deleted": True}).json()["items"]) == 1
    archived = lab["ann"].get(f"{address}/archive")
    assert (archived.status_code, "a better one" in archived.json()["detail"]) == (404, True)
    assert lab["lead"].patch(address, json={"name": "x"}).status_code == 404
    assert lab["lead"].post(f"{address}/restore").json() == made
    assert lab["ann"].get(f"{address}/archive").status_code == 200


def test_files_go_for_good_and_the_same_upload_brings_the_model_back(lab: Lab, services: Services) -> None:
    made = uploaded(lab)
    address = f"{MODELS}/{made['uuid']}"
    gone = lab["lead"].delete(address, params={"reason": "secret", "permanently": True}).json()
    assert gone["deleted"]["has_files"] is False
    assert everything_below(services) == set()
    refused = lab["lead"].post(f"{address}/restore")
    assert (refused.status_code, "upload the model again" in refused.json()["detail"]) == (409, True)
    back = upload(lab)
    assert (back.status_code, back.json()) == (200, made)
    assert lab["ann"].get(f"{address}/archive").status_code == 200


def test_names_and_notes_can_be_changed_and_nothing_else(lab: Lab) -> None:
    made = uploaded(lab)
    address = f"{MODELS}/{made['uuid']}"
    changed = lab["lead"].patch(address, json={"name": " Better ", "notes": "Use it for H&E."}).json()
    assert (changed["name"], changed["notes"]) == ("Better", "Use it for H&E.")
    assert {**changed, "name": made["name"], "notes": made["notes"]} == made
    assert lab["lead"].patch(address, json={"card": {}}).status_code == 422
    assert lab["lead"].patch(address, json={"name": "a\nb"}).status_code == 422


def test_what_it_learned_from_stays_told_when_it_is_gone(lab: Lab, services: Services) -> None:
    version = lab.in_set("lead", "POST", "versions", json={"name": "round 1"}).json()
    made = uploaded(lab, version_id=version["id"])
    expected = {"version_id": version["id"], "version_name": "round 1", "is_version_deleted": False}
    assert {key: made["trained_on"][key] for key in expected} == expected
    listed = lab["ann"].get(MODELS, params={"version_id": version["id"]}).json()["items"]
    assert [each["uuid"] for each in listed] == [made["uuid"]]
    lab["lead"].delete(f"/api/v2/versions/{version['id']}", params={"reason": "wrong"})
    told = lab["ann"].get(f"{MODELS}/{made['uuid']}").json()["trained_on"]
    assert (told["version_name"], told["is_version_deleted"]) == ("round 1", True)
    other = upload(lab, content=archive(seed=3), version_id=version["id"])
    assert other.status_code == 404


def test_what_is_stale_goes_and_what_is_kept_stays(lab: Lab, services: Services) -> None:
    kept, old = uploaded(lab), uploaded(lab, content=archive(seed=1))
    lab["lead"].get(f"{MODELS}/{kept['uuid']}/archive")
    lab["lead"].delete(f"{MODELS}/{old['uuid']}", params={"reason": "old"})
    left = services.blobs.folder(f"{places.INCOMING}/left") / "model.zip"
    orphan = services.blobs.folder(f"{places.FOLDER}/01890a5d-ac96-774b-bcce-b302099a0000/files") / "card.json"
    for path in (left, orphan):
        path.write_bytes(b"x")
    assert cleaning.remove_stale(services) == 0
    long_ago = (now() - timedelta(days=2)).timestamp()
    packed = places.files_of(services, kept["uuid"]).parent / places.ARCHIVE
    for path in (left.parent, orphan.parent.parent, packed):
        os.utime(path, (long_ago, long_ago))
    with services.database.write() as session:
        session.execute(update(Model).where(Model.uuid == old["uuid"]).values(deleted_at=now() - timedelta(days=40)))
    assert cleaning.remove_stale(services) == 4
    assert {path.split("/")[0] for path in everything_below(services)} == {kept["uuid"]}
    assert lab["lead"].get(f"{MODELS}/{kept['uuid']}/archive").status_code == 200
    assert lab["lead"].get(f"{MODELS}/{old['uuid']}").json()["deleted"]["has_files"] is False


def test_a_team_with_models_stays_until_they_are_deleted(lab: Lab, services: Services) -> None:
    team = lab["admin"].post("/api/v2/teams", json={"name": "modellers"}).json()["id"]
    made = uploaded(lab, "admin", team_id=team)
    refused = lab["admin"].delete(f"/api/v2/teams/{team}")
    assert (refused.status_code, "1 models" in refused.json()["detail"]) == (409, True)
    lab["admin"].delete(f"{MODELS}/{made['uuid']}", params={"reason": "done", "permanently": True})
    assert lab["admin"].delete(f"/api/v2/teams/{team}").status_code == 204
    with services.database.read() as session:
        assert session.scalar(select(func.count()).select_from(ModelFile)) == 0


def test_a_set_that_is_removed_for_good_leaves_the_model_to_the_leads(lab: Lab, services: Services) -> None:
    made = uploaded(lab)
    with services.database.write() as session:
        session.execute(update(ImageSet).where(ImageSet.id == lab.image_set_id).values(deleted_at=now()))
    assert lab["viewer"].get(f"{MODELS}/{made['uuid']}").status_code == 404
    told = lab["ann"].get(f"{MODELS}/{made['uuid']}").json()
    assert (told["may_open"], "deleted" in told["closed_reason"], told["figures"]) == (False, True, [])
    assert lab["lead"].get(f"{MODELS}/{made['uuid']}").json()["may_change"] is True
    assert len(lab["ann"].get(MODELS, params={"q": "Lines"}).json()["items"]) == 1
    assert lab["viewer"].get(MODELS, params={"q": "Lines"}).json()["items"] == []
    with services.database.write() as session:
        session.execute(delete(Model))
