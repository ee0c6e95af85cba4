"""Importing and exporting a million polygons as GeoJSON: seconds, and the most memory of the process.

The file is written as QuPath writes it: a feature with an identity and a classification for each polygon of 6 to 22
vertices with fractions. Import is everything from the file to the committed annotations, export everything from the
database to the file, each by the code that the command line and the background jobs use, on SQLite. Both run in one
process of their own, which says what it needed. ``EXACT_BENCHMARK_SHAPES`` asks for another number of shapes; the bars
are for a million, and are scaled in proportion, but for the memory, which must not grow.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

SHAPES = 1_000_000
_IMPORT_SECONDS, _EXPORT_SECONDS, _MOST_MIB = 120.0, 60.0, 512.0


def run() -> list[dict[str, object]]:
    """The figures of one import and one export."""
    count = int(os.environ.get("EXACT_BENCHMARK_SHAPES", SHAPES))
    share = count / SHAPES
    with tempfile.TemporaryDirectory(prefix="exact-exchange-") as folder:
        command = [sys.executable, "-m", "tests.core.exchange.memory_probe", folder, str(count)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout)
    assert found["added"] == count
    about = f"{count:,} polygons"
    return [
        _figure(f"GeoJSON import of {about}", found["import_seconds"], "s", _IMPORT_SECONDS * share),
        _figure(f"GeoJSON export of {about}", found["export_seconds"], "s", _EXPORT_SECONDS * share),
        _figure(f"memory of both at most, {about}", found["peak_mib"], "MiB", _MOST_MIB),
        _told(f"processor time of the import, {about}", found["import_cpu_seconds"], "s"),
        _told(f"processor time of the export, {about}", found["export_cpu_seconds"], "s"),
        _told("size of the imported file", found["file_mb"], "MB"),
    ]


def _figure(name: str, value: float, unit: str, bar: float) -> dict[str, object]:
    return {"name": name, "value": round(value, 2), "unit": unit, "bar": f"< {bar:g}", "holds": value < bar}


def _told(name: str, value: float, unit: str) -> dict[str, object]:
    """A figure without a bar, for who compares machines."""
    return {"name": name, "value": round(value, 2), "unit": unit, "bar": "", "holds": None}
