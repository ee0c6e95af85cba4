"""What the figures of tiles share: processor time of one call, and a ratio with its bar."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any


def cpu(function: Callable[[Any], object], part: list[Any], drop: int = -1) -> float:
    """Processor time per call; with ``drop`` the file leaves the system's memory before each."""
    if drop < 0:
        started = time.process_time()
        for place in part:
            function(place)
        return (time.process_time() - started) / len(part)
    spent = []
    for place in part:
        os.posix_fadvise(drop, 0, 0, os.POSIX_FADV_DONTNEED)
        started = time.process_time()
        function(place)
        spent.append(time.process_time() - started)
    return statistics.median(spent)  # waiting for the disk lets other programs in between, which a mean would count


def figure(name: str, ratios: list[float], least: float, peer: str) -> dict[str, Any]:
    """The median of some ratios, with the least that it should be."""
    value = statistics.median(ratios)
    return {
        "name": name,
        "value": round(value, 1),
        "unit": "x",
        "bar": f">= {least:g}",
        "holds": value >= least,
        "peer": peer,
    }
