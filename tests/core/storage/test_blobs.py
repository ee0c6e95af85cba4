"""Files below the data folder, and refusals of everything outside."""

from __future__ import annotations

import io

import pytest

from exact_core.api.errors import Invalid
from exact_core.storage.blobs import Blobs


@pytest.fixture
def blobs(tmp_path) -> Blobs:
    return Blobs(tmp_path / "data")


@pytest.mark.parametrize("path", ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "a\\..\\b", "a\0b"])
def test_paths_that_leave_the_data_folder_are_refused(blobs, path):
    with pytest.raises(Invalid):
        blobs.path(path)


def test_a_link_that_leads_out_is_refused(blobs, tmp_path):
    (tmp_path / "secret").write_text("no")
    (blobs.root / "door").symlink_to(tmp_path)
    with pytest.raises(Invalid, match="leads out"):
        blobs.path("door/secret")


def test_what_is_written_is_read_and_its_path_goes_there_and_back(blobs):
    path = blobs.write("images/1/a.bin", b"bytes")
    assert path.read_bytes() == b"bytes"
    assert blobs.relative(path) == "images/1/a.bin"
    assert blobs.resolve("images/1/a.bin") == path
    assert blobs.write("images/1/a.bin", io.BytesIO(b"other")).read_bytes() == b"other"


def test_a_file_used_in_place_keeps_its_absolute_path(blobs, tmp_path):
    assert blobs.resolve(str(tmp_path / "slide.svs")) == tmp_path / "slide.svs"
    with pytest.raises(Invalid):
        blobs.relative(tmp_path / "slide.svs")


def test_a_write_that_fails_leaves_the_old_content_and_no_remains(blobs):
    path = blobs.write("a.bin", b"old")
    with pytest.raises(RuntimeError), blobs.replacing(path) as file:  # noqa: PT012
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [each.name for each in blobs.root.iterdir()] == ["a.bin"]


def test_removing_takes_files_folders_and_links_but_not_what_links_point_to(blobs, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    blobs.write("folder/deep/file", b"")
    (blobs.folder("folder") / "inner").symlink_to(blobs.folder("other"))
    blobs.write("other/kept", b"")
    blobs.remove("folder")
    blobs.remove("folder")
    assert not (blobs.root / "folder").exists()
    assert (blobs.root / "other" / "kept").exists()
    assert (outside / "kept").exists()


def test_a_temporary_folder_vanishes_even_after_an_error(blobs):
    with pytest.raises(RuntimeError), blobs.temporary_folder("probe") as folder:  # noqa: PT012
        (folder / "x").write_text("x")
        raise RuntimeError
    assert not folder.exists()


def test_free_room_is_a_number_of_bytes(blobs):
    assert blobs.free_bytes() > 0
