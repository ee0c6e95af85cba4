"""The job that reads new images: every file in a limited process, the outcome in the image's row."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.api.events import ImageAction, ImageChange
from exact_core.images.naming import without_names
from exact_core.images.stored_files import shared_paths
from exact_core.jobs.registry import CONVERT
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Image
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.tiles.builtin import OpenSlideMatcher, PictureMatcher, in_order, read_head
from exact_core.tiles.probe import ProbeReport, probe_file
from exact_core.tiles.worker_process import WorkerProcess

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services
    from exact_core.storage.models import Job

_SECONDS_BETWEEN_WRITES = 1.0
_MOST_UNWRITTEN = 25
_LAST = -10  # conversions are long, and wait for all else


def run_probe(context: JobContext) -> Mapping[str, Any]:
    """Read the images that the job names and that still wait to be read."""
    services = context.services
    image_ids = [int(number) for number in context.params["image_ids"]]
    with services.database.read() as session:
        waiting = session.scalars(
            select(Image).where(Image.id.in_(image_ids), Image.status == "probing").order_by(Image.id)
        ).all()
    prober = Prober(services, context.owner_id)
    counts = {"ready": 0, "converting": 0, "unreadable": 0}
    try:
        for number, image in enumerate(waiting):
            context.report(number / len(waiting), f"Reading image {number + 1} of {len(waiting)}")
            counts[prober.read(image)] += 1
    finally:
        prober.close()
    context.report(1.0, ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "Nothing to do")
    return counts


class Prober:
    """Reads images one after another with one limited process, and writes the outcome in small batches."""

    def __init__(self, services: Services, owner_id: int | None = None) -> None:
        self._services = services
        self._owner_id = owner_id
        self._process = WorkerProcess(services.settings.decode_memory_mib)
        self._unwritten: list[tuple[int, ProbeReport, str]] = []
        self._written_at = time.monotonic()

    def read(self, image: Image) -> str:
        """Examine one image; the status that it gets: ready, converting or unreadable."""
        report = examine(self._services, image, self._process)
        status = (
            "unreadable" if report.unreadable else "converting" if _must_convert(self._services, report) else "ready"
        )
        self._unwritten.append((image.id, report, status))
        is_due = time.monotonic() - self._written_at > _SECONDS_BETWEEN_WRITES
        if is_due or len(self._unwritten) >= _MOST_UNWRITTEN or status == "converting":
            self.write()
        return status

    def write(self) -> None:
        """Write what was found since the last time, in one transaction."""
        outcomes, self._unwritten = self._unwritten, []
        self._written_at = time.monotonic()
        if not outcomes:
            return
        services = self._services
        with UnitOfWork(services.database, services.kernel.hooks, Actor.system()) as uow:
            for image_id, report, status in outcomes:
                image = uow.session.get(Image, image_id, with_for_update=True)
                if image is None or image.status != "probing":
                    continue  # deleted for good, or read by another worker meanwhile
                old = image.pyramid_path
                if old and old not in shared_paths(uow.session, image):
                    uow.after_commit(partial(services.blobs.remove, old))
                apply_report(services, image, report)
                image.status = status
                if status == "converting":
                    image.status_reason = report.reason or "It is a large picture without smaller versions."
                    services.jobs.enqueue(
                        uow.session,
                        CONVERT,
                        owner=self._owner_id,
                        image_set_id=image.image_set_id,
                        image_id=image.id,
                        params={"image_id": image.id},
                        priority=_LAST,
                    )
                record_status(uow, image)
            raise_epoch(uow.session, "images")

    def close(self) -> None:
        """Write what is left and end the limited process."""
        try:
            self.write()
        finally:
            self._process.stop()


def examine(services: Services, image: Image, process: WorkerProcess) -> ProbeReport:
    """Probe an image's file; what went wrong is told without naming the file."""
    try:
        path = services.blobs.resolve(image.file_path)
        drivers = drivers_for(services, path)
    except OSError as error:
        return ProbeReport(unreadable=f"The file cannot be opened: {error.strerror or 'unknown error'}.")
    report = probe_file(path, services.settings, drivers, process)
    if report.unreadable:
        names = (str(path), path.name, path.stem, image.private_name, *(str(parent) for parent in path.parents))
        return ProbeReport(unreadable=without_names(report.unreadable, names)[:1000])
    return report


def drivers_for(services: Services, path: Path) -> Sequence[str]:
    """The drivers that plugins and the core offer for a file, best first."""
    head = read_head(path)
    offers = [match for _, match in services.kernel.hooks.image_sources(path, head)]
    own = [matcher.exact_image_sources(path, head) for matcher in (OpenSlideMatcher(), PictureMatcher())]
    return in_order([*offers, *(match for match in own if match is not None)])


def apply_report(services: Services, image: Image, report: ProbeReport) -> None:
    """Write what a probe found into the row; the tile index goes to a file of its own."""
    image.pyramid_path = ""
    if report.unreadable:
        image.status_reason = report.unreadable
        return
    image.status_reason = ""
    image.source_driver = report.driver
    image.vendor = report.vendor
    image.width, image.height = report.width, report.height
    image.size_z, image.size_t, image.size_c = report.size_z, report.size_t, report.size_c
    image.frames = report.frames
    image.levels = list(report.levels)
    image.mpp_x = report.mpp_x or image.mpp_x
    image.mpp_y = report.mpp_y or image.mpp_y
    image.objective_power = report.objective_power or image.objective_power
    image.has_associated = list(report.associated)
    path = services.blobs.resolve(image.file_path)
    image.content_version = content_version(path, image.checksum)
    image.tile_index_path = store_tile_index(services, image, report)


def store_tile_index(services: Services, image: Image, report: ProbeReport) -> str:
    """Write the tile index of a report; its path, or nothing when there is none."""
    if not report.tile_index:
        return ""
    relative = f"derived/{image.id}/tiles-{image.content_version}.index"
    services.blobs.write(relative, report.tile_index)
    return relative


def content_version(path: Path, checksum: str) -> str:
    """A word that changes when the pixels do, without reading them."""
    facts = path.stat()
    text = f"{checksum}|{facts.st_size}|{facts.st_mtime_ns}|{path.name}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def record_status(uow: UnitOfWork, image: Image) -> None:
    """Tell plugins that an image became ready or turned out to be unreadable."""
    action = {"ready": ImageAction.READY, "unreadable": ImageAction.UNREADABLE}.get(image.status, ImageAction.UPDATED)
    uow.record(ImageChange(action, image.image_set_id, image.id, image.name, image.width, image.height))


def give_up(services: Services, job: Job) -> None:
    """Mark images whose reading ended without an outcome, so that nobody waits for them."""
    reason = {
        "cancelled": "Reading was cancelled. Start it again with 'Try again'.",
        "failed": f"Reading did not succeed: {job.message}",
    }[job.state]
    image_ids = [int(number) for number in job.params.get("image_ids", ())]
    mark_unreadable(services, image_ids, "probing", reason)


def mark_unreadable(services: Services, image_ids: Sequence[int], while_status: str, reason: str) -> None:
    """Give a reason to images that are still in a passing state."""
    with services.database.write() as session:
        waiting = session.scalars(select(Image).where(Image.id.in_(image_ids), Image.status == while_status)).all()
        for image in waiting:
            image.status, image.status_reason = "unreadable", reason
        if waiting:
            raise_epoch(session, "images")


def _must_convert(services: Services, report: ProbeReport) -> bool:
    """Whether the file is shown only after a pyramid was made of it."""
    if report.needs_conversion:
        return True
    own = [level for level in report.levels if level["native"]]
    if report.driver != "picture" or len(own) > 1:
        return False
    settings = services.settings
    return (
        max(report.width, report.height) > settings.convert_side
        or report.width * report.height > settings.convert_megapixels * 1e6
    )
