"""Objects on the seams of tiles are found once, wherever they lie."""

from __future__ import annotations

import numpy as np
import pytest
from exact_sdk.ml.detections import Detections, detect
from exact_sdk.ml.readers import ArrayReader
from exact_sdk.ml.tilestream import Streaming
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid


def blobs(samples):
    """Connected bright regions, with the middle of their bounding box."""
    found = []
    for tile in samples:
        marks, _ = ndimage.label(tile[..., 0] > 0)
        boxes = np.array(
            [(at[1].start, at[0].start, at[1].stop, at[0].stop) for at in ndimage.find_objects(marks)], float
        ).reshape(-1, 4)
        count = len(boxes)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        found.append(Detections(centres, boxes, np.zeros(count, np.int64), np.ones(count)))
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(8, 100), st.integers(8, 100), st.integers(6, 60), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_every_object_is_found_once_with_its_box(width, height, core, batch, seed):
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 1), np.uint16)
    for y in range(0, height - 4, 8):
        for x in range(0, width - 4, 8):
            if rng.random() < 0.6:
                tall, wide = rng.integers(1, 7, 2)
                picture[y : y + tall, x : x + wide] = 9
    expected = blobs([picture])[0]
    found = list(detect(ArrayReader(picture), blobs, core=core, halo=8, how=Streaming(batch=batch)))
    boxes = np.concatenate([each.boxes for each in found])
    assert sorted(map(tuple, boxes)) == sorted(map(tuple, expected.boxes))


def test_an_object_on_the_very_edge_belongs_to_the_last_cell():
    def corner(samples):
        place = np.array([[16.0, 16.0]])
        return [Detections(place, np.tile(place, 2), np.zeros(1, np.int64), np.ones(1)) for _ in samples]

    picture = np.zeros((32, 32, 1), np.uint16)
    found = [each.centres.tolist() for each in detect(ArrayReader(picture), corner, core=16, halo=0)]
    assert found == [[], [], [], [[32.0, 32.0]]]


def test_objects_are_handed_over_as_points_or_boxes():
    boxes = np.array([[0.0, 0, 4, 2], [10, 10, 14, 14]])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    found = Detections(centres, boxes, np.array([1, 0]), np.array([0.5, 0.9]))
    points = found.shapes(Shape.POINT)
    assert (len(points), points.points.tolist()) == (2, [[2, 1], [12, 12]])
    corners = found.shapes(Shape.BOX, np.array([0.1, 0.2]))
    assert corners.points.tolist() == [[0, 0], [4, 2], [10, 10], [14, 14]]
    assert corners.starts.tolist() == [0, 1, 2]
    assert corners.uncertainties.tolist() == [0.1, 0.2]
    with pytest.raises(Invalid, match="polygon"):
        found.shapes(Shape.POLYGON)


def test_a_detector_answers_for_every_tile_and_sizes_are_positive():
    picture = ArrayReader(np.zeros((40, 40, 1), np.uint16))
    with pytest.raises(Invalid, match="0 of"):
        list(detect(picture, lambda _samples: [], core=16, halo=2))
    with pytest.raises(Invalid, match="positive"):
        list(detect(picture, blobs, core=0))


def test_empty_cells_may_be_left_out_and_progress_is_told():
    told = []
    picture = np.zeros((64, 64, 1), np.uint16)
    picture[3:5, 3:5] = 1
    found = list(
        detect(
            ArrayReader(picture), blobs, core=16, halo=4, skip=lambda place: place.row > 0,
            told=lambda share, message: told.append((share, message)),
        )
    )  # fmt: skip
    assert [len(each) for each in found] == [1, 0, 0, 0]
    assert told == [(1.0, "4 of 4 tiles, 12 left out")]
