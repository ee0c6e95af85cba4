"""Parts of files: what is asked for is what is answered, and nothing else is looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from exact_media.serving import MOST_AT_ONCE, one_part, send
from exact_media.tables import MediaFile
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

BYTES = bytes(range(256)) * 4


@pytest.fixture(scope="module")
def player() -> Iterator[TestClient]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound"
        path.write_bytes(BYTES)
        file = MediaFile(sha256="ab" * 32, media_type="audio/wav")

        def answer(request: Request) -> Response:
            return send(request, path, file, "sound.wav")

        yield TestClient(Starlette(routes=[Route("/", answer)]))


@settings(max_examples=40)
@given(st.integers(0, 1100), st.none() | st.integers(0, 1100))
def test_a_part_is_what_lies_between_its_ends(player: TestClient, first: int, last: int | None):
    answer = player.get("/", headers={"Range": f"bytes={first}-{'' if last is None else last}"})
    if last is not None and last < first:
        assert (answer.status_code, answer.content) == (200, BYTES)
    elif first >= len(BYTES):
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(BYTES)}"
    else:
        wanted = BYTES[first:] if last is None else BYTES[first : last + 1]
        assert (answer.status_code, answer.content) == (206, wanted)
        assert answer.headers["content-range"] == f"bytes {first}-{first + len(wanted) - 1}/{len(BYTES)}"
        assert int(answer.headers["content-length"]) == len(wanted)


@settings(max_examples=40)
@given(st.integers(1, 2000))
def test_the_end_of_a_file_can_be_asked_for(player: TestClient, length: int):
    answer = player.get("/", headers={"Range": f"bytes=-{length}"})
    assert (answer.status_code, answer.content) == (206, BYTES[-length:])


@settings(max_examples=40)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_other_headers_are_answered_with_the_whole(player: TestClient, header: str):
    answer = player.get("/", headers={"Range": header})
    assert answer.status_code in {200, 206, 416}
    if not one_part(header):
        assert (answer.status_code, answer.content) == (200, BYTES)


def test_several_parts_at_once_are_not_answered_one_by_one(player: TestClient):
    assert player.get("/", headers={"Range": "bytes=0-1,4-5"}).content == BYTES
    many = ",".join(f"{place}-{place}" for place in range(0, 1000, 2))
    assert player.get("/", headers={"Range": f"bytes={many}"}).status_code == 200


def test_of_a_part_without_an_end_a_piece_is_sent():
    assert one_part("bytes=100-") == f"bytes=100-{100 + MOST_AT_ONCE - 1}"
    assert one_part("BYTES = 5-9 ") == "bytes=5-9"
    assert [one_part(each) for each in ("bytes=-", "bytes=9-5", "items=0-1", "bytes=a-b", "bytes=--1")] == [""] * 5
