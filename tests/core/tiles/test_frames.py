"""Addresses of frames."""

from __future__ import annotations

import pytest

from exact_core.api.errors import NotFound
from exact_core.tiles.frames import ALL_CHANNELS, BadFrame, Frame, parse_frame, require_frame


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ("0.0.rgb", Frame()),
        ("3.2.1", Frame(3, 2, 1)),
        ("0.10.0", Frame(0, 10, 0)),
        ("7.0.rgb", Frame(7, 0, ALL_CHANNELS)),
    ],
)
def test_an_address_is_read_and_written_back(text: str, frame: Frame) -> None:
    assert parse_frame(text) == frame
    assert str(frame) == text


@pytest.mark.parametrize(
    "text", ["", "0.0", "0.0.0.0", "-1.0.rgb", "0.x.rgb", "0.0.bgr", "0.0.", "٣.0.rgb", "9999999999.0.0"]
)
def test_what_is_no_frame_is_refused(text: str) -> None:
    with pytest.raises(BadFrame):
        parse_frame(text)


@pytest.mark.parametrize("frame", [Frame(2, 0), Frame(0, 3), Frame(0, 0, 4)])
def test_a_frame_outside_of_the_stack_is_not_found(frame: Frame) -> None:
    require_frame(Frame(1, 2, 3), 2, 3, 4)
    with pytest.raises(NotFound):
        require_frame(frame, 2, 3, 4)
