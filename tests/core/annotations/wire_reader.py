"""Reads the binary form of views independently of the code that writes it."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

TYPES = {
    "float32": "<f4",
    "float64": "<f8",
    "uint8": "u1",
    "uint16": "<u2",
    "uint32": "<u4",
    "int16": "<i2",
    "int32": "<i4",
}


@dataclass
class View:
    """A decoded view."""

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]

    def shapes(self, prefix: str = "") -> list[dict[str, Any]]:
        """Whole shapes with all their vertices, ring by ring."""
        array = {name.removeprefix(prefix): values for name, values in self.arrays.items() if name.startswith(prefix)}
        lengths = array["ring_length"].tolist()
        rings = []
        place = step = 0
        for number, length in enumerate(lengths):
            if "xy" in array:
                vertices = array["xy"].reshape(-1, 2)[place : place + length].tolist()
                place += length
            else:
                x, y = array["first"].reshape(-1, 2)[number].tolist()
                vertices = [[x, y]]
                for dx, dy in array["delta"].reshape(-1, 2)[step : step + length - 1].tolist():
                    x, y = x + dx, y + dy
                    vertices.append([x, y])
                step += length - 1
            rings.append((vertices, bool(array["ring_hole"][number])))
        starts = array["ring_start"].tolist()
        for shape, bits in enumerate(array.get("fraction_bits", np.array([])).tolist()):
            for number in range(starts[shape], starts[shape + 1]):
                scaled = [[x / 2**bits, y / 2**bits] for x, y in rings[number][0]]
                rings[number] = (scaled, rings[number][1])
        return [
            {
                "id": int(id_),
                "type_id": self.header["types"][array["type"][index]],
                "author_id": self.header["authors"][array["author"][index]],
                "shape": int(array["shape"][index]),
                "revision": int(array["revision"][index]),
                "box": array["box"].reshape(-1, 4)[index].tolist(),
                "rings": [ring for ring, _ in rings[starts[index] : starts[index + 1]]],
                "holes": [hole for _, hole in rings[starts[index] : starts[index + 1]]],
            }
            for index, id_ in enumerate(array["id"])
        ]

    def ids(self) -> set[int]:
        """All annotations that the view names, whole or as centroids."""
        return {int(id_) for name in ("id", "large_id") for id_ in self.arrays.get(name, ())}


def read(body: bytes) -> View:
    """Decode a view; every promise of the format is checked on the way."""
    assert body[:4] == b"EXV1"
    (length,) = struct.unpack_from("<I", body, 4)
    start = 8 + length
    assert start % 8 == 0
    header = json.loads(body[8:start])
    arrays = {}
    end = 0
    for entry in header["arrays"]:
        assert entry["offset"] == end
        assert entry["offset"] % 8 == 0
        kind = np.dtype(TYPES[entry["type"]])
        arrays[entry["name"]] = np.frombuffer(body, kind, entry["length"], start + entry["offset"])
        end = entry["offset"] + -(-entry["length"] * kind.itemsize // 8) * 8
    assert start + end == len(body)
    return View(header, arrays)
