"""Exports over the web: a job writes a file as its owner may see the annotations, and only they can fetch it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.exchange.document import ExportDocument, Format, Report
from exact_core.exchange.exporting import Filters, SetDocument, Wanted, file_name, open_document, write_export
from exact_core.exchange.import_jobs import actor_of
from exact_core.exchange.plugin_formats import format_in
from exact_core.exchange.slide_files import SlideFiles
from exact_core.exchange.template_format import template_format
from exact_core.exchange.templates import usable_template
from exact_core.jobs.registry import EXPORT
from exact_core.storage.models import AnnotationExport, Image, Job, VersionImage
from exact_core.versioning.access import live_version

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services

FOLDER = "exports"
MOST_WAITING = 20
"""Exports of one person that are being written."""


@dataclass(frozen=True, slots=True)
class ExportWish:
    """What somebody wants to have as a file.

    Attributes:
        format: Name of the format; ``template`` with a template's number.
        template_id: A template of the set or of one of its products.
        version_id: As of this version; None for now.
        image_ids: Only these images; None for all.
        type_ids: Only these types; empty means all.
        author_ids: Only by these authors; empty means all.
        shapes: Only drawn as these; empty means all.
        private_names: Whether images are called by their original names.
    """

    format: str
    template_id: int | None = None
    version_id: int | None = None
    image_ids: tuple[int, ...] | None = None
    type_ids: tuple[int, ...] = ()
    author_ids: tuple[int, ...] = ()
    shapes: tuple[str, ...] = ()
    private_names: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be kept."""
        return {
            "format": self.format,
            "template_id": self.template_id,
            "version_id": self.version_id,
            "image_ids": None if self.image_ids is None else list(self.image_ids),
            "type_ids": list(self.type_ids),
            "author_ids": list(self.author_ids),
            "shapes": list(self.shapes),
            "private_names": self.private_names,
        }

    @classmethod
    def of_json(cls, kept: dict[str, Any]) -> ExportWish:
        """What ``to_json`` gave."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()
        }
        return cls(**values)

    def wanted(self, image_set_id: int) -> Wanted:
        """The form that documents are opened with."""
        filters = Filters(self.type_ids, self.author_ids, tuple(Shape(shape) for shape in self.shapes))
        return Wanted(
            image_set_id,
            self.image_ids,
            version_id=self.version_id,
            filters=filters,
            private_names=self.private_names,
        )


def create(services: Services, actor: Actor, image_set_id: int, wish: ExportWish) -> AnnotationExport:
    """Have a job write a file; what cannot be exported is refused at once."""
    with services.database.write() as session:
        _check(services, session, actor, image_set_id, wish)
        own = (AnnotationExport.owner_id == actor.user_id, AnnotationExport.state == "writing")
        if (session.scalar(select(func.count()).where(*own)) or 0) >= MOST_WAITING:
            raise Conflict(f"{MOST_WAITING} exports of yours are being written; wait until some are done.")
        found = AnnotationExport(
            image_set_id=image_set_id,
            owner_id=actor.user_id or None,
            wanted=wish.to_json(),
            path=f"{FOLDER}/{secrets.token_hex(16)}",
        )
        session.add(found)
        session.flush()
        job = services.jobs.enqueue(
            session, EXPORT, owner=actor, image_set_id=image_set_id, params={"export_id": found.id}
        )
        found.job_id = job.id
        return found


def find(session: Session, actor: Actor, export_id: int) -> AnnotationExport:
    """An export of one's own, as long as one may export from its set."""
    found = session.get(AnnotationExport, export_id) if 0 < export_id < 2**63 else None
    if found is None or found.owner_id != actor.user_id:
        raise NotFound(f"There is no export {export_id} of yours.")
    Rights(session).require(actor, Right.EXPORT, found.image_set_id)
    return found


def listed(session: Session, actor: Actor, image_set_id: int, limit: int = 20) -> Sequence[AnnotationExport]:
    """One's own exports of a set, newest first."""
    Rights(session).require(actor, Right.EXPORT, image_set_id)
    own = (AnnotationExport.image_set_id == image_set_id, AnnotationExport.owner_id == actor.user_id)
    return session.scalars(select(AnnotationExport).where(*own).order_by(AnnotationExport.id.desc()).limit(limit)).all()


def run_export(context: JobContext) -> dict[str, Any]:
    """Write the file of an export, with the rights that its owner has now."""
    services, export_id = context.services, int(context.params["export_id"])
    with context.read() as session:
        found = session.get(AnnotationExport, export_id)
        if found is None:
            return {"export_id": export_id, "skipped": "The export was removed."}
        actor = actor_of(session, found.owner_id)
        wish = ExportWish.of_json(dict(found.wanted))
        chosen = chosen_format(services, session, actor, found.image_set_id, wish)
    document = open_document(services.database, actor, wish.wanted(found.image_set_id), SlideFiles(services))
    report = Report()
    target = services.blobs.path(found.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with services.blobs.replacing(target) as file:
        write_export(_told(document, context), chosen, _watched(file, context), report)
    with context.write() as session:
        kept = session.get(AnnotationExport, export_id, with_for_update=True)
        if kept is None:
            services.blobs.remove(found.path)
            return {"export_id": export_id, "skipped": "The export was removed."}
        kept.state, kept.report = "done", report.to_json()
        kept.file_name, kept.size_bytes = file_name(document, chosen)[:255], target.stat().st_size
        archived = kept.file_name.endswith(".zip")
        kept.media_type = "application/zip" if archived else chosen.media_type
        return {"export_id": export_id, "file_name": kept.file_name, "size_bytes": kept.size_bytes, **kept.report}


def give_up(services: Services, job: Job) -> None:
    """Say on the export why there is no file."""
    with services.database.write() as session:
        found = session.get(AnnotationExport, int(job.params["export_id"]), with_for_update=True)
        if found is not None and found.state == "writing":
            found.state, found.message = "failed", job.message or "The job ended before the file was written."


def remove(services: Services, actor: Actor, export_id: int) -> None:
    """Remove an export and its file."""
    with services.database.write() as session:
        found = find(session, actor, export_id)
        if found.state == "writing":
            raise Conflict("The export is being written; cancel its job first.")
        path = found.path
        session.delete(found)
    services.blobs.remove(path)


def chosen_format(services: Services, session: Session, actor: Actor, image_set_id: int, wish: ExportWish) -> Format:
    """The format of a wish; a template is one."""
    if wish.template_id is not None:
        return template_format(usable_template(session, actor, image_set_id, wish.template_id))
    chosen = format_in(services.kernel, image_set_id, wish.format)
    if chosen.write is None:
        raise Invalid(f"{chosen.title} can be read, but not written.")
    return chosen


def _check(services: Services, session: Session, actor: Actor, image_set_id: int, wish: ExportWish) -> None:
    """Refuse early what the job would refuse late."""
    rights = Rights(session)
    rights.require(actor, Right.EXPORT, image_set_id)
    if wish.private_names:
        rights.require(actor, Right.PRIVATE_NAMES, image_set_id)
    chosen_format(services, session, actor, image_set_id, wish)
    there = select(Image.id).where(Image.image_set_id == image_set_id, Image.deleted_at.is_(None))
    if wish.version_id is not None:
        version = live_version(session, actor, wish.version_id, rights_in(session))
        if version.image_set_id != image_set_id:
            raise NotFound(f"There is no version {wish.version_id} in this image set.")
        there = select(VersionImage.image_id).where(VersionImage.version_id == wish.version_id)
    known = set(session.scalars(there))
    missing = set(wish.image_ids or ()) - known
    if missing:
        raise NotFound(f"There is no image {min(missing)} in this image set that you may see.")
    if not known or wish.image_ids == ():
        raise Invalid("There is no image to export.")


def _told(document: SetDocument, context: JobContext) -> ExportDocument:
    """The same document, which tells with each image how far it is."""
    return _Telling(document, context)


class _Telling:
    """A document that reports progress by images, however often they are read."""

    def __init__(self, document: SetDocument, context: JobContext) -> None:
        self._document = document
        self._context = context
        self._numbers = {image.id: number for number, image in enumerate(document.images)}
        self._furthest = 0
        self.title, self.images, self.types, self.facts = (
            document.title, document.images, document.types, document.facts,
        )  # fmt: skip

    def shapes(self, image: Any) -> Any:
        """The annotations of one image."""
        self._furthest = max(self._furthest, self._numbers.get(image.id, 0))
        self._context.report(self._furthest / max(len(self.images), 1), f"Writing {image.name}")
        return self._document.shapes(image)


def _watched(file: BinaryIO, context: JobContext) -> BinaryIO:
    return cast("BinaryIO", _Watched(file, context))


class _Watched:
    """A file that ends the job when somebody cancelled it, also in the middle of a large image."""

    def __init__(self, file: BinaryIO, context: JobContext) -> None:
        self._file = file
        self._context = context

    def write(self, data: bytes) -> int:
        """Write, and look whether to go on."""
        self._context.report(self._context.last_progress)
        return self._file.write(data)

    def flush(self) -> None:
        """Nothing is kept back here."""

    def seekable(self) -> bool:
        """Archives are told that they cannot go back."""
        return False

    def writable(self) -> bool:
        """It takes bytes."""
        return True
