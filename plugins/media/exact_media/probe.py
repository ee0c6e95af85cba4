"""A process of its own that looks into one uploaded file, with little memory and time, and no right to write.

Decoders of sounds and pictures are large programs in C. A file that breaks one of them ends this process, and the
server says that the file cannot be read.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from exact_media.kinds import Kind, MediaType, Reader
from exact_media.outline import outline_of

MEMORY_BYTES = 1024**3
SECONDS = 30
_MOST_PIXELS = 400_000_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in a file; ``media_type`` is another than was guessed when a film turned out to be a sound."""

    media_type: str
    kind: str
    duration: float | None = None
    sample_rate: int | None = None
    channels: int | None = None
    width: int | None = None
    height: int | None = None


def examine(path: Path, guessed: MediaType) -> Facts:
    """Look into a file; raises ``ValueError`` with the reason when it is not what it seems to be."""
    if guessed.reader is Reader.SOUND:
        return _sound(path, guessed)
    if guessed.reader is Reader.PICTURE:
        return _picture(path, guessed)
    if guessed.reader is Reader.NOTHING:
        return Facts(guessed.name, guessed.kind)
    return _film(path, guessed)


def _sound(path: Path, guessed: MediaType) -> Facts:
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            frames, rate, channels = sound.frames, sound.samplerate, sound.channels
            first = sound.read(1024, dtype="float32")
    except soundfile.SoundFileError as error:
        raise ValueError(f"it cannot be read as a {guessed.title} ({error.error_string})") from None
    if frames <= 0 or not len(first):
        raise ValueError("it holds no sound: its length is zero")
    return Facts(guessed.name, guessed.kind, frames / rate, rate, channels)


def _picture(path: Path, guessed: MediaType) -> Facts:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS // 2  # twice as many are an error
    try:
        with Image.open(path, formats=[guessed.name.removeprefix("image/").upper()]) as picture:
            width, height = picture.size
            picture.verify()
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise ValueError(f"it cannot be read as a {guessed.title} ({type(error).__name__})") from None
    return Facts(guessed.name, guessed.kind, width=width, height=height)


def _film(path: Path, guessed: MediaType) -> Facts:
    from exact_media.containers import matroska_facts, mp4_facts

    with path.open("rb") as file:
        facts = mp4_facts(file) if guessed.reader is Reader.MP4 else matroska_facts(file)
    name = guessed.name
    if facts.doc_type:
        name = "video/webm" if facts.doc_type == "webm" else "video/x-matroska"
    if not facts.has_pictures:
        name = {"video/mp4": "audio/mp4", "video/webm": "audio/webm"}.get(name, name)
        return Facts(name, Kind.SOUND, facts.duration)
    return Facts("video/mp4" if name == "audio/mp4" else name, Kind.FILM, facts.duration)


def main() -> None:
    """Look into the file that the second argument names, as what the first one says, and print what was found."""
    import resource

    from exact_media.kinds import TYPES

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    task, path = sys.argv[1], Path(sys.argv[2])
    answer: dict[str, object]
    try:
        answer = {"peaks": outline_of(path)} if task == "outline" else asdict(examine(path, TYPES[task]))
    except (ValueError, OSError, MemoryError) as error:
        answer = {"refused": str(error) or "it needs too much memory"}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
