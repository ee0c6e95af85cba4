"""Making a map of a folder of recordings: spectrograms in a grid, each an annotation with its sound attached; a job."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import exists, select

from exact_core.api import Conflict, ImportedShape, Invalid, JobContext, Shape
from exact_media import service
from exact_media.kinds import Kind
from exact_media.layout import HEIGHT, PITCH, Cell, Layout, lay_out
from exact_media.probe import Facts
from exact_media.segments import Found, Segment, pieces, read_folder
from exact_media.spectrogram import colors, levels
from exact_media.store import Incoming, MediaStore
from exact_media.tables import MediaLink

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_SEGMENTS = 200_000
_MOST_TOLD = 50
_MOST_CUT_BYTES = 1_000_000_000
_LINKS_AT_ONCE = 500
_NARROWEST = 8  # pixels


class MapParams(BaseModel):
    """Which folder becomes a map, and how it is drawn."""

    model_config = ConfigDict(extra="forbid")

    folder: str = Field(min_length=1, max_length=4096, description="A folder of the server.")
    name: str = Field(default="", max_length=200, description="What the map is called; the folder's name if left out.")
    pixels_per_second: float = Field(default=200.0, ge=10, le=2000)
    max_hz: float = Field(default=0.0, ge=0, le=400_000, description="Highest frequency; 0 for the highest there is.")
    range_db: float = Field(default=70.0, ge=10, le=160, description="How far below the loudest place is shown.")


@dataclass(slots=True)
class _Recording:
    """What is known of a recording."""

    seconds: float
    rate: int


def run(context: JobContext) -> Mapping[str, object]:
    """Make a map and everything that belongs to it."""
    params = MapParams.model_validate(dict(context.params))
    folder = Path(params.folder)
    if not folder.is_dir():
        raise Invalid(f"There is no folder {params.folder} that the server can read.")
    context.report(0.0, "Looking for recordings")
    found = read_folder(folder)
    wanted, highest = _checked(context, found)
    if not wanted:
        reason = found.refused[0] if found.refused else "no recording was found in it"
        raise Invalid(f"Nothing in the folder can be drawn: {reason}")
    if len(wanted) > MOST_SEGMENTS:
        raise Invalid(f"There are {len(wanted):,} segments; a map takes at most {MOST_SEGMENTS:,}.")
    widths = [max(_NARROWEST, round(segment.seconds * params.pixels_per_second)) for segment in wanted]
    layout = lay_out(widths)
    store = MediaStore(context.plugin.files)
    with store.working_folder() as work:
        drawing = _Drawing(context, params, wanted, layout, work, found, params.max_hz or highest)
        target = work / "map.tif"
        from exact_media import map_file

        map_file.write(target, drawing.rows(), layout.width, layout.height)
        context.report(0.9, "Storing the map")
        image = context.add_image(target, f"{params.name or folder.name}.tif")
        with context.read() as session:
            if session.scalar(select(exists().where(MediaLink.image_id == image.id))):
                raise Conflict(f"The image set has this very map already: {image.name}.")
        kept = [number for number, cut in enumerate(drawing.cuts) if cut is not None]
        context.report(0.92, "Adding annotations")
        shapes = [_shape(wanted[number], layout.cells[number]) for number in kept]
        ids = context.add_annotations(image.id, shapes, product="Sounds")
        _attach(context, store, image.id, drawing, list(zip(kept, ids, strict=True)))
    return {
        "image_id": image.id,
        "image": image.name,
        "recordings": len({segment.recording for segment in wanted}),
        "segments": len(ids),
        "refused": len(found.refused),
        "reasons": found.refused[:_MOST_TOLD],
    }


def _checked(context: JobContext, found: Found) -> tuple[list[Segment], float]:
    """Segments that lie in their recordings, by label, recording and time; and the highest frequency of all."""
    import soundfile

    known: dict[Path, _Recording | None] = {}
    wanted: list[Segment] = []
    for segment in found.segments:
        path = segment.recording
        if path not in known:
            context.report(0.01, "Looking at recordings")
            try:
                facts = soundfile.info(str(path))
                known[path] = _Recording(facts.frames / facts.samplerate, facts.samplerate) if facts.frames else None
                reason = "it holds no sound"
            except soundfile.SoundFileError as error:
                known[path], reason = None, str(getattr(error, "error_string", "it cannot be read"))
            if known[path] is None:
                found.refused.append(f"{path.name}: {reason}")
        recording = known[path]
        if recording is None:
            continue
        if segment.start >= recording.seconds:
            found.refused.append(f"{segment.place}: it begins after the end of {path.name}")
            continue
        for each in pieces(segment, recording.seconds):
            end = min(each.end, recording.seconds)
            wanted.append(Segment(path, each.start, end, each.label, each.place))
    wanted.sort(key=lambda each: (each.label.casefold(), each.recording.name, each.start))
    rates = [recording.rate for recording in known.values() if recording is not None]
    return wanted, max(rates, default=0) / 2


class _Drawing:
    """Draws the rows of a map one after the other, and cuts the sound of each segment on the way."""

    def __init__(
        self,
        context: JobContext,
        params: MapParams,
        wanted: Sequence[Segment],
        layout: Layout,
        work: Path,
        found: Found,
        max_hz: float,
    ) -> None:
        self.cuts: list[Incoming | None] = [None] * len(wanted)
        self.facts: list[Facts | None] = [None] * len(wanted)
        self._context, self._params, self._wanted, self._layout = context, params, wanted, layout
        self._work, self._found, self._max_hz = work, found, max_hz

    def rows(self) -> Iterator[NDArray[np.uint8]]:
        """Colours of each row of tiles."""
        import numpy as np

        palette = colors()
        cells = self._layout.cells
        number = 0
        for row in range(self._layout.rows):
            strip = np.zeros((PITCH, self._layout.width), np.uint8)
            while number < len(cells) and cells[number].row == row:
                cell = cells[number]
                top = cell.y - row * PITCH
                strip[top : top + HEIGHT, cell.x : cell.x + cell.width] = self._cell(number, cell)
                number += 1
            self._context.report(0.05 + 0.8 * number / len(cells), f"Drawing {number:,} of {len(cells):,}")
            yield palette[strip]

    def _cell(self, number: int, cell: Cell) -> NDArray[np.uint8] | int:
        import soundfile

        segment = self._wanted[number]
        try:
            with soundfile.SoundFile(segment.recording) as sound:
                rate = sound.samplerate
                sound.seek(int(segment.start * rate))
                samples = sound.read(max(1, math.ceil(segment.seconds * rate)), dtype="float32", always_2d=True)
                fine = sound.subtype not in ("PCM_16", "PCM_S8", "PCM_U8", "MPEG_LAYER_III", "VORBIS", "OPUS", "ULAW")
        except soundfile.SoundFileError as error:
            self._found.refused.append(f"{segment.place}: {getattr(error, 'error_string', 'it cannot be read')}")
            return 0
        if not len(samples):
            self._found.refused.append(f"{segment.place}: there is no sound at this place")
            return 0
        self._cut(number, samples, rate, is_fine=fine)
        mono = samples.mean(axis=1)
        return levels(mono, rate, cell.width, HEIGHT, max_hz=self._max_hz, range_db=self._params.range_db)

    def _cut(self, number: int, samples: NDArray[np.float32], rate: int, *, is_fine: bool) -> None:
        """Keep the sound of a segment as a file of its own, without loss; it outlives the recording."""
        import soundfile

        stream = io.BytesIO()
        channels = samples[:, :8]  # as many as this kind of file takes
        soundfile.write(stream, channels, rate, format="FLAC", subtype="PCM_24" if is_fine else "PCM_16")
        cut = Incoming(self._work / f"cut-{number}", _MOST_CUT_BYTES)
        cut.write(stream.getvalue())
        cut.finish()
        self.cuts[number] = cut
        seconds = len(samples) / rate
        self.facts[number] = Facts("audio/flac", Kind.SOUND, seconds, rate, channels.shape[1])

    def name(self, number: int) -> str:
        """What the sound of a segment is called: private, since it says what the recording is called."""
        segment = self._wanted[number]
        return f"{segment.recording.stem} {segment.start:.2f}-{segment.end:.2f} s.flac"


def _shape(segment: Segment, cell: Cell) -> ImportedShape:
    corners = [(float(cell.x), float(cell.y)), (float(cell.x + cell.width), float(cell.y + HEIGHT))]
    return ImportedShape(segment.place, segment.label, Shape.BOX, [corners])


def _attach(
    context: JobContext, store: MediaStore, image_id: int, drawing: _Drawing, pairs: Sequence[tuple[int, int]]
) -> None:
    """Attach the sounds to the annotations, some hundred in one transaction."""
    assert context.image_set_id is not None
    at = context.plugin.now()
    for start in range(0, len(pairs), _LINKS_AT_ONCE):
        with context.write() as session:
            for number, annotation_id in pairs[start : start + _LINKS_AT_ONCE]:
                cut, facts = drawing.cuts[number], drawing.facts[number]
                assert cut is not None
                assert facts is not None
                file = service.keep_file(session, store, cut, facts, at)
                place = service.Place(context.image_set_id, image_id, annotation_id)
                service.attach(session, file, place, drawing.name(number), context.owner_id or 0, at)
        context.report(0.94 + 0.06 * start / len(pairs), "Attaching sounds")


def defaults() -> dict[str, Any]:
    """The values of what is not given."""
    return MapParams(folder="-").model_dump(exclude={"folder"})
