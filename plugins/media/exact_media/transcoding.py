"""Making forms that browsers play, with ffmpeg where the server has it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel

from exact_core.api import Invalid, JobContext, NotFound, Unavailable
from exact_media import limited, service
from exact_media.kinds import TYPES, Kind, MediaType
from exact_media.probing import facts_of
from exact_media.store import MediaStore
from exact_media.tables import MediaFile

MISSING = (
    "Browsers cannot play this type, and the server cannot convert it: ffmpeg is not installed there. "
    "The file is kept and can be downloaded."
)
_LONGEST_SECONDS = limited.SECONDS
_LARGEST_BYTES = 100 * 10**9
_AT_ONCE = 1024 * 1024
_SECONDS_BETWEEN_LOOKS = 0.5


class Conversion(BaseModel):
    """Which file is converted."""

    file_id: int


def ffmpeg() -> str | None:
    """Where ffmpeg is; None when the server has none."""
    return shutil.which("ffmpeg")


def target_type(source: MediaType) -> MediaType:
    """What a file is converted to: sounds without loss, films to what every browser plays."""
    return TYPES["audio/flac" if source.kind is Kind.SOUND else "video/mp4"]


def command(program: str, source: Path, target: Path, into: MediaType) -> list[str]:
    """The call of ffmpeg.

    Only files are read, so that a playlist inside of a film cannot make the server fetch something. Tags, which can
    name people, are left out.
    """
    quiet = [program, "-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "file", "-y"]
    common = ["-i", str(source), "-map_metadata", "-1", "-sn", "-dn"]
    if into.kind is Kind.SOUND:
        return [*quiet, *common, "-vn", "-c:a", "flac", "-f", "flac", str(target)]
    picture = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]
    even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]  # this kind of film has even sides
    return [*quiet, *common, *picture, *even, "-c:a", "aac", "-movflags", "+faststart", "-f", "mp4", str(target)]


def run(context: JobContext) -> Mapping[str, object]:
    """Convert one file and note what it became; a job."""
    program = ffmpeg()
    if program is None:
        raise Invalid(MISSING)
    file_id = int(str(context.params["file_id"]))
    with context.read() as session:
        file = session.get(MediaFile, file_id)
        if file is None:
            raise NotFound("The file was removed.")
        if file.playable_id is not None:
            return {"file_id": file.playable_id}
    store, into = MediaStore(context.plugin.files), target_type(TYPES[file.media_type])
    context.report(0.05, "Converting")
    with store.working_folder() as folder, store.incoming(_LARGEST_BYTES) as incoming:
        made = folder / "converted"
        _run(context, limited.command(command(program, store.path_of(file.sha256), made, into)))
        context.report(0.9, "Storing")
        with made.open("rb") as stream:
            while part := stream.read(_AT_ONCE):
                incoming.write(part)
        facts = facts_of(incoming.path, incoming.finish())
        with context.write() as session:
            row = session.get(MediaFile, file_id, with_for_update=True)
            if row is None:
                raise NotFound("The file was removed.")
            playable = service.keep_file(session, store, incoming, facts, context.plugin.now())
            row.playable_id = playable.id
    return {"file_id": playable.id}


def _run(context: JobContext, call: list[str]) -> None:
    """Run ffmpeg to its end, unless the job is cancelled."""
    with subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:  # noqa: S603
        try:
            waited = 0.0
            while True:
                try:
                    _, said = process.communicate(timeout=_SECONDS_BETWEEN_LOOKS)
                    break
                except subprocess.TimeoutExpired:
                    waited += _SECONDS_BETWEEN_LOOKS
                    context.report(0.1, "Converting")
                    if waited > _LONGEST_SECONDS:
                        raise Unavailable("Converting takes too long; it was given up.") from None
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        # Lines of ffmpeg name files of the server; what it says about the content stands behind the last colon.
        reason = lines[-1].rpartition(": ")[2] if lines else f"status {process.returncode}"
        raise Invalid(f"The file could not be converted: {reason[:200]}")
