"""The job that makes a pyramid of a picture without smaller versions, in processes of its own."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import exact_core
from exact_core.api.context import Actor
from exact_core.api.drivers import UnreadableImage
from exact_core.api.errors import ExactError, Unavailable
from exact_core.images.probing import content_version, mark_unreadable, record_status, store_tile_index
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Image
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.tiles.probe import ProbeReport, probe_file
from exact_core.tiles.worker_process import without_path

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services
    from exact_core.storage.models import Job

_SECONDS_WITHOUT_PROGRESS = 600.0
_SECONDS_BETWEEN_LOOKS = 0.3
_MOST_COMPUTING_SECONDS = 24 * 3600
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class ConversionFailed(ExactError):
    """The pyramid could not be written; the file itself may be fine."""

    code = "conversion-failed"


def run_conversion(context: JobContext) -> Mapping[str, Any]:
    """Convert one image; the result takes its place at once or not at all."""
    services = context.services
    image_id = int(context.params["image_id"])
    with services.database.read() as session:
        image = session.get(Image, image_id)
        if image is None or image.status != "converting":
            return {"status": "not needed"}
    context.log(f"Converting {image.width} × {image.height} px, {image.size_z * image.size_t * image.size_c} frames.")
    folder = _working_folder(services, image_id, context)
    started = time.monotonic()
    try:
        target = folder / "pyramid.tif"
        try:
            write_pyramid(services, image, target, context)
        except UnreadableImage as problem:
            mark_unreadable(services, [image_id], "converting", str(problem))
            context.log(f"The file cannot be converted: {problem}")
            return {"status": "unreadable"}
        context.report(0.97, "Checking the pyramid")
        report = probe_file(target, services.settings, drivers=("picture",))
        _check(image, report)
        context.check()
        size = target.stat().st_size
        _take_over(context, image_id, target, report)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    context.report(1.0, "The pyramid is ready")
    context.log(f"Wrote a pyramid of {size:,} bytes in {time.monotonic() - started:.0f} s.")
    return {"status": "ready", "bytes": size}


def give_up(services: Services, job: Job) -> None:
    """Mark an image whose conversion ended without a pyramid."""
    reason = {
        "cancelled": "The conversion was cancelled. Start it again with 'Try again'.",
        "failed": f"The conversion did not succeed: {job.message}",
    }[job.state]
    mark_unreadable(services, [int(job.params["image_id"])], "converting", reason)
    remove_working_folders(services, int(job.params["image_id"]))


def write_pyramid(services: Services, image: Image, target: Path, context: JobContext) -> None:
    """Run the writer until it is done; ends it, with all its children, when the job should end.

    Raises:
        UnreadableImage: When the file is to blame.
        ConversionFailed: When writing is.
    """
    settings = services.settings
    path = services.blobs.resolve(image.file_path)
    request = {
        "path": str(path),
        "driver": image.source_driver,
        "target": str(target),
        "memory_mib": settings.convert_memory_mib,
        "seconds": _MOST_COMPUTING_SECONDS,
        "mpp": [image.mpp_x, image.mpp_y] if image.mpp_x and image.mpp_y else None,
    }
    process = subprocess.Popen(  # noqa: S603 - fixed arguments
        [sys.executable, "-m", "exact_core.images.pyramid_writer", json.dumps(request)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(target.parent),
        start_new_session=True,
    )
    try:
        _follow(process, context, path)
    finally:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def remove_working_folders(services: Services, image_id: int) -> None:
    """Remove what earlier tries at an image left."""
    for left in services.blobs.folder("temporary").glob(f"convert-{image_id}-*"):
        shutil.rmtree(left, ignore_errors=True)


def _working_folder(services: Services, image_id: int, context: JobContext) -> Path:
    remove_working_folders(services, image_id)
    return services.blobs.folder(f"temporary/convert-{image_id}-{context.job_id}-{context.attempt}")


def _follow(process: subprocess.Popen[bytes], context: JobContext, path: Path) -> None:
    assert process.stdout is not None
    output: IO[bytes] = process.stdout
    os.set_blocking(output.fileno(), False)
    heard = time.monotonic()
    unread = b""
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while True:
            context.check()
            if time.monotonic() - heard > _SECONDS_WITHOUT_PROGRESS:
                raise ConversionFailed("The conversion made no progress for ten minutes and was stopped.")
            if not selector.select(_SECONDS_BETWEEN_LOOKS):
                continue
            data = output.read(65536)
            if not data:
                break
            heard = time.monotonic()
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                if _hear(json.loads(line), context, path):
                    return
    raise ConversionFailed("The process that writes the pyramid ended early, most likely for the memory it needs.")


def _hear(said: Mapping[str, Any], context: JobContext, path: Path) -> bool:
    """React to a line of the writer; true when it is done."""
    if "reason" in said:
        raise UnreadableImage(without_path(str(said["reason"]), path))
    if "error" in said:
        why = without_path(str(said["error"]), path)
        full = "no space" in why.lower()
        raise ConversionFailed("The disk is full; the conversion can be started again." if full else why)
    if "progress" in said:
        context.report(float(said["progress"]) * 0.95, "Converting to a pyramid")
    return bool(said.get("done"))


def _check(image: Image, report: ProbeReport) -> None:
    """Refuse a pyramid that does not show what the file does."""
    if report.unreadable:
        raise ConversionFailed(f"The pyramid that was written cannot be read: {report.unreadable}")
    made = (report.width, report.height, report.size_z, report.size_t)
    if made != (image.width, image.height, image.size_z, image.size_t):
        raise ConversionFailed(f"The pyramid has the size {made}, which is not that of the file.")


def _take_over(context: JobContext, image_id: int, target: Path, report: ProbeReport) -> None:
    """Put the pyramid in its place and let the row name it."""
    services = context.services
    version = content_version(target, "")
    relative = f"derived/{image_id}/pyramid-{version}.tif"
    place = services.blobs.path(relative)
    place.parent.mkdir(parents=True, exist_ok=True)
    target.replace(place)
    try:
        with UnitOfWork(services.database, services.kernel.hooks, Actor.system()) as uow:
            image = uow.session.get(Image, image_id, with_for_update=True)
            if image is None or image.status != "converting":
                raise Unavailable("The image changed while it was converted.")
            image.pyramid_path = relative
            image.source_driver = report.driver  # of the pyramid; label and macro are read from the file as before
            image.content_version = version
            image.levels = list(report.levels)
            image.tile_index_path = store_tile_index(services, image, report)
            image.size_c = report.size_c
            image.frames = {**report.frames, "notes": image.frames.get("notes", {})} | _kept_channels(image, report)
            image.status, image.status_reason = "ready", ""
            record_status(uow, image)
            raise_epoch(uow.session, "images")
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def _kept_channels(image: Image, report: ProbeReport) -> dict[str, Any]:
    """The windows measured on the file itself, as long as the pyramid has the same channels."""
    before, after = image.frames.get("channels", []), report.frames.get("channels", [])
    return {"channels": before} if len(before) == len(after) and after else {}


def _environment(folder: Path) -> dict[str, str]:
    """Keep secrets of the server from processes that open files of users."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    paths = [
        str(Path(exact_core.__file__).resolve().parent.parent),
        *os.environ.get("PYTHONPATH", "").split(os.pathsep),
    ]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "VIPS_CONCURRENCY": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        # Pictures that must be decoded whole are held in memory, which is limited, not in files that may not be made.
        "VIPS_DISC_THRESHOLD": "1000g",
    }
