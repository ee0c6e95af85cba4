"""From samples to colours on the screen: windows of channels, and channels mixed in their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from exact_core.api.drivers import Channel

WHITE = "#ffffff"
DEFAULT_COLORS = ("#ff0000", "#00ff00", "#0000ff", "#ffff00", "#ff00ff", "#00ffff")


def window(samples: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    """Map ``low`` to 0 and ``high`` to 255; samples that are not numbers become 0."""
    if samples.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return samples.astype(np.uint8, copy=False)
    if samples.dtype in (np.uint8, np.uint16):
        table = _scaled(np.arange(2 ** (8 * samples.dtype.itemsize), dtype=np.float32), low, high)
        looked_up: NDArray[np.uint8] = table[samples]
        return looked_up
    return _scaled(np.nan_to_num(samples.astype(np.float32), nan=low, posinf=np.inf, neginf=-np.inf), low, high)


def as_color(planes: Sequence[NDArray[np.generic]], channels: Sequence[Channel]) -> NDArray[np.uint8]:
    """Mix channels by adding them in their colours."""
    if len(planes) == 1 and channels[0].color == WHITE:
        grey = window(planes[0], channels[0].low, channels[0].high)
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    mixed = np.zeros((*planes[0].shape, 3), dtype=np.float32)
    for plane, channel in zip(planes, channels, strict=True):
        grey = window(plane, channel.low, channel.high).astype(np.float32)
        for position, weight in enumerate(bytes.fromhex(channel.color[1:])):
            if weight:
                mixed[:, :, position] += grey * (weight / 255.0)
    colored: NDArray[np.uint8] = np.minimum(mixed + 0.5, 255.0).astype(np.uint8)
    return colored


def measure_window(samples: Sequence[NDArray[np.generic]]) -> tuple[float, float]:
    """Choose what is shown as black and white from samples of a channel; 8-bit samples are shown as they are."""
    if samples[0].dtype == np.uint8:
        return 0.0, 255.0
    values = np.concatenate([sample.reshape(-1).astype(np.float64) for sample in samples])
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, (0.1, 99.9)))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low, low + 1.0)


def _scaled(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    span = high - low if high != low else 1.0
    shown = np.clip(values, min(low, high), max(low, high))  # first, as extreme values would overflow
    scaled: NDArray[np.uint8] = np.clip((shown - low) * (255.0 / span) + 0.5, 0.0, 255.0).astype(np.uint8)
    return scaled
