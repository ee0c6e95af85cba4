"""Real slides, pictures and stacks go all the way: typed import, the server, tiles, and shapes drawn on every frame."""

from __future__ import annotations

import base64
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import httpx

from tests.platform.dicom_slide import write_dicom_slide
from tests.platform.image_checks import assert_clear, assert_shows_the_same, check_picture, check_tiles, make_types
from tests.platform.real_instance import RealInstance, wait_until_read
from tests.platform.real_pictures import REAL_PICTURES, Pixels, RealPicture
from tests.postgres import PostgresServer

pytestmark = [pytest.mark.data, pytest.mark.xdist_group("real files")]

SLIDES = "01-wsi"
DICOM = "dicom"
CUTS = (10, 50, 90, 99.9)
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture(scope="module")
def slides(shared_data: Path) -> Path:
    return shared_data / SLIDES


@pytest.fixture(scope="module")
def dicom_picture() -> RealPicture:
    levels = ((1100, 900), (550, 450), (275, 225), (138, 113))
    return RealPicture(DICOM, (1100, 900), 0.499, levels, read=_scanned)


def _scanned(folder: Path) -> Mapping[str, Pixels]:
    """What was given to the DICOM writer: a piece of real tissue."""
    slide = folder.parent.parent / "CMU-1-Small-Region.svs"
    whole = next(each for each in REAL_PICTURES if each.path == slide.name).read(slide)["0.0.rgb"]
    return {"0.0.rgb": np.ascontiguousarray(whole[400:1300, 300:1400])}


@pytest.fixture(scope="module")
def dicom(slides: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DICOM slide beside a link to the slide that its pixels came from."""
    home = tmp_path_factory.mktemp("scanner")
    (home / "CMU-1-Small-Region.svs").symlink_to(slides / "CMU-1-Small-Region.svs")
    folder = home / "scans" / DICOM
    folder.parent.mkdir()
    write_dicom_slide(folder, np.asarray(_scanned(folder)["0.0.rgb"]), 0.499)
    return folder


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealInstance]:
    """A running instance on SQLite, with an administrator."""
    with RealInstance(tmp_path_factory.mktemp("instance")) as instance:
        instance.add_user("ann", admin=True)
        instance.start()
        yield instance


@pytest.fixture(scope="module")
def imported(instance: RealInstance, slides: Path, dicom: Path) -> dict[str, int]:
    """Every good file, imported by one command into one set; image numbers by path below the folder of slides."""
    paths = [slides / picture.path for picture in REAL_PICTURES]
    code, lines = instance.run_import("Real files", *paths, dicom)
    assert all(line.keys() == {"path", "image", "status", "reason"} for line in lines)
    assert [(line["status"], line["reason"]) for line in lines] == [("ready", "")] * len(lines), lines
    assert code == 0
    numbers = {}
    for line in lines:
        path = Path(line["path"])
        numbers[DICOM if path.is_relative_to(dicom) else path.relative_to(slides).as_posix()] = line["image"]
    assert numbers.keys() == {*(picture.path for picture in REAL_PICTURES), DICOM}
    return numbers


@pytest.fixture(scope="module")
def types(instance: RealInstance, imported: dict[str, int]) -> dict[str, int]:
    """An annotation type that the set of the imported files may use."""
    return make_types(instance.client("ann"), next(iter(imported.values())))


def test_every_file_of_the_folders_is_tested(slides: Path):
    there = {path.relative_to(slides).as_posix() for path in [*slides.glob("*.*"), *slides.glob("plain/*")]}
    there |= {path.relative_to(slides).as_posix() for path in slides.glob("frames/*")}
    assert there == {picture.path for picture in REAL_PICTURES}


@pytest.mark.parametrize("path", [*(picture.path for picture in REAL_PICTURES), DICOM])
def test_a_real_file_shows_its_pixels_and_keeps_shapes(
    path: str,
    instance: RealInstance,
    imported: dict[str, int],
    types: dict[str, int],
    slides: Path,
    dicom: Path,
    dicom_picture: RealPicture,
):
    picture = dicom_picture if path == DICOM else next(each for each in REAL_PICTURES if each.path == path)
    file = dicom if path == DICOM else slides / path
    check_picture(instance.client("ann"), imported[path], picture, file, types["Cell"])


def cut_copies(slides: Path, dicom: Path, folder: Path) -> dict[Path, tuple[str, float]]:
    """Copies of every real slide and of the broken ones, cut; the source and how many percent are left of each."""
    copies = {}
    sources = [slides / picture.path for picture in REAL_PICTURES]
    sources += [path for path in sorted((slides / "robustness").iterdir()) if path.suffix != ".dcm"]
    for percent in CUTS:
        for source in sources:
            path = folder / f"{percent}" / source.name
            path.parent.mkdir(parents=True, exist_ok=True)
            data = source.read_bytes()
            path.write_bytes(data[: int(len(data) * percent / 100)])
            copies[path] = (source.relative_to(slides).as_posix(), percent)
        series = folder / f"{percent}" / f"series-{percent}"
        shutil.copytree(dicom, series)
        largest = max(series.iterdir(), key=lambda each: each.stat().st_size)
        largest.write_bytes(largest.read_bytes()[: int(largest.stat().st_size * percent / 100)])
        copies[series] = (DICOM, percent)
    return copies


def test_cut_and_broken_files_are_told_from_whole_ones_and_harm_nothing(
    instance: RealInstance, imported: dict[str, int], types: dict[str, int], slides: Path, dicom: Path, tmp_path: Path
):
    client = instance.client("ann")
    copies = cut_copies(slides, dicom, tmp_path / "cut")
    robustness = tmp_path / "robustness"
    shutil.copytree(slides / "robustness", robustness)
    good = client.get(f"/api/v2/images/{imported['CMU-1-Small-Region.svs']}/slide-information").json()
    tile = good["tile_url"].format(frame="0.0.rgb", level=0, column=4, row=6)
    before = client.get(tile).content
    code, lines = instance.run_import("Broken files", tmp_path / "cut", robustness)
    assert code == 1
    assert {line["status"] for line in lines} <= {"ready", "unreadable", "duplicate"}
    by_path = {Path(line["path"]): line for line in lines}
    for path, (source, percent) in copies.items():
        line = by_path.get(path) or next(each for at, each in by_path.items() if at.is_relative_to(path))
        if line["status"] == "unreadable":
            assert_clear(line["reason"], path.stem)
            seen = client.get(f"/api/v2/images/{line['image']}").json()
            assert (seen["status"], seen["status_reason"]) == ("unreadable", line["reason"])
        elif line["status"] == "ready":
            # Only what lies behind the last pixel may be missing.
            assert percent == 99.9, path
            assert_shows_the_same(client, line["image"], slides / source)
    of_broken = {path.name: line["status"] for path, line in by_path.items() if path.parent == robustness}
    assert of_broken == {
        "boxes.tiff": "ready",
        "boxes_0.dcm": "ready",
        "small.svs": "ready",
        "unopenable.tiff": "unreadable",
        "unreadable.svs": "unreadable",
    }
    assert instance.is_serving
    assert client.get("/healthz").status_code == 200
    assert client.get(tile).content == before
    assert instance.left_over() == []


def test_an_unreadable_image_says_so_at_every_address(
    instance: RealInstance, imported: dict[str, int], slides: Path, tmp_path: Path
):
    path = tmp_path / "Smith-1950.svs"
    data = (slides / "CMU-1-Small-Region.svs").read_bytes()
    path.write_bytes(data[: len(data) // 3])
    code, (line,) = instance.run_import("Broken files", path)
    assert (code, line["status"]) == (1, "unreadable")
    client = instance.client("ann")
    for part in ("slide-information", "thumbnail", "tiles/0.0.rgb/0/0_0"):
        answer = client.get(f"/api/v2/images/{line['image']}/{part}")
        assert 400 <= answer.status_code < 500, f"{part}: {answer.status_code} {answer.text}"
        assert_clear(answer.json()["detail"], "Smith", "1950")
    path.write_bytes(data)
    repaired, (mended,) = instance.run_import("Broken files", path)
    assert (repaired, mended["status"], mended["image"]) == (0, "ready", line["image"])


def announce(client: httpx.Client, image_set_id: int, name: str, size: int) -> str:
    values = {"image_set": str(image_set_id), "name": name}
    encoded = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": encoded}
    answer = client.post("/api/v2/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def send(client: httpx.Client, address: str, offset: int, data: bytes) -> Any:
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return client.patch(address, headers=headers, content=data)


@pytest.fixture(scope="module")
def shared_set(instance: RealInstance, imported: dict[str, int]) -> int:
    """An image set of its own, to which Ben, who is no administrator, may upload too."""
    admin = instance.client("ann")
    instance.add_user("ben")
    first = admin.get(f"/api/v2/images/{imported['plain/he-512x680.jpg']}").json()["image_set_id"]
    team_id = admin.get(f"/api/v2/image-sets/{first}").json()["team"]["id"]
    made = admin.post("/api/v2/image-sets", json={"team_id": team_id, "name": "Uploads"})
    assert made.status_code == 201, made.text
    user_id = instance.client("ben").get("/api/v2/me").json()["id"]
    address = f"/api/v2/image-sets/{made.json()['id']}/members/users/{user_id}"
    assert admin.put(address, json={"role": "manager"}).status_code == 200
    return int(made.json()["id"])


def test_two_people_upload_different_files_of_one_name_at_the_same_time(
    instance: RealInstance, shared_set: int, slides: Path
):
    files = {"ben": slides / "plain/he-512x680.png", "ann": slides / "plain/he-862x896.tiff"}
    start = threading.Barrier(2)
    became: dict[str, int] = {}

    def upload(name: str) -> None:
        client, data = instance.client(name), files[name].read_bytes()
        address = announce(client, shared_set, "slide.tiff", len(data))
        start.wait(20)
        half = len(data) // 2
        assert send(client, address, 0, data[:half]).status_code == 204
        start.wait(20)
        became[name] = int(send(client, address, half, data[half:]).headers["X-Exact-Image"])

    threads = [threading.Thread(target=upload, args=(name,)) for name in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(became.values())) == 2
    for name, image_id in became.items():
        client = instance.client(name)
        image = wait_until_read(client, image_id)
        assert (image["status"], image["private_name"]) == ("ready", "slide.tiff")
        info = client.get(f"/api/v2/images/{image_id}/slide-information").json()
        with Image.open(files[name]) as picture:
            check_tiles(client, info, "0.0.rgb", np.asarray(picture.convert("RGB")), files[name], 4.0)
    assert instance.left_over() == []


def test_the_same_file_again_is_a_duplicate(instance: RealInstance, shared_set: int, slides: Path):
    data = (slides / "frames/qupath-cells-2z.ome.tif").read_bytes()
    answers = []
    for name in ("ben", "ann"):
        client = instance.client(name)
        answers.append(send(client, announce(client, shared_set, f"of-{name}.tif", len(data)), 0, data))
    assert [answer.headers["X-Exact-Status"] for answer in answers] == ["probing", "duplicate"]
    assert len({answer.headers["X-Exact-Image"] for answer in answers}) == 1
    assert wait_until_read(instance.client("ann"), int(answers[0].headers["X-Exact-Image"]))["size_z"] == 2


def test_a_broken_upload_is_unreadable_with_a_reason(instance: RealInstance, shared_set: int, slides: Path):
    client = instance.client("ben")
    data = (slides / "test3-DAPI-2-387.ndpi").read_bytes()
    data = data[: len(data) * 9 // 10]
    done = send(client, announce(client, shared_set, "Smith.ndpi", len(data)), 0, data)
    image = wait_until_read(client, int(done.headers["X-Exact-Image"]))
    assert image["status"] == "unreadable"
    assert_clear(image["status_reason"], "Smith")


def test_an_upload_cut_in_the_middle_goes_on_after_a_restart(instance: RealInstance, shared_set: int, slides: Path):
    file = slides / "test3-DAPI-2-387.ndpi"
    data = file.read_bytes()
    client = instance.client("ben")
    address = announce(client, shared_set, file.name, len(data))
    with broken_connection(instance, address, data, upto=len(data) // 2):
        deadline = time.monotonic() + 20
        while client.get(address).status_code == 200 and not instance.left_over() and time.monotonic() < deadline:
            time.sleep(0.05)
    instance.stop()
    instance.start()
    client = instance.client("ben")
    (unfinished,) = client.get("/api/v2/uploads", params={"image_set_id": shared_set}).json()
    offset = int(client.head(address, headers=TUS).headers["Upload-Offset"])
    assert unfinished["received_bytes"] == offset
    assert 0 < offset <= len(data) // 2
    done = send(client, address, offset, data[offset:])
    assert done.status_code == 204, done.text
    image = wait_until_read(client, int(done.headers["X-Exact-Image"]))
    assert (image["status"], image["size_bytes"]) == ("ready", len(data))
    info = client.get(f"/api/v2/images/{image['id']}/slide-information").json()
    assert (info["width"], info["height"]) == (3968, 4864)
    assert client.get(info["tile_url"].format(frame="0.0.rgb", level=0, column=3, row=4)).status_code == 200
    assert instance.left_over() == []


@contextmanager
def broken_connection(instance: RealInstance, address: str, data: bytes, *, upto: int) -> Iterator[None]:
    """Send the beginning of a file over a connection that then breaks."""
    host, port = instance.address.removeprefix("http://").split(":")
    headers = {**TUS, **instance.headers("ben"), "Upload-Offset": "0", "Content-Length": str(len(data))}
    lines = [f"PATCH {address} HTTP/1.1", f"Host: {host}:{port}", "Content-Type: application/offset+octet-stream"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        connection.sendall(data[:upto])
        yield
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.postgres
def test_real_files_go_the_same_way_on_postgresql(
    postgres_server: PostgresServer, slides: Path, dicom: Path, dicom_picture: RealPicture, tmp_path: Path
):
    chosen = {
        picture.path: picture
        for picture in REAL_PICTURES
        if picture.path
        in {"CMU-1-Small-Region.svs", "frames/qupath-cells-2c.ome.tif", "frames/qupath-cells-gray32.tif"}
    }
    cut = tmp_path / "cut.svs"
    cut.write_bytes((slides / "CMU-1-Small-Region.svs").read_bytes()[:500_000])
    with postgres_server.temporary() as name, RealInstance(tmp_path, postgres_server.url_of(name)) as instance:
        instance.add_user("ann", admin=True)
        code, lines = instance.run_import("Real files", *(slides / path for path in chosen), dicom, cut)
        assert code == 1
        assert sorted(line["status"] for line in lines) == ["ready"] * 4 + ["unreadable"]
        with instance.client_within("ann") as client:
            types = make_types(client, lines[0]["image"])
            for line in lines:
                path = Path(line["path"])
                if line["status"] == "unreadable":
                    assert_clear(line["reason"], "cut.svs")
                elif path.is_relative_to(dicom):
                    check_picture(client, line["image"], dicom_picture, dicom, types["Cell"])
                else:
                    picture = chosen[path.relative_to(slides).as_posix()]
                    check_picture(client, line["image"], picture, path, types["Cell"])
        assert instance.left_over() == []
