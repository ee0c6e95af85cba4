"""Requests that are too much: refused quickly, in words, without taking the server's memory."""

from __future__ import annotations

import re
import time
import tracemalloc
from typing import Any

import pytest

from tests.core.annotations.conftest import Lab, box


def post(lab: Lab, body: bytes, **headers: str) -> Any:
    url = f"/api/v2/images/{lab.image_id}/annotation-changes"
    return lab["ann"].post(url, content=body, headers={"content-type": "application/json", **headers})


def request(lab: Lab, geometry: bytes, attributes: bytes = b"{}") -> bytes:
    return (
        b'{"operations": [{"op": "create", "uuid": "00000000-0000-4000-8000-000000000001", "type_id": %d,'
        b' "geometry": %s, "attributes": %s}]}' % (lab.types["Cell"], geometry, attributes)
    )


def test_ten_million_vertices_are_refused_before_they_are_parsed(lab: Lab) -> None:
    body = request(lab, b'{"shape": "polygon", "points": [' + b"[1,2]," * 10_000_000 + b"[3,4]]}")
    tracemalloc.start()
    started = time.process_time()
    response = post(lab, body)
    spent, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 413
    assert "1,000,000 vertices" in response.json()["detail"]
    assert spent < 5
    assert peak < 4 * len(body)


@pytest.mark.parametrize("depth", [200, 900, 100_000])
@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "deep"}])
def test_deep_nesting_is_refused(lab: Lab, depth: int, headers: dict[str, str]) -> None:
    deep = b"[" * depth + b"]" * depth
    for body in (
        request(lab, b'{"shape": "polygon", "rings": ' + deep + b"}"),
        request(lab, b'{"shape": ' + deep + b"}"),
        request(lab, b'{"shape": "box", "points": [[1,2],[3,4]]}', b'{"grade": ' + deep + b"}"),
        b'{"operations": ' + deep + b"}",
        deep,
    ):
        response = post(lab, body, **headers)
        assert response.status_code in (400, 422), response.text[:300]
        assert len(response.text) < 20_000
    assert lab.get("ann", "annotation-counts").json()["total"] == 0


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (b"NaN", "Vertex 1 is not finite"),
        (b"-Infinity", "Vertex 1 is not finite"),
        (b"1e400", "Vertex 1 is not finite"),
        (b"null", "not finite|not numbers"),
        (b"9" * 30, "Vertex 1 .*32-bit"),
        (b'"7"', "pairs of numbers"),
        (b"[7]", "pairs of numbers"),
        (b"{}", "pairs of numbers|not numbers"),
    ],
)
def test_what_is_no_number_is_refused_with_its_place(lab: Lab, number: bytes, reason: str) -> None:
    response = post(lab, request(lab, b'{"shape": "box", "points": [[1, 2], [%s, 4]]}' % number))
    assert response.status_code == 422
    assert re.search(reason, response.json()["detail"])


def test_only_labels_are_listed_without_reading_all_shapes(lab: Lab) -> None:
    lab.draw("ann")
    slide = lab.types["Slide"]
    made = lab.change(
        "ann",
        {**box(slide), "geometry": {"shape": "image"}, "frame": {"z": 1, "t": 0, "c": -1}},
        {**box(slide), "geometry": {"shape": "image"}, "frame": {"z": -1, "t": -1, "c": -1}},
    ).json()["annotations"]
    found = lab.get("ann", "annotations", shape=["image", "absent"]).json()["items"]
    assert [each["id"] for each in found] == [each["id"] for each in made]
    on_frame = lab.get("ann", "annotations", shape="image", z=0, t=0).json()["items"]
    assert [each["id"] for each in on_frame] == [made[1]["id"]]
    assert len(lab.get("ann", "annotations", shape="box").json()["items"]) == 1
    assert lab.get("ann", "annotations", shape="blob").status_code == 422
