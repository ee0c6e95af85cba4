"""Uploads: every byte arrives once, whatever happens to connections, servers and disks."""

from __future__ import annotations

import base64
import http.client
import random
import resource
import shutil
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from exact_core.api.context import Actor
from exact_core.images import uploads as uploads_module
from exact_core.images.uploads import NewUpload, Uploads, remove_stale_uploads
from exact_core.services import Services
from exact_core.storage.models import ImageSetMember, Upload, now
from tests.core.images.instance import (
    all_images,
    everything_below,
    image_row,
    run_jobs,
    running_instance,
    served,
    token_of,
    wait_until,
)
from tests.core.images.tus import TUS, announce, metadata, send, upload
from tests.serving import Client, application


def test_a_file_becomes_an_image_that_is_then_read(
    api: TestClient, services: Services, image_set: int, make_picture: Callable[..., Path]
):
    data = make_picture("a.png").read_bytes()
    done = upload(api, image_set, data)
    assert done.status_code == 204
    assert done.headers["Upload-Offset"] == str(len(data))
    assert done.headers["X-Exact-Status"] == "probing"
    run_jobs(services)
    image = image_row(services, int(done.headers["X-Exact-Image"]))
    assert (image.status, image.width, image.height) == ("ready", 64, 48)
    assert image.private_name == "Smith.png"
    assert services.blobs.resolve(image.file_path).read_bytes() == data


def test_neither_the_stored_file_nor_any_answer_to_viewers_carries_the_private_name(
    api: TestClient,
    api_of: Callable[[Actor], TestClient],
    viewer: Actor,
    services: Services,
    image_set: int,
    caplog: pytest.LogCaptureFixture,
):
    done = upload(api, image_set, b"no picture of Smith at all", "Smith 1950.svs")
    run_jobs(services)
    image_id = done.headers["X-Exact-Image"]
    assert not any("Smith" in name for name in everything_below(services.blobs.root))
    looking = api_of(viewer)
    for address in (f"/api/v2/images/{image_id}", f"/api/v2/image-sets/{image_set}/images", "/api/v2/jobs"):
        assert "Smith" not in looking.get(address).text
    assert looking.get(f"/api/v2/image-sets/{image_set}/images?q=Smith").json()["total"] == 0
    assert api.get(f"/api/v2/image-sets/{image_set}/images?q=smith").json()["total"] == 1
    assert api.get(f"/api/v2/images/{image_id}").json()["private_name"] == "Smith 1950.svs"
    assert "Smith" not in api.get(f"/api/v2/images/{image_id}").json()["status_reason"]
    assert "Smith" not in caplog.text


def test_a_file_cut_at_random_places_arrives_whole(api: TestClient, services: Services, image_set: int):
    data = random.Random(1).randbytes(300_000)
    address = announce(api, image_set, len(data)).headers["Location"]
    chance = random.Random(2)
    offset = 0
    while offset < len(data):
        count = min(chance.randint(1, 60_000), len(data) - offset)
        assert send(api, address, offset, data[offset : offset + count]).status_code == 204
        offset += count
        answer = api.head(address)
        assert answer.headers["Upload-Offset"] == str(offset)
        assert answer.headers["Cache-Control"] == "no-store"
    image = all_images(services, image_set)[0]
    assert services.blobs.resolve(image.file_path).read_bytes() == data
    import hashlib

    assert image.checksum == hashlib.sha256(data).hexdigest()


def test_connections_that_break_lose_nothing_that_was_kept(services: Services, manager: Actor, image_set: int):
    data = random.Random(3).randbytes(3_000_000)
    headers = token_of(services, manager)
    with served(services) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        named = metadata(image_set=str(image_set), name="a.png")
        connection.request(
            "POST", "/api/v2/uploads", headers={**headers, **TUS, "Upload-Length": str(len(data)), **named}
        )
        address = connection.getresponse().headers["Location"]
        connection.close()
        chance = random.Random(4)
        offset = 0
        for _ in range(4):
            with socket.create_connection(("127.0.0.1", port)) as raw:
                lines = [f"PATCH {address} HTTP/1.1", "Host: localhost", f"Content-Length: {len(data) - offset}"]
                lines += [f"Upload-Offset: {offset}", "Content-Type: application/offset+octet-stream"]
                lines += [f"{key}: {value}" for key, value in {**headers, **TUS}.items()]
                raw.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
                raw.sendall(data[offset : offset + chance.randint(1, 700_000)])
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

            def received() -> int:
                fresh = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                fresh.request("HEAD", address, headers={**headers, **TUS})
                answer = fresh.getresponse().headers["Upload-Offset"]
                fresh.close()
                return int(answer)

            before = offset
            wait_until(lambda: not _is_busy(services, address))
            offset = received()
            assert before <= offset < len(data)

        def sent_rest() -> bool:
            rest = received()
            fresh = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            sending = {**headers, **TUS, "Upload-Offset": str(rest), "Content-Type": "application/offset+octet-stream"}
            fresh.request("PATCH", address, body=data[rest:], headers=sending)
            status = fresh.getresponse().status
            fresh.close()
            assert status in {204, 409, 423}  # a broken connection may still be read to its end: then ask again
            return status == 204

        wait_until(sent_rest)
    image = all_images(services, image_set)[0]
    assert services.blobs.resolve(image.file_path).read_bytes() == data


def _is_busy(services: Services, address: str) -> bool:
    try:
        with Uploads(services).locked([address.rsplit("/", 1)[-1]]):
            return False
    except uploads_module.UploadBusy:
        return True


def test_an_upload_goes_on_after_the_server_was_restarted(
    settings, services: Services, manager: Actor, image_set: int, make_picture: Callable[..., Path]
):
    data = make_picture("a.png").read_bytes()
    headers = token_of(services, manager)
    with Client(application(services), headers=headers) as first:
        address = announce(first, image_set, len(data)).headers["Location"]
        send(first, address, 0, data[:1000])
    # a server that was killed may have written more than it recorded: what is not recorded does not count
    with services.blobs.path(f"uploads/{address.rsplit('/', 1)[-1]}").open("ab") as file:
        file.write(b"bytes of unknown fate")
    with running_instance(settings) as again, Client(application(again), headers=headers) as second:
        assert second.head(address).headers["Upload-Offset"] == "1000"
        assert send(second, address, 1000, data[1000:]).status_code == 204
        assert again.blobs.resolve(all_images(again, image_set)[0].file_path).read_bytes() == data


@pytest.mark.parametrize("offset", [0, 99, 101, 500, 10**12])
def test_a_wrong_offset_is_refused_and_changes_nothing(api: TestClient, image_set: int, offset: int):
    address = announce(api, image_set, 500).headers["Location"]
    send(api, address, 0, b"x" * 100)
    answer = send(api, address, offset, b"y" * 10)
    assert answer.status_code == 409
    assert "100" in answer.json()["detail"]
    assert api.head(address).headers["Upload-Offset"] == "100"


def test_more_bytes_than_announced_are_refused(api: TestClient, services: Services, image_set: int):
    address = announce(api, image_set, 50).headers["Location"]
    assert send(api, address, 0, b"x" * 51).status_code == 413
    assert api.head(address).headers["Upload-Offset"] == "0"
    assert all_images(services, image_set) == []


def test_a_second_client_on_the_same_upload_has_to_wait(
    api: TestClient, services: Services, manager: Actor, image_set: int
):
    address = announce(api, image_set, 500).headers["Location"]
    uploads = Uploads(services)
    with uploads.receiving(manager, address.rsplit("/", 1)[-1], 0) as piece:
        piece.write(b"x" * 100)
        assert send(api, address, 0, b"y" * 100).status_code == 423
    assert send(api, address, 0, b"y" * 100).status_code == 409
    assert send(api, address, 100, b"x" * 400).status_code == 204


def test_the_protocol_is_described_and_checked(api: TestClient, image_set: int):
    described = api.options("/api/v2/uploads")
    assert described.headers["Tus-Version"] == "1.0.0"
    assert set(described.headers["Tus-Extension"].split(",")) == {"creation", "termination", "expiration"}
    address = announce(api, image_set, 10).headers["Location"]
    wrong_type = api.patch(address, content=b"x", headers={**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"})
    assert wrong_type.status_code == 415
    assert api.patch(address, headers={"Tus-Resumable": "0.2.2", "Upload-Offset": "0"}).status_code == 412
    assert "Upload-Expires" in api.head(address).headers
    for headers in ({}, {"Upload-Length": "-1"}, {"Upload-Length": "0"}, {"Upload-Length": "x"}):
        named = metadata(image_set=str(image_set), name="a")
        assert api.post("/api/v2/uploads", headers={**TUS, **named, **headers}).status_code == 422
    for bad in ("image_set !!!", "image_set " + base64.b64encode(b"\xff").decode(), "name YQ==", "image_set YQ=="):
        headers = {**TUS, "Upload-Length": "5", "Upload-Metadata": bad}
        assert api.post("/api/v2/uploads", headers=headers).status_code == 422


def test_a_zip_is_refused_with_what_to_do_instead(api: TestClient, image_set: int):
    answer = announce(api, image_set, 100, "slides.ZIP")
    assert answer.status_code == 422
    assert "folder" in answer.json()["detail"]


def test_termination_removes_the_bytes(api: TestClient, services: Services, image_set: int):
    address = announce(api, image_set, 10).headers["Location"]
    send(api, address, 0, b"12345")
    assert api.delete(address).status_code == 204
    assert api.head(address).status_code == 404
    assert everything_below(services.blobs.folder("uploads")) == set()


def test_only_its_owner_knows_an_upload(
    api: TestClient, api_of: Callable[[Actor], TestClient], make_user: Callable[..., Actor], image_set: int
):
    address = announce(api, image_set, 10).headers["Location"]
    other = api_of(make_user("olga", is_admin=True))
    assert other.head(address).status_code == 404
    assert send(other, address, 0, b"x").status_code == 404
    assert other.delete(address).status_code == 404
    assert [each["size_bytes"] for each in api.get("/api/v2/uploads").json()] == [10]
    assert other.get("/api/v2/uploads").json() == []


def test_uploading_needs_the_right_at_the_beginning_in_between_and_at_the_end(
    api: TestClient,
    api_of: Callable[[Actor], TestClient],
    services: Services,
    viewer: Actor,
    stranger: Actor,
    image_set: int,
):
    assert announce(api_of(viewer), image_set, 5).status_code == 403
    assert announce(api_of(stranger), image_set, 5).status_code == 404
    address = announce(api, image_set, 5).headers["Location"]
    with services.database.write() as session:
        session.execute(update(ImageSetMember).values(role="viewer"))
    assert send(api, address, 0, b"12345").status_code == 403
    assert all_images(services, image_set) == []


def test_two_files_of_one_name_are_two_images(
    api: TestClient, services: Services, image_set: int, make_picture: Callable[..., Path]
):
    contents = [make_picture("a.png", seed=seed).read_bytes() for seed in (1, 2)]
    for data in contents:
        assert upload(api, image_set, data, "same.png").headers["X-Exact-Status"] == "probing"
    images = all_images(services, image_set)
    assert [services.blobs.resolve(image.file_path).read_bytes() for image in images] == contents
    assert len({image.name for image in images}) == 2


def test_the_same_file_twice_at_once_is_one_image(
    services: Services, manager: Actor, image_set: int, make_picture: Callable[..., Path]
):
    data = make_picture("a.png", width=400, height=400).read_bytes()
    headers = token_of(services, manager)
    answers: list[str] = []
    barrier = threading.Barrier(3)
    app = application(services)

    def one(name: str) -> None:
        with Client(app, headers=headers) as client:
            address = announce(client, image_set, len(data), name).headers["Location"]
            barrier.wait(timeout=30)
            answers.append(send(client, address, 0, data).headers["X-Exact-Status"])

    threads = [threading.Thread(target=one, args=(f"{number}.png",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(answers) == ["duplicate", "duplicate", "probing"]
    assert len(all_images(services, image_set)) == 1
    assert len([name for name in everything_below(services.blobs.root) if name.startswith("images/")]) == 1
    assert everything_below(services.blobs.folder("uploads")) == set()


def test_finishing_again_after_a_lost_answer_gives_the_same_image(
    api: TestClient, services: Services, image_set: int, make_picture: Callable[..., Path]
):
    data = make_picture("a.png").read_bytes()
    address = announce(api, image_set, len(data)).headers["Location"]
    first = send(api, address, 0, data).headers["X-Exact-Image"]
    again = api.post(f"{address}/finish")
    assert again.json()["image_id"] == int(first)
    assert api.get(address).json()["outcome"] == "added"
    assert len(all_images(services, image_set)) == 1


def test_a_finish_that_a_crash_cut_off_can_be_done_again(
    api: TestClient,
    services: Services,
    image_set: int,
    make_picture: Callable[..., Path],
    manager: Actor,
):
    data = make_picture("a.png").read_bytes()
    created = Uploads(services).create(manager, NewUpload(image_set, "a.png", len(data)))
    with Uploads(services).receiving(manager, created.key, 0) as piece:
        piece.write(data)
    # the place of the file as a finish leaves it that was killed before it wrote the row
    half = services.blobs.folder(f"images/{image_set}/{created.key}")
    (half / "image.png").write_bytes(data[:10])
    assert api.post(f"/api/v2/uploads/{created.key}/finish").status_code == 200
    assert services.blobs.resolve(all_images(services, image_set)[0].file_path).read_bytes() == data


def test_too_large_too_full_and_over_quota_are_said_before_a_byte_is_sent(
    settings, services: Services, manager: Actor, image_set: int
):
    small = settings.model_copy(update={"max_upload_bytes": 1_000_000, "image_set_quota_bytes": 500_000})
    with (
        running_instance(small) as limited,
        Client(application(limited), headers=token_of(limited, manager)) as api,
    ):
        assert announce(api, image_set, 1_000_001).status_code == 413
        over = announce(api, image_set, 500_001)
        assert over.status_code == 507
        assert "image set may store" in over.json()["detail"]
        assert announce(api, image_set, 300_000).status_code == 201
        assert announce(api, image_set, 300_000).status_code == 507
    free = shutil.disk_usage(services.blobs.root).free
    with Client(application(services), headers=token_of(services, manager)) as api:
        full = announce(api, image_set, min(free + 1, settings.max_upload_bytes))
        if free < settings.max_upload_bytes:
            assert full.status_code == 507
            assert full.json()["code"] == "storage-full"
    greedy = settings.model_copy(update={"free_space_mib": 10**9})
    with (
        running_instance(greedy) as limited,
        Client(application(limited), headers=token_of(limited, manager)) as api,
    ):
        assert announce(api, image_set, 5).status_code == 507


def test_a_disk_that_fills_up_keeps_what_came_and_sending_goes_on_later(
    api: TestClient, services: Services, image_set: int
):
    data = random.Random(5).randbytes(2_500_000)
    address = announce(api, image_set, len(data)).headers["Location"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    database_limit = 1_500_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (database_limit, hard))
    try:
        full = send(api, address, 0, data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert full.status_code == 507
    assert "disk is full" in full.json()["detail"]
    kept = int(api.head(address).headers["Upload-Offset"])
    assert 0 < kept <= database_limit
    assert send(api, address, kept, data[kept:]).status_code == 204
    assert services.blobs.resolve(all_images(services, image_set)[0].file_path).read_bytes() == data


def test_what_nobody_finishes_is_removed_after_days(api: TestClient, services: Services, image_set: int):
    old = announce(api, image_set, 10).headers["Location"]
    fresh = announce(api, image_set, 10).headers["Location"]
    (services.blobs.folder("uploads") / "orphan").write_bytes(b"x")
    with services.database.write() as session:
        past = now() - timedelta(days=services.settings.upload_days, minutes=1)
        session.execute(update(Upload).where(Upload.key == old.rsplit("/", 1)[-1]).values(updated_at=past))
    assert remove_stale_uploads(services) == 1
    assert api.head(old).status_code == 404
    assert api.head(fresh).status_code == 200
    assert everything_below(services.blobs.folder("uploads")) == {fresh.rsplit("/", 1)[-1], "orphan"}
