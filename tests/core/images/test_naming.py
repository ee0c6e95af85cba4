"""Names of images."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from exact_core.api.errors import Invalid
from exact_core.images.naming import (
    PublicNames,
    clean_private_name,
    clean_relative_path,
    safe_extension,
    without_names,
)

AT = datetime(2026, 11, 22, 14, 5, 59, tzinfo=UTC)
SECRET = b"s" * 32


def test_a_public_name_is_the_time_and_four_hexadecimal_digits():
    assert re.fullmatch(r"261122-1405-[0-9a-f]{4}", PublicNames(SECRET, 1).give("Mrs Smith.svs", AT))


def test_the_time_is_that_of_utc():
    there = AT.astimezone(timezone(timedelta(hours=9)))
    assert PublicNames(SECRET, 1).give("a", there).startswith("261122-1405-")


def test_without_the_secret_or_in_another_set_a_file_name_gives_another_pseudonym():
    names = {
        PublicNames(secret, number).give("Mrs Smith.svs", AT) for secret in (SECRET, b"t" * 32) for number in (1, 2)
    }
    assert len(names) == 4


def test_the_same_file_name_gives_the_same_pseudonym_as_long_as_it_is_free():
    first = PublicNames(SECRET, 1).give("a.png", AT)
    assert PublicNames(SECRET, 1).give("a.png", AT) == first
    assert PublicNames(SECRET, 1, [first]).give("a.png", AT) != first


def test_ten_thousand_files_in_one_minute_get_names_of_their_own_that_stay_short():
    names = PublicNames(SECRET, 1)
    given = [names.give(f"frame{number}.png", AT) for number in range(10_000)]
    assert len(set(given)) == 10_000
    assert max(map(len, given)) <= len("261122-1405-") + 6


def test_the_same_file_name_a_thousand_times_gets_a_thousand_names():
    names = PublicNames(SECRET, 1)
    given = [names.give("image.png", AT) for _ in range(1000)]
    assert len(set(given)) == 1000
    assert all(len(name) <= 64 for name in given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("C:\\patients\\Smith, John.svs", "Smith, John.svs"),
        ("../../etc/passwd", "passwd"),
        ("a\0b.png", "ab.png"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("  spaced .tif ", "spaced .tif"),
        ("cafe\u0301.png", "café.png"),
        ("\n\r\0", "unnamed"),
        ("", "unnamed"),
        ("/", "unnamed"),
        ("\ud800bad.png", "bad.png"),
    ],
)
def test_a_private_name_is_cleaned_of_paths_and_invisible_marks(given: str, kept: str):
    assert clean_private_name(given) == kept


def test_a_long_private_name_is_cut_and_keeps_its_extension():
    kept = clean_private_name("x" * 5000 + ".ome.tiff")
    assert len(kept) == 255
    assert kept.endswith(".ome.tiff")


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "a/../b",
        "/etc/passwd",
        "a//b",
        "a/./b",
        "C:/x",
        "c:x",
        "a\0b",
        "a/\u202eb",
        "",
        "a/",
        " a/b",
        "d/" * 20 + "f",
    ],
)
def test_a_path_that_leads_out_of_its_folder_or_hides_something_is_refused(path: str):
    with pytest.raises(Invalid):
        clean_relative_path(path)


def test_a_windows_path_inside_a_folder_is_understood():
    assert clean_relative_path("slide\\Data0001.dat") == "slide/Data0001.dat"


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("A.SVS", ".svs"),
        ("x.ome.TIF", ".ome.tif"),
        ("x.nii.gz", ".nii.gz"),
        ("x.exe", ".bin"),
        ("Smith", ".bin"),
        ("Dr.Smith", ".bin"),
        ("a.png.html", ".bin"),
        ("svs", ".bin"),
    ],
)
def test_only_known_extensions_are_kept(name: str, extension: str):
    assert safe_extension(name) == extension


def test_names_are_taken_out_of_messages_longest_first():
    assert (
        without_names("cannot open /a/Smith.svs (Smith)", ["Smith", "/a/Smith.svs", ""])
        == "cannot open the file (the file)"
    )
