"""Which parts of which recordings are wanted: tables of Raven, CSV files, or whole recordings where there is none."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

SOUNDS = frozenset({".wav", ".wave", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aif", ".aiff"})
TABLES = frozenset({".txt", ".csv", ".tsv"})
LONGEST_SECONDS = 120.0
PIECE_SECONDS = 10.0
"""Recordings that no table speaks of are cut into pieces of this length."""

UNNAMED = "Sound"
_MOST_CELLS = 200
_MOST_CHARACTERS = 100

# How tables call what is looked for, in small letters without signs: those of Raven, and of common CSV files.
_FILE = ("beginfile", "file", "filename", "recording", "wavfilename", "audiofile", "beginpath", "path", "sound")
_START = ("fileoffsets", "start", "starts", "starttimes", "starttime", "begin", "begintimes", "begins", "begintime")
_BEGIN = ("begintimes", *_START)
_END = ("endtimes", "end", "ends", "endtime", "stop", "stops")
_LENGTH = ("durations", "duration", "deltatimes", "length", "lengths")
_LABEL = (
    "annotation",
    "annotations",
    "label",
    "labels",
    "class",
    "type",
    "calltype",
    "call",
    "species",
    "soundtype",
    "tags",
)


Recordings: TypeAlias = dict[str, list[Path]]
"""Recordings by their names in small letters; several folders may have one of a name."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a recording.

    Attributes:
        recording: The file.
        start: Seconds from its beginning.
        end: Seconds from its beginning.
        label: What it is.
        place: Where it was written down: ``calls.txt, line 4``.
    """

    recording: Path
    start: float
    end: float
    label: str
    place: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


@dataclass(slots=True)
class Found:
    """What a folder holds: segments, and why others were left out."""

    segments: list[Segment] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    recordings: int = 0
    tables: int = 0


def read_folder(folder: Path) -> Found:
    """Find recordings and tables in a folder and below it; links to folders are not followed."""
    found = Found()
    recordings: Recordings = {}
    tables: list[Path] = []
    for path in _files_below(folder):
        suffix = path.suffix.lower()
        if suffix in SOUNDS:
            found.recordings += 1
            recordings.setdefault(path.name.lower(), []).append(path)
        elif suffix in TABLES:
            tables.append(path)
    for table in tables:
        rows = _read_table(table, recordings, found)
        found.tables += rows is not None
        found.segments.extend(rows or ())
    if not found.tables:  # whole recordings; how long they are, is not known yet
        whole = sorted(path for paths in recordings.values() for path in paths)
        found.segments = [Segment(path, 0.0, math.inf, UNNAMED, path.name) for path in whole]
    return found


def pieces(segment: Segment, seconds: float) -> list[Segment]:
    """A segment cut to the length of its recording, in seconds; one of a whole recording in equal pieces."""
    if math.isfinite(segment.end):
        return [segment]
    count = max(1, math.ceil(seconds / PIECE_SECONDS))
    step = seconds / count
    return [
        Segment(segment.recording, step * number, step * (number + 1), segment.label, segment.place)
        for number in range(count)
    ]


def _files_below(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(where) / name for name in sorted(names) if not name.startswith("."))


def _read_table(table: Path, recordings: Recordings, found: Found) -> list[Segment] | None:
    """The segments of a table; None when the file is none."""
    with table.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        first = stream.readline()
        dialect = "\t" if "\t" in first else ";" if first.count(";") > first.count(",") else ","
        columns = [_plain(name) for name in next(csv.reader([first], delimiter=dialect), [])][:_MOST_CELLS]
        if not (set(columns) & set(_BEGIN) and set(columns) & {*_END, *_LENGTH}):
            return None
        rows = _rows(csv.reader(stream, delimiter=dialect), columns)
        return list(_segments(table, rows, recordings, found))


def _rows(lines: Iterable[Sequence[str]], columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    seen: set[str] = set()
    for number, cells in enumerate(lines, start=2):
        row = {name: cell.strip() for name, cell in zip(columns, cells, strict=False)}
        selection = row.get("selection", "") and f"{row['selection']} {_first(row, _FILE)}"
        if not any(row.values()) or (selection and selection in seen):
            continue  # Raven writes a selection once for each view of it
        seen.add(selection)
        yield number, row


def _segments(
    table: Path, rows: Iterable[tuple[int, dict[str, str]]], recordings: Recordings, found: Found
) -> Iterator[Segment]:
    own = _named_like(table, recordings)
    for number, row in rows:
        place = f"{table.name}, line {number}"
        try:
            recording = _recording(table, row, recordings, own)
            start, end = _times(row)
        except ValueError as error:
            found.refused.append(f"{place}: {error}")
            continue
        label = " ".join(_first(row, _LABEL).split())[:_MOST_CHARACTERS] or UNNAMED
        yield Segment(recording, start, end, label, place)


def _recording(table: Path, row: Mapping[str, str], recordings: Recordings, own: Path | None) -> Path:
    name = _first(row, _FILE).replace("\\", "/").rpartition("/")[2]
    if not name:
        if own is None:
            raise ValueError("it does not say which recording it is about, and none is named like the table")
        return own
    named = recordings.get(name.lower())
    if not named:
        raise ValueError(f"there is no recording named {name}")
    return next((path for path in named if path.parent == table.parent), named[0])


def _named_like(table: Path, recordings: Recordings) -> Path | None:
    """The recording of a table such as ``rec1.Table.1.selections.txt``; the only one of the folder will do too."""
    every = [path for paths in recordings.values() for path in paths]
    like = [path for path in every if table.name.lower().startswith(f"{path.stem.lower()}.")]
    if like:
        return max(like, key=lambda path: (path.parent == table.parent, len(path.stem)))
    beside = [path for path in every if path.parent == table.parent]
    return beside[0] if len(beside) == 1 else None


def _times(row: Mapping[str, str]) -> tuple[float, float]:
    start = _seconds(row, _START, "start")
    if _first(row, _END):
        # Where a table gives a place in the file beside a time in the whole recording, the end is only of the latter.
        end = start + _seconds(row, _END, "end") - _seconds(row, _BEGIN, "start")
    else:
        end = start + _seconds(row, _LENGTH, "length")
    if start < 0:
        raise ValueError("it begins before the recording")
    if end <= start:
        raise ValueError("it ends before it begins")
    if end - start > LONGEST_SECONDS:
        raise ValueError(f"it is longer than {LONGEST_SECONDS:.0f} seconds")
    return start, end


def _seconds(row: Mapping[str, str], names: Sequence[str], what: str) -> float:
    text = _first(row, names)
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"its {what} is {text or 'missing'!s}, not a number of seconds") from None
    if not math.isfinite(value):
        raise ValueError(f"its {what} is {text}, not a number of seconds")
    return value


def _first(row: Mapping[str, str], names: Sequence[str]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _plain(name: str) -> str:
    return "".join(each for each in name.lower() if each.isalnum())
