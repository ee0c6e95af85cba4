"""Uploads of several files that make one image, and what files and folders may be called."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from exact_core.services import Services
from exact_core.storage.models import Upload
from tests.core.images.instance import (
    all_images,
    everything_below,
    image_row,
    run_jobs,
)
from tests.core.images.tus import announce, send, upload


def test_a_folder_of_an_mrxs_slide_becomes_one_image(api: TestClient, services: Services, image_set: int):
    files = {
        "Smith.mrxs": b"main",
        "Smith/Slidedat.ini": b"[GENERAL]",
        "Smith/Data0000.dat": b"data",
        "notes.txt": b"hi",
    }
    for path, data in files.items():
        upload(api, image_set, data, path.rsplit("/", 1)[-1], relative_path=path, group="g1")
    done = api.post("/api/v2/uploads/groups/g1/finish")
    assert done.status_code == 200, done.text
    assert done.json()["ignored_files"] == 1
    assert len(done.json()["images"]) == 1
    image = all_images(services, image_set)[0]
    folder = services.blobs.resolve(image.file_path).parent
    assert everything_below(folder) == {"image.mrxs", "image/Slidedat.ini", "image/Data0000.dat"}
    assert image.private_name == "Smith.mrxs"
    assert api.post("/api/v2/uploads/groups/g1/finish").json() == done.json()
    assert everything_below(services.blobs.folder("uploads")) == set()
    run_jobs(services)
    assert image_row(services, image.id).status == "unreadable"


def test_a_group_is_finished_only_when_it_is_complete(api: TestClient, services: Services, image_set: int):
    upload(api, image_set, b"main", "a.png", relative_path="f/a.png", group="g2")
    half = announce(api, image_set, 10, "b.png", relative_path="f/b.png", group="g2").headers["Location"]
    waiting = api.post("/api/v2/uploads/groups/g2/finish")
    assert waiting.status_code == 409
    assert "1 of the 2 files" in waiting.json()["detail"]
    assert all_images(services, image_set) == []
    send(api, half, 0, b"0123456789")
    assert len(api.post("/api/v2/uploads/groups/g2/finish").json()["images"]) == 2
    assert api.post("/api/v2/uploads/groups/unknown/finish").status_code == 404


@pytest.mark.parametrize(
    "path", ["../x.png", "/x.png", "C:\\x.png", "a/../../x.png", "a\0.png", "x\u202e.png", "a//b.png"]
)
def test_hostile_paths_of_a_folder_are_refused(api: TestClient, image_set: int, path: str):
    answer = announce(api, image_set, 10, "x.png", relative_path=path, group="g3")
    assert answer.status_code == 422
    assert api.get("/api/v2/uploads").json() == []


def test_names_that_differ_in_capitals_only_are_refused(api: TestClient, image_set: int):
    assert announce(api, image_set, 10, relative_path="f/A.png", group="g4").status_code == 201
    assert announce(api, image_set, 10, relative_path="F/a.PNG", group="g4").status_code == 409


@pytest.mark.data
def test_a_dicom_series_becomes_one_image_that_opens(api: TestClient, services: Services, image_set: int, shared_data):
    for number in (0, 1):
        data = (shared_data / "01-wsi" / "robustness" / f"boxes_{number}.dcm").read_bytes()
        upload(api, image_set, data, f"{number}.dcm", relative_path=f"Smith/{number}.dcm", group="g5")
    done = api.post("/api/v2/uploads/groups/g5/finish").json()
    assert len(done["images"]) == 1
    run_jobs(services)
    image = all_images(services, image_set)[0]
    assert image.private_name == "Smith"
    assert image.size_bytes > 0
    assert image.status == "ready", image.status_reason


def test_hostile_names_are_stored_clean(api: TestClient, services: Services, image_set: int):
    names = ["C:\\a\\b.png", "../../x.png", "a\0b.png", "x\u202egnp.exe", "n" * 3000 + ".png"]
    for number, name in enumerate(names):
        assert upload(api, image_set, b"data %d" % number, name).status_code == 204
    kept = [image.private_name for image in all_images(services, image_set)]
    assert kept[:4] == ["b.png", "x.png", "ab.png", "xgnp.exe"]
    assert len(kept[4]) == 255
    assert all(Path(image.file_path).name in {"image.png", "image.bin"} for image in all_images(services, image_set))


def test_rows_of_uploads_say_what_became_of_them(api: TestClient, services: Services, image_set: int):
    upload(api, image_set, b"one")
    upload(api, image_set, b"one")
    with services.database.read() as session:
        assert sorted(session.scalars(select(Upload.outcome))) == ["added", "duplicate"]
