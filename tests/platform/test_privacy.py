"""What a file was called and what its label shows: nowhere without the right."""

from __future__ import annotations

import logging
import re
import shutil
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from exact_sdk.fakedist import FakeDistributions
from exact_sdk.harness import Instance

from exact_core.images.naming import PublicNames
from exact_core.jobs.runner import JobRunner
from exact_core.storage.models import Image
from exact_core.tiles.probe import probe_file
from exact_core.tiles.worker_process import WorkerProcess, without_path
from tests.core.images.tus import upload
from tests.core.tiles.pictures import tissue, write_jpeg_pyramid
from tests.platform.asking import ask
from tests.platform.rights_rules import RULES
from tests.platform.rights_world import HOLDERS, PEOPLE, SECRET_NAME, Place, World

WITHOUT_RIGHT = ("nobody", "stranger", "viewer", "annotator", "reviewer")
SURNAME = SECRET_NAME.split(" ", maxsplit=1)[0]
PAGES = (
    "/", "/image-sets/{set}", "/image-sets/{set}/images/{image}", "/products/{product}", "/profile", "/teams", "/jobs",
)  # fmt: skip
LISTENER = """
    from exact_core.api import *

    heard = []

    @hookimpl
    def exact_images_changed(changes):
        heard.append(repr(changes))

    @hookimpl
    def exact_image_sources(path, head):
        heard.append(f"{path}")
        return None

    @hookimpl
    def exact_overlays(image):
        heard.append(repr(image))
        return []

    @hookimpl
    def exact_statistics(session, region, reader):
        heard.append(repr(region))
        return []

    @hookimpl
    def exact_job_finished(result):
        heard.append(repr(result))
"""


def everything_said(answer: Any) -> str:
    """Headers and body as text."""
    return f"{dict(answer.headers)}\n{answer.content.decode('latin-1')}"


def assert_unnamed(answer: Any, who: str = "") -> None:
    text = everything_said(answer)
    at = text.find(SURNAME)
    assert at < 0, f"{who} reads the name at {answer.request.method} {answer.request.url}: …{text[at - 80 : at + 40]}…"


# --- what the file was called ------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [each for each in RULES if each.startswith("GET ")])
def test_no_reading_operation_names_the_file(world: World, home: Place, operation: str) -> None:
    for person in WITHOUT_RIGHT:
        assert_unnamed(ask(world.client(person), operation, RULES[operation], home), person)


def test_no_changing_operation_names_the_file(world: World) -> None:
    for operation, rule in RULES.items():
        if operation.startswith("GET ") or "/auth/" in operation or "/api/v2/me" in operation:
            continue
        place = world.place()
        for person in ("stranger", "viewer", "annotator", "reviewer"):
            assert_unnamed(ask(world.client(person), operation, rule, place), person)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_the_file(world: World, home: Place, page: str) -> None:
    address = page.format(set=home.image_set, image=home.image, product=home.product)
    for person in WITHOUT_RIGHT:
        assert_unnamed(world.client(person).get(address, headers={"Accept": "text/html"}), person)


def test_those_with_the_right_read_the_name(world: World) -> None:
    """Otherwise the tests above would be content with a name that is nowhere at all."""
    place = world.place()
    for person in ("manager", "lead", "admin", "read_only"):
        client = world.client(person)
        assert client.get(f"/api/v2/images/{place.image}").json()["private_name"] == f"{SECRET_NAME}.tif"
        found = client.get(f"/api/v2/image-sets/{place.image_set}/images", params={"q": SURNAME}).json()
        assert [each["id"] for each in found["items"]] == [place.image]


@pytest.mark.parametrize("person", ["viewer", "annotator", "reviewer"])
@pytest.mark.parametrize("text", [SURNAME, SURNAME.lower(), SURNAME[:5], "1951", "_ebrowski", "%", "Ann"])
def test_a_search_cannot_guess_the_name(world: World, home: Place, person: str, text: str) -> None:
    client = world.client(person)
    found = client.get(f"/api/v2/image-sets/{home.image_set}/images", params={"q": text}).json()
    assert found["items"] == []
    assert found["total"] == 0
    around = client.get(f"/api/v2/images/{home.image}/neighbours", params={"q": text}).json()
    assert around["total"] == 0


def test_the_name_cannot_be_changed_without_the_right(world: World) -> None:
    place = world.place()
    for person in ("viewer", "annotator", "reviewer"):
        answer = world.client(person).patch(f"/api/v2/images/{place.image}", json={"private_name": "x.svs"})
        assert answer.status_code == 403
        assert_unnamed(answer)


def test_a_checksum_that_would_prove_a_guessed_file_needs_the_right_too(world: World) -> None:
    place = world.place()
    assert world.client("reviewer").get(f"/api/v2/images/{place.image}").json()["checksum"] == ""
    assert world.client("manager").get(f"/api/v2/images/{place.image}").json()["checksum"] == "c" * 64


def test_a_file_leaves_no_name_behind_on_its_way_in(
    tmp_path: Path, fake_distributions: FakeDistributions, caplog: pytest.LogCaptureFixture
) -> None:
    """Uploaded, read, refused or converted: not on disk, in logs, jobs, reasons, answers, nor what plugins hear."""
    fake_distributions.add("listener", LISTENER)
    caplog.set_level(logging.DEBUG)
    good = write_jpeg_pyramid(tmp_path / "a.tif", tissue(600, 700)).read_bytes()
    with Instance(tmp_path / "data", ["listener"]) as instance:
        world = World(instance, tmp_path)
        place = world.place(private_name="other.tif")
        instance.switch("listener", place.image_set, enabled=True)
        manager = world.client("manager")
        files = {".tif": good, " cut.tif": good[:5000], ".svs": b"no slide" * 99, ".mrxs": b"\xff\xd8" * 99}
        for ending, data in files.items():
            answer = upload(manager, place.image_set, data, f"{SECRET_NAME}{ending}")
            assert answer.status_code == 204, answer.text
            assert_unnamed(answer)
        again = upload(manager, place.image_set, good, f"{SECRET_NAME} again.tif")
        assert again.headers["x-exact-status"] == "duplicate"
        half = manager.post("/api/v2/uploads", headers=place.upload_headers())
        assert half.status_code == 201
        JobRunner(instance.services).run_waiting()
        with instance.services.database.read() as session:
            mine = Image.image_set_id == place.image_set, Image.id != place.image
            images = session.query(Image).filter(*mine).all()
        states = sorted(image.status for image in images)
        assert states.count("unreadable") >= 2, [(image.status, image.status_reason) for image in images]
        assert sum(SURNAME in image.private_name for image in images) == 4
        for image in images:
            assert SURNAME not in f"{image.name} {image.status_reason} {image.file_path} {image.frames} {image.levels}"
            for person in WITHOUT_RIGHT:
                for what in ("", "/slide-information", "/thumbnail", "/tiles/0.0.rgb/0/0_0", "/associated/label",
                             "/statistics", "/overlays"):  # fmt: skip
                    assert_unnamed(world.client(person).get(f"/api/v2/images/{image.id}{what}"), person)
            for what in (
                "/slide-information",
                "/thumbnail",
                "/tiles/0.0.rgb/0/0_0",
            ):  # pixels carry no name for anybody
                assert_unnamed(manager.get(f"/api/v2/images/{image.id}{what}"))
        for person in ("lead", "admin", "annotator"):
            assert_unnamed(world.client(person).get("/api/v2/uploads"), person)
        for job in world.client("admin").get("/api/v2/jobs").json()["items"]:
            assert_unnamed(world.client("admin").get(f"/api/v2/jobs/{job['id']}"))
        heard = import_module("exact_listener.plugin").heard
        assert {"ImageChange(", "JobResult(", "ImageInfo(", "Region("} <= set(
            re.findall(r"[A-Z]\w+\(", " ".join(heard))
        )
        assert not [each for each in heard if SURNAME in each and str(world.shared_file) not in each]
        stored = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "data").rglob("*")]
        assert any(path.endswith(".tif") for path in stored)
        assert not [path for path in stored if SURNAME in path]
    assert SURNAME not in caplog.text


def test_a_slide_that_breaks_where_it_lies_is_not_named(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file used in place keeps its name on disk; readers like to put it into their complaints."""
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / f"{SURNAME} folder"
    folder.mkdir()
    breakages = {"cut": lambda data: data[: len(data) // 3], "gone": None, "zeros": lambda data: b"\0" * len(data)}
    for number, (how, broken) in enumerate(breakages.items()):
        path = write_jpeg_pyramid(folder / f"{SECRET_NAME} {how}.tif", tissue(600, 700))
        report = probe_file(path, world.services.settings)
        place = world.place(
            file_path=str(path), tile_index_path="", source_driver=report.driver, content_version=f"b{number}"
        )
        if broken is None:
            path.unlink()
        else:
            path.write_bytes(broken(path.read_bytes()))
        for person in WITHOUT_RIGHT:
            for what in ("", "/slide-information", "/thumbnail", "/tiles/0.0.rgb/0/0_0", "/tiles/0.0.rgb/2/0_0",
                         "/associated/label"):  # fmt: skip
                answer = world.client(person).get(f"/api/v2/images/{place.image}{what}")
                assert answer.status_code != 500
                assert_unnamed(answer, person)
        assert world.client("viewer").get(f"/api/v2/images/{place.image}/thumbnail").status_code in {422, 503}
        assert world.client("manager").post(f"/api/v2/images/{place.image}/read-again").status_code == 200
        JobRunner(world.services).run_waiting()
        shown = world.client("viewer").get(f"/api/v2/images/{place.image}")
        assert shown.json()["status"] == "unreadable"
        assert_unnamed(shown)
    assert SURNAME not in caplog.text


def test_complaints_lose_every_form_of_the_path() -> None:
    path = Path("/data/Zebrowski folder/Zebrowski Anna.mrxs")
    for text in (
        f"cannot open {path}", f"cannot open '{path.name}'", "Zebrowski Anna/Slidedat.ini is missing",
        "no Zebrowski Anna_label.tif",
        "in /data/Zebrowski folder nothing was found",
    ):  # fmt: skip
        assert SURNAME not in without_path(text, path)
    assert without_path("The file is cut off.", Path("/")) == "The file is cut off."


def test_a_real_reader_in_its_process_does_not_name_the_file(tmp_path: Path) -> None:
    from exact_core.api.drivers import UnreadableImage

    worker = WorkerProcess(2048)
    try:
        for data in (
            b"",
            b"II*\0" + b"\xff" * 400,
            b"\xff\xd8\xff\xe0" + b"\0" * 400,
            b"\x89PNG\r\n\x1a\n" + b"\0" * 99,
        ):
            path = tmp_path / f"{SECRET_NAME}.svs"
            path.write_bytes(data)
            for driver in ("openslide", "picture"):
                with pytest.raises(UnreadableImage) as caught:
                    worker.ask({"operation": "probe", "path": str(path), "drivers": [driver]}, 20.0)
                assert SURNAME not in str(caught.value)
                assert str(tmp_path) not in str(caught.value)
    finally:
        worker.stop()


def test_public_names_tell_nothing_about_private_ones() -> None:
    at = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
    private = [f"{SECRET_NAME}.svs", "a", "260504-1030-abcd.svs", "Ä" * 200, "../../x", f"{SECRET_NAME}.svs"]
    given = PublicNames(b"k" * 32, 1)
    public = [given.give(name, at) for name in private]
    assert len(set(public)) == len(private)  # the same name twice is two names
    assert {re.sub(r"[0-9a-f]+$", "", name) for name in public} == {"260504-1030-"}
    assert {len(name) for name in public[:5]} == {len("260504-1030-") + 4}  # not even how long the other is
    other_server, other_set = PublicNames(b"j" * 32, 1), PublicNames(b"k" * 32, 2)
    assert public[0] not in {other_server.give(private[0], at), other_set.give(private[0], at)}


# --- label and macro pictures -------------------------------------------------------------------------------


def test_label_and_macro_pictures_need_their_right(world: World, shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{SECRET_NAME}.svs"
    shutil.copyfile(shared_data / "01-wsi" / "CMU-1-Small-Region.svs", path)
    report = probe_file(path, world.services.settings)
    assert {"label", "macro"} <= set(report.associated)
    place = world.place(
        file_path=str(path), source_driver=report.driver, width=report.width, height=report.height,
        levels=list(report.levels), frames=report.frames, has_associated=list(report.associated), tile_index_path="",
    )  # fmt: skip
    for person in PEOPLE:
        may = person in {"manager", "lead", "admin", "read_only"}
        for name in ("label", "macro", "thumbnail", "no-such"):
            answer = world.client(person).get(f"/api/v2/images/{place.image}/associated/{name}")
            denied = {"nobody": 401, "stranger": 404}.get(person, 403)  # also for what is not there: it says nothing
            assert answer.status_code == ((404 if name == "no-such" else 200) if may else denied), person
            if answer.status_code == 200:
                assert answer.headers["cache-control"] == "private, no-store"
                assert answer.content[:2] == b"\xff\xd8"
            assert_unnamed(answer)
        if person in HOLDERS:
            for address in ("", "/slide-information"):
                facts = world.client(person).get(f"/api/v2/images/{place.image}{address}").json()
                assert bool(facts["associated"]) is may
    for leaked in ("openslide", "aperio", "Title", "Filename", "ScanScope"):  # what the file says of itself
        text = world.client("viewer").get(f"/api/v2/images/{place.image}").text
        assert leaked not in text.replace('"vendor":"aperio"', "")
