"""Predictions written to a file by whoever makes them, and played into the writer of the instance when they are whole.

A recording is a sequence of parts, each a JSON header and bytes, both with their length before them. Shapes travel as
safetensors, bands of maps as rows of bytes. The last part counts the others, so that half a recording is not taken.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.api.predictions import PredictedShapes

if TYPE_CHECKING:
    from exact_core.api.predictions import Bytes, PredictionWriter

_LENGTHS = struct.Struct("<II")
_LONGEST_HEADER = 64 * 1024
_LONGEST_BODY = 256 * 1024 * 1024  # 100,000 outlines of 100 points are 160 MB
_ARRAYS = ("points", "rings", "starts", "labels", "scores")

Part = tuple[Mapping[str, Any], bytes]


class Recorder:
    """Takes predictions (``exact_core.api.predictions.PredictionWriter``) and writes them to a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._parts = 0

    def add(self, shapes: PredictedShapes) -> None:
        """Write shapes."""
        arrays = {name: np.ascontiguousarray(getattr(shapes, name)) for name in _ARRAYS}
        if shapes.uncertainties is not None:
            arrays["uncertainties"] = np.ascontiguousarray(shapes.uncertainties)
        self._write({"part": "shapes", "shape": str(shapes.shape)}, save(arrays))

    @contextmanager
    def map(
        self, name: str, *, width: int, height: int, downsample: float, label: int | None = None, x: int = 0, y: int = 0
    ) -> Iterator[BandRecorder]:
        """Write one map, band after band."""
        facts = {"name": name, "width": width, "height": height, "downsample": downsample}
        self._write({"part": "map", **facts, "label": label, "x": x, "y": y})
        yield BandRecorder(self, width)
        self._write({"part": "map-end"})

    def label_image(self, label: int, score: float, uncertainty: float | None = None) -> None:
        """Write the class of the whole image."""
        told = None if uncertainty is None else float(uncertainty)
        self._write({"part": "label", "label": int(label), "score": float(score), "uncertainty": told})

    def finish(self) -> None:
        """Write that the recording is whole."""
        self._write({"part": "end", "parts": self._parts})

    def _write(self, header: Mapping[str, Any], body: bytes | memoryview = b"") -> None:
        text = json.dumps(header).encode()
        self._file.write(_LENGTHS.pack(len(text), len(body)))
        self._file.write(text)
        self._file.write(body)
        self._parts += 1


class BandRecorder:
    """Takes the bands of one map (``exact_core.api.predictions.MapWriter``)."""

    def __init__(self, recorder: Recorder, width: int) -> None:
        self._recorder = recorder
        self._width = width

    def write(self, band: Bytes) -> None:
        """Write the next rows; ``Invalid`` when they are not as wide as the map."""
        if band.ndim != 2 or band.shape[1] != self._width or band.dtype != np.uint8:
            raise Invalid(f"band: rows of {self._width} uint8 are wanted, not {band.dtype} {band.shape}.")
        rows = np.ascontiguousarray(band)
        self._recorder._write({"part": "band", "rows": int(rows.shape[0])}, rows.tobytes())


def replay(file: BinaryIO, writer: PredictionWriter) -> None:
    """Play a recording into a writer.

    Args:
        file: A recording, from its beginning.
        writer: Takes what was predicted; it checks every value.

    Raises:
        Invalid: The recording is cut off or no recording, or the writer does not take what it holds.
    """
    parts = _parts(file)
    count = 0
    for header, body in parts:
        kind = header.get("part")
        if kind == "end":
            if header.get("parts") != count or next(parts, None) is not None:
                raise Invalid("The recording of predictions is not whole.")
            return
        try:
            count += 1 + _play(str(kind), header, body, parts, writer)
        except (LookupError, TypeError, ValueError, SafetensorError) as error:
            raise Invalid(f"The recording of predictions is damaged in part {count + 1} ({error}).") from None
    raise Invalid("The recording of predictions is cut off.")


def _play(kind: str, header: Mapping[str, Any], body: bytes, parts: Iterator[Part], writer: PredictionWriter) -> int:
    """Play one part, and for a map its bands; how many further parts were taken."""
    if kind == "shapes":
        writer.add(_shapes(header, body))
    elif kind == "label":
        writer.label_image(int(header["label"]), float(header["score"]), header["uncertainty"])
    elif kind == "map":
        return _play_map({name: value for name, value in header.items() if name != "part"}, parts, writer)
    else:
        raise ValueError(f"an unknown part {kind!r}")
    return 0


def _play_map(facts: dict[str, Any], parts: Iterator[Part], writer: PredictionWriter) -> int:
    taken = 0
    with writer.map(facts.pop("name"), **facts) as bands:
        for header, body in parts:
            taken += 1
            if header.get("part") == "map-end":
                return taken
            if header.get("part") != "band":
                raise ValueError("a map without an end")
            bands.write(np.frombuffer(body, np.uint8).reshape(int(header["rows"]), int(facts["width"])))
        raise Invalid("The recording of predictions is cut off within a map.")


def _shapes(header: Mapping[str, Any], body: bytes) -> PredictedShapes:
    arrays = load(body)
    points, rings, starts, labels, scores = (arrays[name] for name in _ARRAYS)
    return PredictedShapes(Shape(header["shape"]), points, rings, starts, labels, scores, arrays.get("uncertainties"))


def _parts(file: BinaryIO) -> Iterator[Part]:
    while lengths := file.read(_LENGTHS.size):
        if len(lengths) < _LENGTHS.size:
            raise Invalid("The recording of predictions is cut off.")
        header_length, body_length = _LENGTHS.unpack(lengths)
        if header_length > _LONGEST_HEADER or body_length > _LONGEST_BODY:
            raise Invalid("This is no recording of predictions.")
        text, body = file.read(header_length), file.read(body_length)
        if len(text) < header_length or len(body) < body_length:
            raise Invalid("The recording of predictions is cut off.")
        try:
            header = json.loads(text)
        except (ValueError, RecursionError):
            raise Invalid("This is no recording of predictions.") from None
        if not isinstance(header, dict):
            raise Invalid("This is no recording of predictions.")
        yield header, body
