"""What a file is, told from its bytes: the allow-list, and the headers of films."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from exact_media.containers import matroska_facts, mp4_facts
from exact_media.kinds import HEAD_BYTES, TYPES, sniff
from exact_media.kinds import remark as remark_on
from exact_media.probe import examine
from hypothesis import given
from hypothesis import strategies as st


def box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), name) + body


def mp4(*handlers: bytes, brand: bytes = b"isom", seconds: float = 2.5) -> bytes:
    header = box(b"mvhd", struct.pack(">I4x4xII", 0, 1000, int(seconds * 1000)), bytes(80))
    tracks = [box(b"trak", box(b"mdia", box(b"hdlr", bytes(8), handler, bytes(12)))) for handler in handlers]
    return box(b"ftyp", brand, bytes(4), brand) + box(b"free", bytes(50)) + box(b"moov", header, *tracks)


def element(number: int, content: bytes) -> bytes:
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + (1 << 28 | len(content)).to_bytes(4, "big") + content


def matroska(doc_type: bytes, *kinds: int, seconds: float = 1.5) -> bytes:
    scale, length = element(0x2AD7B1, (1_000_000).to_bytes(3, "big")), struct.pack(">d", seconds * 1000)
    info = element(0x1549A966, scale + element(0x4489, length))
    tracks = element(0x1654AE6B, b"".join(element(0xAE, element(0x83, bytes([kind]))) for kind in kinds))
    return element(0x1A45DFA3, element(0x4282, doc_type)) + element(0x18538067, info + tracks)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "audio/wav"),
        (b"ID3\x03\0\0\0\0\0\x0a<script>alert(1)</script>", "audio/mpeg"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"OggS\0\x02", "audio/ogg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (mp4(b"vide"), "video/mp4"),
        (matroska(b"webm", 1), "video/webm"),
    ],
)
def test_known_beginnings_are_recognised(head: bytes, name: str):
    found = sniff(head)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "head",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><svg/>",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"PK\x03\x04",
        b"MZ\x90\0",
        b"plain words",
        b"",
    ],
)
def test_what_a_browser_could_run_is_never_taken(head: bytes):
    assert sniff(head) is None


@given(st.binary(max_size=HEAD_BYTES))
def test_any_bytes_are_on_the_list_or_refused(head: bytes):
    found = sniff(head)
    assert found is None or found.name in TYPES
    assert all(name.partition("/")[0] in {"audio", "video", "image"} and "xml" not in name for name in TYPES)


def test_a_wrong_end_of_a_name_is_told_and_a_right_one_is_not():
    wav = TYPES["audio/wav"]
    assert remark_on("call.wav", wav) == remark_on("call", wav) == remark_on("CALL.WAVE", wav) == ""
    assert "ends with .mp3" in remark_on("call.mp3", wav)
    assert "WAV sound" in remark_on("call.mp3", wav)


def test_films_say_how_long_they_are_and_what_is_in_them(tmp_path: Path):
    film = mp4_facts(io.BytesIO(mp4(b"vide", b"soun")))
    assert (film.duration, film.has_pictures, film.has_sound) == (2.5, True, True)
    web = matroska_facts(io.BytesIO(matroska(b"webm", 1, 2)))
    assert (web.duration, web.has_pictures, web.doc_type) == (1.5, True, "webm")

    def found(content: bytes) -> tuple[str, str]:
        path = tmp_path / "film"
        path.write_bytes(content)
        guessed = sniff(content[:HEAD_BYTES])
        assert guessed is not None
        facts = examine(path, guessed)
        return facts.media_type, facts.kind

    assert found(mp4(b"vide")) == ("video/mp4", "film")
    assert found(mp4(b"soun")) == ("audio/mp4", "sound")
    assert found(matroska(b"webm", 2)) == ("audio/webm", "sound")
    assert found(matroska(b"matroska", 1, 2)) == ("video/x-matroska", "film")
    for cut_off in (mp4(b"vide")[:60], mp4(), matroska(b"webm"), matroska(b"webm", 1)[:30]):
        path = tmp_path / "broken"
        path.write_bytes(cut_off)
        with pytest.raises(ValueError, match=r"it has|its|cut off"):
            examine(path, TYPES["video/mp4" if cut_off[4:8] == b"ftyp" else "video/webm"])


@given(st.binary(max_size=400), st.sampled_from([mp4(b"vide", b"soun"), matroska(b"webm", 1)]), st.integers(0, 200))
def test_broken_headers_of_films_are_refused_and_nothing_else_happens(noise: bytes, film: bytes, place: int):
    broken = io.BytesIO(film[:place] + noise + film[place + len(noise) :])
    for read in (mp4_facts, matroska_facts):
        try:
            facts = read(broken)
        except ValueError:
            continue
        assert facts.has_pictures or facts.has_sound
