"""Every shape, with everything that the document model has, comes back from every format that EXACT wrote."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape
from exact_core.exchange.document import ExchangeType, WrittenShape
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import (
    EVERY_SHAPE,
    HOLE,
    IMAGE,
    SQUARE,
    TUMOR,
    WITH_FRACTIONS,
    Document,
    annotation,
    any_annotation,
    round_trip,
    same,
    written,
)

TOLERANCES = {
    "aperio-xml": 1e-9,
    "asap-xml": 1e-9,
    "ndpa": 0.002001,  # half a nanometre of a pixel of 250 nm
    "ome-xml": 1e-6,
    "sliderunner": 1e-9,
    "dicom-ann": 1e-9,
    "geojson": 1e-9,
    "darwin": 1e-9,
    "csv": 1e-9,
}
"""Formats that keep everything, and how far a vertex may move, in pixels."""


@pytest.mark.parametrize(
    "expected", [*EVERY_SHAPE, *WITH_FRACTIONS], ids=lambda each: f"{each.id}-{each.geometry.shape}"
)
@pytest.mark.parametrize("name", TOLERANCES)
def test_a_shape_comes_back_with_all_that_belongs_to_it(name: str, expected: WrittenShape) -> None:
    found = round_trip(built_in(name), [expected])
    assert set(found) == {expected.uuid}
    same(found[expected.uuid], expected, TOLERANCES[name])


@pytest.mark.parametrize("name", TOLERANCES)
def test_all_shapes_in_one_file_come_back(name: str) -> None:
    everything = [*EVERY_SHAPE, *WITH_FRACTIONS]
    found = round_trip(built_in(name), everything)
    assert len(found) == len(everything)
    for expected in everything:
        same(found[expected.uuid], expected, TOLERANCES[name])


@pytest.mark.parametrize("name", TOLERANCES)
def test_what_a_format_has_no_place_for_is_told(name: str) -> None:
    _, report = written(built_in(name), Document({IMAGE.id: EVERY_SHAPE}))
    told = report.to_json()
    words = " ".join(loss["what"] for loss in told["losses"])
    assert "planes" in words or "OME" in words or name in ("ome-xml", "sliderunner", "geojson", "darwin", "csv")
    _, report = written(built_in(name), Document({IMAGE.id: [EVERY_SHAPE[6]]}))
    assert not report.losses, "a plain polygon loses nothing"


@pytest.mark.parametrize("name", TOLERANCES)
def test_an_empty_document_is_an_empty_file(name: str) -> None:
    assert round_trip(built_in(name), []) == {}


@pytest.mark.parametrize("name", TOLERANCES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(annotations=st.lists(any_annotation(), max_size=4, unique_by=lambda each: each.id))
def test_any_annotations_come_back(name: str, annotations: list[WrittenShape]) -> None:
    found = round_trip(built_in(name), annotations)
    assert set(found) == {each.uuid for each in annotations}
    for expected in annotations:
        same(found[expected.uuid], expected, TOLERANCES[name])


@pytest.mark.parametrize("name", TOLERANCES)
def test_names_and_texts_that_formats_use_themselves_come_back(name: str) -> None:
    types = [ExchangeType(n, label, "P", "#123456", ()) for n, label in enumerate(("None", f"{TUMOR.name}_hole"), 5)]
    annotations = [
        annotation(1, Shape.POLYGON, [SQUARE], type=types[0], text="[exact] {fake}"),
        annotation(2, Shape.POLYGON, [SQUARE, HOLE], text="Annotation 5"),
        annotation(3, Shape.POLYGON, [HOLE], type=types[1], text="a line\n"),
        annotation(4, Shape.ROTATED_BOX, [[[10, 10], [20, 10], [20, 20], [10, 20]]], author=""),
        annotation(5, Shape.POLYLINE, [[[1, 1], [2, 2]]], text="true", attributes={"n": "1.0", "m": 1.0}),
    ]
    found = round_trip(built_in(name), annotations)
    for expected in annotations:
        same(found[expected.uuid], expected, TOLERANCES[name])


def test_the_documents_of_these_tests_have_every_shape_and_frame() -> None:
    assert len({each.geometry.shape for each in EVERY_SHAPE}) == 9
    assert any(each.frame != Frame() for each in EVERY_SHAPE)
    assert all(np.isfinite(each.geometry.vertices).all() for each in EVERY_SHAPE)
