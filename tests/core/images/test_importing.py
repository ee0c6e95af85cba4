"""Import of files that are on the server already."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, NotFound
from exact_core.images.commands import import_
from exact_core.images.importing import Outcome, find_or_make_set, find_pictures, import_pictures
from exact_core.images.service import delete_images, purge_image, read_again
from exact_core.services import Services
from exact_core.storage.models import ImageSet
from tests.core.images.instance import all_images, all_jobs, everything_below, image_row, run_jobs
from tests.statements import statements_of

SYSTEM = Actor.system()


def imported(services: Services, image_set: int, *paths: Path, copy: bool = False) -> list[Outcome]:
    found = find_pictures(services, list(paths))
    return [*found.refused, *import_pictures(services, SYSTEM, image_set, found.groups, copy=copy)]


def test_files_are_used_in_place_and_never_deleted(
    services: Services, image_set: int, make_picture: Callable[..., Path]
):
    path = make_picture("Smith.png")
    before = path.stat()
    imported(services, image_set, path)
    run_jobs(services)
    image = all_images(services, image_set)[0]
    assert (image.status, image.is_external, image.file_path) == ("ready", True, str(path))
    delete_images(services, SYSTEM, image_set, [image.id])
    purge_image(services, SYSTEM, image.id)
    assert all_images(services, image_set) == []
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)


def test_copies_are_ours_and_go_with_the_image(services: Services, image_set: int, make_picture: Callable[..., Path]):
    path = make_picture("Smith.png")
    imported(services, image_set, path, copy=True)
    path.unlink()
    run_jobs(services)
    image = all_images(services, image_set)[0]
    assert image.status == "ready"
    assert "Smith" not in image.file_path
    delete_images(services, SYSTEM, image_set, [image.id])
    purge_image(services, SYSTEM, image.id)
    assert not [name for name in everything_below(services.blobs.root) if name.startswith(("images/", "derived/"))]


def test_what_the_set_has_is_a_duplicate_by_path_and_by_content(
    services: Services, image_set: int, make_picture: Callable[..., Path]
):
    path = make_picture("a.png")
    twin = make_picture("twin.png")
    assert [each.status for each in imported(services, image_set, path, twin)] == ["probing", "duplicate"]
    assert [each.status for each in imported(services, image_set, path)] == ["duplicate"]
    assert [each.status for each in imported(services, image_set, twin, copy=True)] == ["duplicate"]
    image = all_images(services, image_set)[0]
    delete_images(services, SYSTEM, image_set, [image.id])
    assert [each.status for each in imported(services, image_set, path)] == ["probing"]


def test_large_files_are_hashed_only_when_another_has_their_size(
    services: Services, image_set: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("exact_core.images.adding.HASHED_AT_ONCE", 10)
    paths = []
    for name, data in (("a.svs", b"x" * 100), ("b.svs", b"y" * 101), ("c.svs", b"x" * 100), ("d.svs", b"z" * 100)):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(data)
    assert imported(services, image_set, paths[0])[0].status == "probing"
    assert all_images(services, image_set)[0].checksum == ""
    statuses = [each.status for each in imported(services, image_set, *paths[1:])]
    assert statuses == ["probing", "duplicate", "probing"]
    assert [len(image.checksum) for image in all_images(services, image_set)] == [64, 0, 64]


def test_folders_are_searched_and_links_do_not_lead_in_circles_or_into_our_own_data(
    services: Services, image_set: int, make_picture: Callable[..., Path], tmp_path: Path
):
    make_picture("deep/er/a.png", seed=1)
    linked = make_picture("b.png", seed=2)
    folder = tmp_path / "pictures"
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "link.png").symlink_to(linked)
    (folder / "dangling.png").symlink_to(folder / "nowhere.png")
    (folder / "own").symlink_to(services.blobs.root, target_is_directory=True)
    (folder / "notes.txt").write_text("hello")
    outcomes = imported(services, image_set, folder, services.blobs.root, tmp_path / "missing", folder / "dangling.png")
    assert sorted(each.status for each in outcomes) == ["duplicate", "probing", "probing"] + ["unreadable"] * 3
    assert len(all_images(services, image_set)) == 2


def test_an_mrxs_slide_with_its_folder_is_one_image_in_place_and_copied(
    services: Services, image_set: int, tmp_path: Path
):
    (tmp_path / "x").mkdir()
    (tmp_path / "x.mrxs").write_bytes(b"main")
    (tmp_path / "x" / "Slidedat.ini").write_bytes(b"[GENERAL]")
    assert len(imported(services, image_set, tmp_path / "x.mrxs")) == 1
    image = all_images(services, image_set)[0]
    assert image.size_bytes == len(b"main") + len(b"[GENERAL]")
    copied = imported(services, image_set, tmp_path / "x.mrxs", copy=True)
    assert [each.status for each in copied] == ["duplicate"]


def test_a_name_that_is_no_text_is_reported(services: Services, image_set: int, tmp_path: Path):
    path = os.fsencode(tmp_path) + b"/bad\xff.png"
    Path(os.fsdecode(path)).write_bytes(b"x")
    outcomes = imported(services, image_set, tmp_path)
    assert [each.status for each in outcomes] == ["unreadable"]
    assert "UTF-8" in outcomes[0].reason
    json.dumps(outcomes[0].path).encode()


def test_ten_thousand_files_take_few_queries_and_few_jobs(services: Services, image_set: int, tmp_path: Path):
    for number in range(2000):
        (tmp_path / f"f{number}.png").write_bytes(b"%d" % number)
    with statements_of(services.database.engine) as statements:
        outcomes = imported(services, image_set, tmp_path)
    assert len(outcomes) == 2000
    assert len(statements) < 500
    assert len(all_jobs(services)) == 40
    names = [image.private_name for image in all_images(services, image_set)]
    assert names == [f"f{number}.png" for number in range(2000)]


def test_broken_and_hostile_files_are_unreadable_and_harm_nothing(
    services: Services, image_set: int, make_picture: Callable[..., Path], tmp_path: Path
):
    whole = make_picture("whole.png", width=900, height=700, seed=3)
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "cut.png").write_bytes(whole.read_bytes()[:2000])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.svs").write_text("Smith")
    (folder / "tiff.tif").write_bytes(b"II*\0" + b"\xff" * 400)
    (folder / "jpeg.jpg").write_bytes(b"\xff\xd8\xff" + os.urandom(2000))
    bomb = (
        b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR" + b"\x7f\xff\xff\xff" * 2 + b"\x08\x02\0\0\0" + b"abcd"
    )
    (folder / "bomb.png").write_bytes(bomb)
    imported(services, image_set, folder, whole)
    run_jobs(services)
    images = {image.private_name: image for image in all_images(services, image_set)}
    assert images.pop("whole.png").status == "ready"
    assert {image.status for image in images.values()} == {"unreadable"}
    for image in images.values():
        assert len(image.status_reason) > 15
        assert str(tmp_path) not in image.status_reason
        assert image.private_name not in image.status_reason
    assert {job.state for job in all_jobs(services)} == {"done"}


def test_a_file_that_was_repaired_can_be_read_again(
    services: Services, image_set: int, make_picture: Callable[..., Path]
):
    path = make_picture("a.png")
    data = path.read_bytes()
    path.write_bytes(data[:100])
    imported(services, image_set, path)
    run_jobs(services)
    image = all_images(services, image_set)[0]
    assert image.status == "unreadable"
    path.write_bytes(data)
    read_again(services, SYSTEM, image_set, [image.id])
    run_jobs(services)
    image = image_row(services, image.id)
    assert (image.status, image.status_reason, image.size_bytes) == ("ready", "", len(data))
    twin, part = path.with_name("twin.png"), path.with_name("part.png")
    twin.write_bytes(data)
    part.write_bytes(data[:100])
    assert [each.status for each in imported(services, image_set, twin, part)] == ["duplicate", "probing"]


def test_importing_a_file_again_reads_it_again_when_it_could_not_be_read(
    services: Services, image_set: int, make_picture: Callable[..., Path]
):
    path = make_picture("a.png")
    data = path.read_bytes()
    path.write_bytes(data[:100])
    first = imported(services, image_set, path)[0]
    run_jobs(services)
    assert image_row(services, first.image).status == "unreadable"
    path.write_bytes(data)
    again = imported(services, image_set, path)[0]
    assert (again.status, again.image) == ("probing", first.image)
    run_jobs(services)
    assert image_row(services, first.image).status == "ready"
    assert imported(services, image_set, path)[0].status == "duplicate"


def test_a_set_is_found_by_name_or_made_in_the_only_team(
    services: Services, make_team: Callable[..., int], make_image_set: Callable[..., int]
):
    made = find_or_make_set(services, SYSTEM, "Slides")
    assert find_or_make_set(services, SYSTEM, " Slides ") == made
    other = make_team("Other")
    twin = make_image_set(other, "Slides")
    with pytest.raises(Conflict):
        find_or_make_set(services, SYSTEM, "Slides")
    assert find_or_make_set(services, SYSTEM, "Slides", "OTHER") == twin
    with pytest.raises(NotFound):
        find_or_make_set(services, SYSTEM, "New")
    made_there = find_or_make_set(services, SYSTEM, "New", "Third team")
    with services.database.read() as session:
        assert session.get_one(ImageSet, made_there).team.name == "Third team"


def test_the_command_waits_prints_json_lines_and_fails_when_something_was_unreadable(
    settings,
    services: Services,
    make_picture: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    good = make_picture("good.png", seed=1)
    shutil.copy(good, tmp_path / "pictures" / "twin.png")
    (tmp_path / "pictures" / "broken.png").write_bytes(b"nothing")
    monkeypatch.setenv("EXACT_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("EXACT_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("EXACT_SECRET_KEY", settings.secret_key)
    command = [str(tmp_path / "pictures"), "--set", "Slides", "--wait", "--json"]
    done = CliRunner().invoke(import_, command)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(line.keys() == {"path", "image", "status", "reason"} for line in lines)
    assert {Path(line["path"]).name: line["status"] for line in lines} == {
        "good.png": "ready",
        "twin.png": "duplicate",
        "broken.png": "unreadable",
    }
    assert done.exit_code == 1
    again = CliRunner().invoke(import_, [str(good), "--set", "Slides", "--wait"])
    assert again.exit_code == 0, again.output
    assert "1 duplicate" in again.stderr
    with services.database.read() as session:
        assert session.scalars(select(ImageSet.name)).all() == ["Slides"]


def test_the_command_sets_up_a_new_instance(
    make_picture: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("EXACT_DATA_DIR", str(tmp_path / "new"))
    monkeypatch.delenv("EXACT_DATABASE_URL", raising=False)
    done = CliRunner().invoke(import_, [str(make_picture("a.png")), "--set", "Slides", "--wait", "--json"])
    assert done.exit_code == 0, done.output
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["ready"]
