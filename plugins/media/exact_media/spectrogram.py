"""Spectrograms as pictures, by short Fourier transforms with numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WINDOW_SECONDS = 0.0116
_AT_ONCE = 1024  # columns that are transformed together
# Corners of the colour scale, dark to bright, even in lightness; between them it is mixed.
_CORNERS = (
    (0, 0, 4),
    (40, 11, 84),
    (101, 21, 110),
    (159, 42, 99),
    (212, 72, 66),
    (245, 125, 21),
    (250, 193, 39),
    (252, 255, 164),
)


def levels(
    samples: NDArray[np.float32], rate: int, columns: int, rows: int, *, max_hz: float, range_db: float
) -> NDArray[np.uint8]:
    """The spectrogram of one channel.

    Args:
        samples: The sound, -1 to 1.
        rate: Samples per second.
        columns: Width of the picture; the whole sound fills it.
        rows: Height of the picture: 0 Hz at its foot, ``max_hz`` at its head, linear.
        max_hz: The highest frequency shown; what a lower rate cannot hold stays dark.
        range_db: How far below its loudest place a sound is still shown.

    Returns:
        (rows, columns), 0 to 255.
    """
    import numpy as np

    points = _points(rate, rows, max_hz)
    bins = points // 2 + 1
    wanted = max_hz * points / rate / rows * np.arange(rows + 1)
    edges = np.minimum(wanted.astype(np.int64), bins - 1)
    window = np.hanning(points).astype(np.float32)
    level = samples - samples.mean() if len(samples) else samples
    # Mirrored at its ends: a cut to silence would show as a line over all frequencies.
    mode = "reflect" if len(samples) > points else "constant"
    padded = np.pad(level, (points // 2, points // 2 + 1), mode=mode)  # type: ignore[call-overload]
    starts = np.linspace(0, max(len(samples) - 1, 0), columns).astype(np.int64)
    power = np.empty((columns, rows), np.float32)
    for first in range(0, columns, _AT_ONCE):
        part = starts[first : first + _AT_ONCE]
        frames = np.lib.stride_tricks.sliding_window_view(padded, points)[part] * window
        spectrum = np.abs(np.fft.rfft(frames, axis=1)).astype(np.float32)
        power[first : first + len(part)] = np.maximum.reduceat(spectrum, edges[:-1], axis=1)
    power[:, wanted[:-1] >= bins] = 0.0
    loudest = float(power.max(initial=0.0))
    if loudest <= 1e-9:
        return np.zeros((rows, columns), np.uint8)
    decibels = 20 * np.log10(np.maximum(power / loudest, 1e-9))
    shown = np.clip(decibels / range_db + 1, 0, 1) * 255
    return np.ascontiguousarray(shown.T[::-1]).astype(np.uint8)


def colors() -> NDArray[np.uint8]:
    """The colour of each level: (256, 3)."""
    import numpy as np

    corners = np.array(_CORNERS, np.float64)
    places = np.linspace(0, 255, len(corners))
    mixed = [np.interp(np.arange(256), places, corners[:, channel]) for channel in range(3)]
    return np.stack(mixed, axis=1).round().astype(np.uint8)


def _points(rate: int, rows: int, max_hz: float) -> int:
    """Points of the transform: a few milliseconds, and at least one frequency for each row."""
    least = max(rate * _WINDOW_SECONDS, rows * rate / max_hz)
    return int(2 ** min(max(8, int(least - 1).bit_length()), 14))
