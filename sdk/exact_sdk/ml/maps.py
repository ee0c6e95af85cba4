"""What a network says of every pixel, as maps that the viewer shows over the slide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from exact_sdk.ml.stitching import Array, Floats
from exact_sdk.ml.tilestream import Sink

if TYPE_CHECKING:
    from exact_core.api.predictions import MapWriter, PredictionWriter

PROBABILITY, ENTROPY = "probability", "entropy"

_ROWS = 64


def entropy(probabilities: Array) -> Array:
    """How undecided probabilities are: ``-sum(p log p) / log(classes)``, 0 to 1; the dtype stays (ml-spec 1.8).

    Args:
        probabilities: ``(classes, ...)``, at least two classes.

    Returns:
        ``(...)``.
    """
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    found: Array = -(probabilities * logs).sum(axis=0) / np.log(len(probabilities)).astype(probabilities.dtype)
    return found.clip(0, 1)


def as_bytes(values: Array) -> NDArray[np.uint8]:
    """Values from 0 to 1 as ``round(255 * value)``."""
    found: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    return found


@contextmanager
def map_sink(
    out: PredictionWriter,
    width: int,
    height: int,
    labels: Sequence[int],
    *,
    downsample: float = 1.0,
    with_entropy: bool = True,
) -> Iterator[Sink]:
    """Open maps and give the sink that ``tilestream.stream`` fills.

    What no tile looked at has the probability 0 and the entropy 0.

    Args:
        out: Where the run writes.
        width: In pixels of the maps.
        height: In pixels of the maps.
        labels: The classes that get a map of their own, mostly all but the background.
        downsample: How many level-0 pixels one pixel of the maps spans.
        with_entropy: Whether a map says how undecided the network is.
    """
    with ExitStack() as opened:

        def open_map(name: str, label: int | None) -> MapWriter:
            made = out.map(name, width=width, height=height, downsample=downsample, label=label)
            return opened.enter_context(made)

        maps = {label: open_map(PROBABILITY, label) for label in labels}
        undecided = open_map(ENTROPY, None) if with_entropy else None

        def sink(_y: int, probabilities: Floats, covered: NDArray[np.bool_]) -> None:
            # Some rows at a time: a band of a wide slide has no room beside the accumulators.
            for first in range(0, len(covered), _ROWS):
                rows = slice(first, first + _ROWS)
                for label, writer in maps.items():
                    writer.write(as_bytes(probabilities[label, rows]))
                if undecided is not None:
                    undecided.write(as_bytes(entropy(probabilities[:, rows])) * covered[rows])

        yield sink
