"""Probing from the server's side: the report on a new file, whatever the file does to the process that reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from exact_core.api.drivers import UnreadableImage
from exact_core.settings import Settings
from exact_core.tiles.builtin import builtin_drivers
from exact_core.tiles.pyramid import level_from_json
from exact_core.tiles.slide_file import channel_from_json
from exact_core.tiles.worker_process import WorkerProcess

_PATIENCE = 3  # probing decodes many tiles: it may take three times as long as one request
_MOST_NAMES = 50


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What was found in a file, or why it cannot be shown.

    ``unreadable`` is empty for a good file. ``main_file`` is set for folders: the file to open, relative to the folder.
    ``needs_conversion`` says that the file should be converted to a pyramid once, ``reason`` why. ``tile_index`` is
    what to write to the image's tile index file; empty when no tile can be served as it is.
    """

    unreadable: str = ""
    driver: str = ""
    main_file: str = ""
    vendor: str = ""
    width: int = 0
    height: int = 0
    size_z: int = 1
    size_t: int = 1
    size_c: int = 1
    frames: dict[str, Any] = field(default_factory=dict)
    levels: tuple[dict[str, Any], ...] = ()
    mpp_x: float | None = None
    mpp_y: float | None = None
    objective_power: float | None = None
    associated: tuple[str, ...] = ()
    needs_conversion: bool = False
    reason: str = ""
    tile_index: bytes = field(default=b"", repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return plain values, without the tile index."""
        value = asdict(self)
        del value["tile_index"]
        return value


def probe_file(
    path: Path, settings: Settings, drivers: Sequence[str] | None = None, worker: WorkerProcess | None = None
) -> ProbeReport:
    """Examine a file or the folder of a slide in a limited process; never raises for what the file does.

    Args:
        path: The file, or the folder of a format that has several files.
        settings: Limits of the process.
        drivers: Names of drivers to try, best first; the built-in ones when not given.
        worker: A process to use, for many files one after another; else one is started and ended.
    """
    process = worker or WorkerProcess(settings.decode_memory_mib)
    try:
        names = list(builtin_drivers(path) if drivers is None else drivers)
        request = {"operation": "probe", "path": str(path.resolve()), "drivers": names}
        header, index = process.ask(request, settings.decode_seconds * _PATIENCE)
        return _report(header["report"], index)
    except OSError as problem:
        return ProbeReport(unreadable=f"The file cannot be opened: {problem.strerror or 'unknown error'}.")
    except UnreadableImage as problem:
        return ProbeReport(unreadable=str(problem) or "The file cannot be read.")
    except (KeyError, TypeError, ValueError, OverflowError):
        return ProbeReport(unreadable="The reader gave no sensible description of this file.")
    finally:
        if worker is None:
            process.stop()


def _report(value: Mapping[str, Any], index: bytes) -> ProbeReport:
    """Take over what the limited process says, as values of the right type and size."""
    frames = value["frames"]
    return ProbeReport(
        driver=str(value["driver"]),
        main_file=str(value["main_file"]),
        vendor=str(value["vendor"])[:64],
        width=_whole(value["width"]),
        height=_whole(value["height"]),
        size_z=_whole(value["size_z"]),
        size_t=_whole(value["size_t"]),
        size_c=_whole(value["size_c"]),
        frames={
            "is_color": bool(frames["is_color"]),
            "channels": [channel_as_json(channel) for channel in frames["channels"]],
            "z_spacing_um": _positive(frames["z_spacing_um"]),
            "t_interval_s": _positive(frames["t_interval_s"]),
            "notes": {str(name)[:60]: str(text)[:200] for name, text in list(frames["notes"].items())[:_MOST_NAMES]},
        },
        levels=tuple(level_from_json(level).as_json() for level in value["levels"]),
        mpp_x=_positive(value["mpp_x"]),
        mpp_y=_positive(value["mpp_y"]),
        objective_power=_positive(value["objective_power"]),
        associated=tuple(str(name)[:60] for name in value["associated"][:_MOST_NAMES]),
        needs_conversion=bool(value["conversion_reason"]),
        reason=str(value["conversion_reason"])[:300],
        tile_index=index,
    )


def channel_as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """Check one channel and return it as plain values."""
    return asdict(channel_from_json(value))


def _whole(value: Any) -> int:
    number = int(value)
    if not 1 <= number <= 2**31 - 1:
        raise ValueError("a size is out of range")
    return number


def _positive(value: Any) -> float | None:
    number = None if value is None else float(value)
    return number if number is not None and math.isfinite(number) and number > 0 else None
