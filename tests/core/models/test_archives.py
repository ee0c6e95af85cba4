"""Model folders as ZIP archives: the same bytes each time, and no archive that does harm."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.api.errors import ExactError, Invalid, TooLarge
from exact_core.models.archives import pack, unpack
from exact_core.models.files import NAMES, Limits, check_folder
from tests.core.models import folders

FILES = folders.with_checksums(folders.contents())


def unpacked(tmp_path: Path, archive: bytes, limits: Limits | None = None) -> Path:
    place, folder = tmp_path / "model.zip", tmp_path / "folder"
    place.write_bytes(archive)
    folder.mkdir(exist_ok=True)
    unpack(place, folder, limits)
    return folder


def test_packing_gives_the_same_bytes_and_back_the_same_files(tmp_path: Path) -> None:
    first = unpacked(tmp_path, folders.zipped(FILES))
    packed = io.BytesIO()
    pack(first, packed)
    (tmp_path / "again").mkdir()
    second = unpacked(tmp_path / "again", packed.getvalue())
    again = io.BytesIO()
    pack(second, again)
    assert again.getvalue() == packed.getvalue()
    assert {each: (second / each).read_bytes() for each in FILES} == FILES
    assert check_folder(second).sha256 == check_folder(first).sha256


def entry(name: str, content: bytes = b"x", *, mode: int = 0, twice: bool = False) -> bytes:
    """An archive of a true model, with one more file."""
    target = io.BytesIO(folders.zipped(FILES))
    with zipfile.ZipFile(target, "a") as archive:
        facts = zipfile.ZipInfo(name)
        facts.external_attr = mode << 16
        archive.writestr(facts, content)
    return target.getvalue()


@pytest.mark.parametrize("name", ["../card.md", "onnx/../../card.md", "/card.md", "C:card.md", "..\\card.md"])
def test_names_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="would lie outside of the model"):
        unpacked(tmp_path, entry(name))
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".zip"] == ["folder"]


def test_links_folders_and_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="is a link, a folder or a device"):
        unpacked(tmp_path, entry("other.md", b"/etc/passwd", mode=stat.S_IFLNK | 0o777))
    with pytest.raises(Invalid, match="Pack the files of the folder"):
        unpacked(tmp_path, folders.zipped({"mine/": b"", **{f"mine/{name}": data for name, data in FILES.items()}}))
    with pytest.raises(Invalid, match="no model may have"):
        unpacked(tmp_path, entry("run.sh"))
    with pytest.raises(Invalid, match=r"torch\.save"):
        unpacked(tmp_path, folders.zipped({"archive/data.pkl": b"\x80\x02."}))
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = entry("card.md")
    with pytest.raises(Invalid, match=r"'card\.md' twice"):
        unpacked(tmp_path, twice)
    unpacked(tmp_path, folders.zipped({"onnx/": b"", **FILES}))


def test_encrypted_and_rare_archives_are_refused(tmp_path: Path) -> None:
    archive = bytearray(folders.zipped(FILES))
    place = archive.index(b"PK\x01\x02") + 8
    archive[place : place + 2] = struct.pack("<H", 1)
    with pytest.raises(Invalid, match="encrypted"):
        unpacked(tmp_path, bytes(archive))
    with pytest.raises(Invalid, match="rare way"):
        unpacked(tmp_path, folders.zipped(FILES, zipfile.ZIP_LZMA))
    with pytest.raises(Invalid, match="cannot be read"):
        unpacked(tmp_path, folders.zipped(FILES)[:-30])


def test_bombs_do_not_go_off(tmp_path: Path) -> None:
    bomb = folders.zipped({**FILES, "model.safetensors": bytes(30_000_000)})
    assert len(bomb) < 100_000
    limits = Limits(total=20_000_000)
    with pytest.raises(TooLarge, match=r"model.safetensors has 30,000,000 bytes"):
        unpacked(tmp_path, bomb, limits)
    lying = bytearray(bomb)
    declared = struct.pack("<I", 30_000_000)
    while (place := lying.find(declared)) >= 0:
        lying[place : place + 4] = struct.pack("<I", 1000)
    with pytest.raises(Invalid, match="cannot be read"):
        unpacked(tmp_path / "", bytes(lying), limits)
    written = [path.stat().st_size for path in (tmp_path / "folder").rglob("*") if path.is_file()]
    assert max(written, default=0) <= 1_000_000


def test_an_endless_list_of_files_is_not_read(tmp_path: Path) -> None:
    one = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    entries = one * 60_000
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 60_000, 60_000, len(entries), 0, 0)
    with pytest.raises(Invalid, match="lists far more files"):
        unpacked(tmp_path, entries + end)


GOOD = folders.zipped(FILES)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_damage_passes_or_breaks_the_check(changes: list[tuple[int, int]]) -> None:
    spoilt = bytearray(GOOD)
    for place, value in changes:
        spoilt[place] = value
    with TemporaryDirectory() as name:
        try:
            folder = unpacked(Path(name), bytes(spoilt))
            check_folder(folder)
        except ExactError:
            folder = Path(name) / "folder"
        else:  # what was changed says nothing about the content, such as a time
            assert {each: (folder / each).read_bytes() for each in FILES} == FILES
        outside = [path for path in Path(name).rglob("*") if folder not in path.parents and path.is_file()]
        assert [path.name for path in outside] == ["model.zip"]
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} <= set(NAMES)
