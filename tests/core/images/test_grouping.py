"""Which files are one image."""

from __future__ import annotations

import io
import struct
import time
from pathlib import PurePosixPath

import pytest

from exact_core.images.dicom_series import series_of
from exact_core.images.grouping import Kind, group_files, rewrite_vms, stored_names, vms_parts


def grouped(*paths: str, series: dict[str, str] | None = None, parts: tuple[str, ...] = ()):
    return group_files(
        [PurePosixPath(path) for path in paths],
        series_of=lambda path: (series or {}).get(str(path)),
        parts_of=lambda _: parts,
    )


def mains(found) -> list[str]:
    return [str(group.main) for group in found.groups]


def test_an_mrxs_slide_takes_everything_in_its_folder_and_nothing_else():
    found = grouped("a/x.mrxs", "a/x/Slidedat.ini", "a/x/Data0000.dat", "a/x/thumb.jpg", "a/y.png")
    assert mains(found) == ["a/x.mrxs", "a/y.png"]
    assert len(found.groups[0].members) == 4
    assert found.groups[0].kind is Kind.MRXS


def test_a_vms_slide_takes_the_files_that_it_names_whatever_their_capitals():
    found = grouped("s/x.vms", "s/X-1.JPG", "s/x_map.jpg", "s/other.jpg", parts=("x-1.jpg", "x_map.jpg"))
    assert mains(found) == ["s/other.jpg", "s/x.vms"]
    assert len(found.groups[1].members) == 3


def test_dicom_files_are_grouped_by_folder_and_series():
    series = {"d/1": "A", "d/2": "A", "d/3.dcm": "B", "e/1": "A"}
    found = grouped("d/1", "d/2", "d/3.dcm", "e/1", "d/notes", series=series)
    assert mains(found) == ["d/1", "d/3.dcm", "e/1"]
    assert len(found.groups[0].members) == 2
    assert [str(path) for path in found.ignored] == ["d/notes"]


def test_a_file_that_only_claims_to_be_dicom_is_an_image_that_will_be_unreadable():
    assert mains(grouped("d/broken.dcm")) == ["d/broken.dcm"]


def test_clutter_and_foreign_files_are_left_aside():
    found = grouped("a.png", ".DS_Store", "__MACOSX/a.png", ".hidden/b.png", "readme.txt", "run.exe")
    assert mains(found) == ["a.png"]
    assert len(found.ignored) == 5


def test_pictures_come_in_the_order_that_people_expect():
    assert mains(grouped("f10.png", "f9.png", "F1.png", "f02.png")) == ["F1.png", "f02.png", "f9.png", "f10.png"]


def test_a_hundred_thousand_files_are_grouped_in_seconds():
    paths = [f"d{number % 100}/f{number}.png" for number in range(100_000)] + ["x.mrxs"]
    paths += [f"x/Data{number:04d}.dat" for number in range(1000)]
    started = time.process_time()
    found = grouped(*paths)
    assert len(found.groups) == 100_001
    assert time.process_time() - started < 20


def test_stored_names_keep_only_what_the_format_prescribes():
    mrxs = grouped("Smith.mrxs", "Smith/Slidedat.ini").groups[0]
    assert sorted(stored_names(mrxs).values()) == ["image.mrxs", "image/Slidedat.ini"]
    dicom = grouped("Smith/1.dcm", "Smith/2.dcm", series={"Smith/1.dcm": "A", "Smith/2.dcm": "A"}).groups[0]
    assert not any("Smith" in name for name in stored_names(dicom).values())


def test_a_vms_index_is_rewritten_to_the_stored_names():
    text = "[Virtual Microscope Specimen]\nNoLayers=1\nImageFile=Smith.jpg\n"
    text += "ImageFile(1,0)=Smith-2.jpg\nMapFile=Smith_map.jpg\n"
    assert vms_parts(text) == ["Smith.jpg", "Smith-2.jpg", "Smith_map.jpg"]
    renamed = {"smith.jpg": "p1.jpg", "smith-2.jpg": "p2.jpg", "smith_map.jpg": "p3.jpg"}
    written = rewrite_vms(text, renamed)
    assert "Smith" not in written
    assert "ImageFile(1,0)=p2.jpg" in written
    assert "NoLayers=1" in written


def element(group: int, number: int, kind: bytes, value: bytes, *, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    if kind in {b"SQ", b"OB", b"UT"}:
        return struct.pack("<HH2sHI", group, number, kind, 0, size) + value
    return struct.pack("<HH2sH", group, number, kind, size) + value


def dicom(*elements: bytes, syntax: bytes = b"1.2.840.10008.1.2.1\0") -> io.BytesIO:
    return io.BytesIO(bytes(128) + b"DICM" + element(2, 0x10, b"UI", syntax) + b"".join(elements))


SERIES = element(0x20, 0x0E, b"UI", b"1.2.3.4\0")


def test_the_series_is_found_behind_nested_sequences_of_known_and_unknown_length():
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    stop = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    inner = element(8, 0x1140, b"SQ", b"", length=0xFFFFFFFF) + item + element(8, 0x1150, b"UI", b"9.9\0") + end + stop
    outer = element(8, 0x1199, b"SQ", b"", length=0xFFFFFFFF) + item + inner + end + stop
    assert series_of(dicom(outer, element(0x18, 0x12, b"SQ", bytes(16)), SERIES)) == "1.2.3.4"


def test_the_series_of_implicit_files_is_found():
    implicit = struct.pack("<HHI", 8, 5, 4) + b"ISO " + struct.pack("<HHI", 0x20, 0x0E, 8) + b"1.2.3.4\0"
    assert series_of(dicom(implicit, syntax=b"1.2.840.10008.1.2\0")) == "1.2.3.4"


@pytest.mark.parametrize(
    "data",
    [
        dicom(element(8, 5, b"OB", b"", length=0xFFFFFFF0), SERIES),
        dicom(element(8, 0x1140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) * 5000, length=0xFFFFFFFF)),
        dicom(element(8, 5, b"CS", b"")[:5]),
        dicom(element(0x7FE0, 0x10, b"OB", bytes(8))),
        dicom(),
    ],
)
def test_a_hostile_header_has_no_series_and_does_no_harm(data: io.BytesIO):
    assert series_of(data) == ""


def test_other_files_are_not_dicom():
    assert series_of(io.BytesIO(b"\x89PNG")) is None
    assert series_of(io.BytesIO(b"")) is None


@pytest.mark.data
def test_series_of_real_files_are_told_apart(shared_data):
    found = set()
    for path in sorted((shared_data / "01-wsi" / "dicom-tiny").glob("*.dcm")):
        with path.open("rb") as file:
            found.add(series_of(file))
    assert None not in found
    assert "" not in found
    assert len(found) > 5
