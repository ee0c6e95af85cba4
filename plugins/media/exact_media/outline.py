"""The outline of a long sound: how loud it is along its length, for a drawing that needs no decoding in the browser."""

from __future__ import annotations

from pathlib import Path

POINTS = 2000
_MOST_FRAMES = 16_384  # of one point that are looked at: enough to see where something is to be heard


def outline_of(path: Path) -> list[float]:
    """Loudest sample of each of ``POINTS`` equal stretches, 0 to 1; raises ``ValueError`` for what is no sound."""
    import numpy as np
    import soundfile

    peaks = []
    try:
        with soundfile.SoundFile(path) as sound:
            step = sound.frames / POINTS
            for number in range(POINTS):
                start = int(number * step)
                sound.seek(min(start, max(sound.frames - 1, 0)))
                samples = sound.read(max(1, min(int((number + 1) * step) - start, _MOST_FRAMES)), dtype="float32")
                peaks.append(round(float(np.abs(samples).max(initial=0.0)), 4))
    except soundfile.SoundFileError as error:
        raise ValueError(f"it cannot be drawn ({error.error_string})") from None
    return peaks
