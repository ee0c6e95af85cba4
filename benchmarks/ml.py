"""The toolkit of models: what the tile streamer costs beside a network, and its memory for a slide of any size."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from typing import Any

_TILE = 256
_BATCH = 8
_TILES = 8 * _BATCH
_ROUNDS = 5
_SIDE = 100_000
_GIBIBYTE = 1024**3


def run() -> list[dict[str, Any]]:
    """The figures; those of the network are missing where the extra ``exact-sdk[ml]`` is."""
    return [*_throughput(), _memory()]


def _throughput() -> list[dict[str, Any]]:
    """Processor time of a network of the cost of EfficientNet-Lite0 on tiles in memory, over that of the streamer."""
    facts = {"name": "streamer's share of the network's own throughput", "unit": "of 1", "bar": ">= 0.85"}
    try:
        import numpy as np
        import torch
        from exact_sdk.ml.encoder import untrained
    except ImportError as error:
        return [{**facts, "value": None, "holds": None, "note": str(error)}]
    from exact_sdk.ml.readers import PatternReader
    from exact_sdk.ml.tiles import Frame, TilePlan, read_tile
    from exact_sdk.ml.tilestream import Streaming, stream

    torch.set_num_threads(2)
    encoder = untrained(0)
    head = torch.nn.Conv2d(40, 2, 1)

    def network(samples: Any) -> Any:
        with torch.inference_mode():
            given = torch.from_numpy(encoder.preprocess.normalise(samples))
            last = encoder.features(given, (8, 32))
            maps = torch.nn.functional.interpolate(head(last[8]), samples.shape[1:3], mode="bilinear")
            return torch.softmax(maps, 1).numpy()

    side = 64 * 3 + _TILE  # 4 columns of overlapping tiles
    reader = PatternReader(side, 64 * (_TILES // 4 - 1) + _TILE)
    plan = TilePlan(reader.width, reader.height, _TILE, 64)
    assert plan.count == _TILES
    tiles = [read_tile(reader, place, Frame()) for place in plan.places()]
    batches = [np.stack(tiles[first : first + _BATCH]) for first in range(0, _TILES, _BATCH)]

    def alone() -> None:
        for batch in batches:
            network(batch)

    def streamed() -> None:
        stream(reader, network, lambda *_: None, plan, 2, how=Streaming(batch=_BATCH, window="hann"))

    alone()
    shares = []
    for _ in range(_ROUNDS):
        own = _seconds(alone)
        shares.append(own / _seconds(streamed))
    value = statistics.median(shares)
    return [{**facts, "value": round(value, 3), "holds": value >= 0.85}]


def _seconds(work: Any) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def _memory() -> dict[str, Any]:
    """Most resident memory of a process that streams the first and the last rows of tiles of a huge slide."""
    done = subprocess.run(
        [sys.executable, "-c", "from benchmarks.ml import stream_ends; stream_ends()"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    return {
        "name": f"memory for {_SIDE:,} x {_SIDE:,} px, 2 classes, tiles of 512 every 384 px",
        "value": round(found["peak"] / _GIBIBYTE, 2),
        "unit": "GiB",
        "bar": "< 2",
        "holds": found["peak"] < 2 * _GIBIBYTE,
        "accumulators": round(found["formula"] / _GIBIBYTE, 2),
        "tiles": found["tiles"],
    }


class _Enough(Exception):
    """Ends a run."""


def stream_ends() -> None:
    """Stream four rows of tiles from the top, and the last ones; prints the process's most resident memory."""
    import resource

    import numpy as np
    from exact_sdk.ml.readers import PatternReader
    from exact_sdk.ml.stitching import accumulator_bytes
    from exact_sdk.ml.tiles import TilePlan
    from exact_sdk.ml.tilestream import Streaming, stream

    reader, plan = PatternReader(_SIDE, _SIDE), TilePlan(_SIDE, _SIDE, 512, 384)

    def network(samples: Any) -> Any:
        red = samples[..., 0].astype(np.float32) / 255
        return np.stack([red, 1 - red], axis=1)

    def first_rows(share: float, _message: str) -> None:
        if share * plan.count > 4 * len(plan.columns):
            raise _Enough

    how = Streaming(batch=8)
    with contextlib.suppress(_Enough):  # and not inside of ``except``: its traceback would keep the first accumulators
        stream(reader, network, lambda *_: None, plan, 2, how=how, told=first_rows)
    stream(reader, network, lambda *_: None, plan, 2, how=how, resume_at=_SIDE - 300)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"peak": peak, "formula": accumulator_bytes(_SIDE, 2, 512, 384), "tiles": reader.reads}))
