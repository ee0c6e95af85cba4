"""Screening a grid of 100,000 fields: what a step costs over HTTP, and what beginning and coming back cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from exact_sdk.harness import Instance
from httpx2 import Response

FIELDS = 100_000
STEPS = 300
STEP_MS, STATE_MS, BEGIN_MS = 50.0, 250.0, 1000.0


def run() -> list[dict[str, object]]:
    """Time marks and steps at scattered places of a large pass, and opening it again."""
    with TemporaryDirectory() as folder, Instance(Path(folder), ["screening"]) as instance:
        return _measured(instance)


def _measured(instance: Instance) -> list[dict[str, object]]:
    image_set = instance.image_set(plugins=["screening"])
    image = instance.image(image_set, width=400_000, height=250_000, mpp_x=0.25, mpp_y=0.25)
    client = instance.as_user("annotator", image_set)
    address = f"{instance.routes('screening', image_set)}/images/{image}"
    wishes = {"unit": "px", "field_width": 1000, "field_height": 1000, "overlap": 0, "order": "snake"}
    begun, begin_ms = _timed(lambda: client.post(f"{address}/passes", json=wishes))
    assert begun.json()["total"] == FIELDS, begun.text
    half = list(range(0, FIELDS, 2))
    revision = sequence = 0

    def step(**what: object) -> float:
        nonlocal revision, sequence
        sequence += 1
        body = {"browser": "bench", "sequence": sequence, "revision": revision, **what}
        answer, spent = _timed(lambda: client.post(f"{address}/passes/1/steps", json=body))
        assert answer.status_code == 200, answer.text
        revision = answer.json()["revision"]
        return spent

    for start in range(0, len(half), 5000):  # half of it was seen: every chunk of the set is there
        step(marks=half[start : start + 5000])
    places = [(7919 * number * 2 + 1) % FIELDS for number in range(STEPS)]
    marks = [step(marks=[place], seconds={str(place): 4.2}, position=place, way="unseen") for place in places]
    moves = [step(position=place) for place in places]
    states = [_timed(lambda: client.get(f"{address}/state"))[1] for _ in range(20)]
    finer = wishes | {"field_width": 900, "field_height": 900}
    changed = _timed(lambda: client.post(f"{address}/passes", json=finer))[1]
    return [
        _figure("mark and go to the next unseen field, p95", _p95(marks), STEP_MS),
        _figure("go to a field, p95", _p95(moves), STEP_MS),
        _figure("come back to the pass, median", statistics.median(states), STATE_MS),
        _figure("begin a pass", begin_ms, BEGIN_MS),
        _figure("begin another grid and carry the seen area over", changed, BEGIN_MS),
    ]


def _timed(ask: Callable[[], Response]) -> tuple[Response, float]:
    started = time.perf_counter()
    answer = ask()
    return answer, (time.perf_counter() - started) * 1000


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def _figure(name: str, value: float, most: float) -> dict[str, object]:
    return {
        "name": f"screening, {FIELDS:,} fields: {name}",
        "value": round(value, 1),
        "unit": "ms",
        "bar": f"< {most:g}",
        "holds": value < most,
    }
