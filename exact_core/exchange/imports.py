"""Imports over the web: a file is received, looked at, previewed, imported and, if wished, taken back."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.exchange.planning import Options
from exact_core.exchange.plugin_formats import format_in
from exact_core.jobs.registry import IMPORT_READ, IMPORT_STORE, IMPORT_UNDO
from exact_core.storage.models import AnnotationImport, Image, Job

if TYPE_CHECKING:
    from exact_core.services import Services

FOLDER = "imports"
SOURCE, STAGED, PROGRESS = "source", "staged.sqlite3", "progress.json"
MOST_OPEN = 40
"""Imports of one person that are neither done nor given up."""

_OPEN = ("reading", "ready", "storing", "failed")
_BUSY = ("reading", "storing", "undoing")


def new_folder() -> str:
    """A folder for a file that arrives, relative to the data folder."""
    return f"{FOLDER}/{secrets.token_hex(16)}"


def require_import(session: Session, actor: Actor, image_set_id: int, image_id: int | None) -> None:
    """Refuse who may not annotate in the set, and images that are not in it."""
    Rights(session).require(actor, Right.ANNOTATE, image_set_id)
    if image_id is None:
        return
    own = (Image.id == image_id, Image.image_set_id == image_set_id, Image.deleted_at.is_(None))
    if session.scalar(select(Image.id).where(*own)) is None:
        raise NotFound(f"There is no image {image_id} in image set {image_set_id}.")


def create(
    services: Services,
    actor: Actor,
    image_set_id: int,
    *,
    image_id: int | None,
    file_name: str,
    asked_format: str,
    folder: str,
    size: int,
) -> AnnotationImport:
    """An import of a file that has arrived; a job looks at it."""
    if not size:
        raise Invalid("The file is empty.")
    if asked_format and format_in(services.kernel, image_set_id, asked_format).read is None:
        raise Invalid(f"The format {asked_format!r} can be written, but not read.")
    with services.database.write() as session:
        require_import(session, actor, image_set_id, image_id)
        own = (AnnotationImport.owner_id == actor.user_id, AnnotationImport.state.in_(_OPEN))
        if (session.scalar(select(func.count()).where(*own)) or 0) >= MOST_OPEN:
            raise Conflict(f"You have {MOST_OPEN} imports that are not done; finish or discard some first.")
        found = AnnotationImport(
            image_set_id=image_set_id,
            image_id=image_id,
            owner_id=actor.user_id or None,
            file_name=checked_name(file_name),
            size_bytes=size,
            folder=folder,
            asked_format=asked_format,
            options=options_json(Options()),
        )
        session.add(found)
        session.flush()
        _ask(services, session, actor, found, IMPORT_READ, reread=True)
        return found


def find(session: Session, actor: Actor, import_id: int) -> AnnotationImport:
    """An import of one's own, or of a set that one manages."""
    found = session.get(AnnotationImport, import_id) if 0 < import_id < 2**63 else None
    missing = NotFound(f"There is no import {import_id} that you may see.")
    if found is None:
        raise missing
    rights = Rights(session)
    if found.owner_id != actor.user_id and not rights.decide(actor, Right.MANAGE, found.image_set_id).allowed:
        raise missing
    if not rights.decide(actor, Right.VIEW, found.image_set_id).allowed:
        raise missing
    return found


def listed(session: Session, actor: Actor, image_set_id: int, limit: int = 50) -> list[AnnotationImport]:
    """Imports of a set, newest first: one's own, or everybody's for those who manage it."""
    rights = Rights(session)
    rights.require(actor, Right.VIEW, image_set_id)
    query = select(AnnotationImport).where(AnnotationImport.image_set_id == image_set_id)
    if not rights.decide(actor, Right.MANAGE, image_set_id).allowed:
        query = query.where(AnnotationImport.owner_id == actor.user_id)
    return list(session.scalars(query.order_by(AnnotationImport.id.desc()).limit(limit)))


def preview_again(
    services: Services,
    actor: Actor,
    import_id: int,
    options: Options,
    *,
    image_id: int | None,
    asked_format: str,
) -> AnnotationImport:
    """Look at a file again with other options; it is read again when it is for another image or of another format."""
    with services.database.write() as session:
        found = _own(session, actor, import_id)
        if found.state not in ("ready", "failed"):
            raise Conflict(f"The import is {found.state}; wait until that is over.")
        require_import(session, actor, found.image_set_id, image_id)
        if asked_format:
            format_in(services.kernel, found.image_set_id, asked_format)
        reread = found.state == "failed" or not found.content
        reread = reread or (image_id, asked_format) != (found.image_id, found.asked_format)
        found.image_id, found.asked_format = image_id, asked_format
        found.options, found.message, found.state = options_json(options), "", "reading"
        _ask(services, session, actor, found, IMPORT_READ, reread=reread)
        return found


def start(services: Services, actor: Actor, import_id: int, options: Options) -> AnnotationImport:
    """Have a job import what was set aside: all of it, or nothing."""
    with services.database.write() as session:
        found = _own(session, actor, import_id)
        if found.state != "ready":
            raise Conflict(f"The import is {found.state}; only one whose preview is ready can be started.")
        require_import(session, actor, found.image_set_id, found.image_id)
        found.options, found.message, found.state = options_json(options), "", "storing"
        _ask(services, session, actor, found, IMPORT_STORE)
        return found


def undo(services: Services, actor: Actor, import_id: int) -> AnnotationImport:
    """Have a job take an import back, as one change of each image."""
    with services.database.write() as session:
        found = _own(session, actor, import_id)
        if found.state != "done":
            raise Conflict(f"The import is {found.state}; only one that is done can be taken back.")
        require_import(session, actor, found.image_set_id, None)
        found.message, found.state = "", "undoing"
        _ask(services, session, actor, found, IMPORT_UNDO)
        return found


def discard(services: Services, actor: Actor, import_id: int) -> None:
    """Forget an import that is not at work, with its file; annotations stay."""
    with services.database.write() as session:
        found = _own(session, actor, import_id)
        if found.state in _BUSY:
            raise Conflict(f"The import is {found.state}; cancel its job first.")
        folder = found.folder
        session.delete(found)
    remove_folder(services, folder)


def remove_folder(services: Services, folder: str) -> None:
    """Remove the file of an import and what was read from it."""
    shutil.rmtree(services.blobs.path(folder), ignore_errors=True)


def progress_of(services: Services, found: AnnotationImport, job: Job | None) -> tuple[float, str]:
    """How far the work on an import is, from 0 to 1, and what it is doing.

    While annotations are written, only the file is told: the database has one writer.
    """
    if found.state not in _BUSY:
        return 1.0, ""
    with suppress(OSError, ValueError, TypeError, KeyError):
        told = orjson.loads(services.blobs.path(f"{found.folder}/{PROGRESS}").read_bytes())
        if told["job"] == found.job_id:
            return min(max(float(told["part"]), 0.0), 1.0), str(told["words"])
    return (job.progress, job.message) if job is not None else (0.0, "")


def options_json(options: Options) -> dict[str, Any]:
    """Options as they are kept."""
    return {**asdict(options), "labels": dict(options.labels)}


def options_of(kept: Mapping[str, Any]) -> Options:
    """Options as they were kept."""
    return Options(**kept)


def checked_name(name: str) -> str:
    """The last part of a file's name, as it can be kept and shown."""
    plain = PurePath(name.replace("\\", "/")).name.strip()[:255]
    if not plain or not plain.isprintable():
        raise Invalid("The name of the file must have 1 to 255 printable characters.")
    return plain


def _own(session: Session, actor: Actor, import_id: int) -> AnnotationImport:
    """An import that the actor may act on, locked."""
    found = find(session, actor, import_id)
    session.refresh(found, with_for_update=True)
    return found


def _ask(
    services: Services, session: Session, actor: Actor, found: AnnotationImport, type_: str, **params: Any
) -> None:
    job = services.jobs.enqueue(
        session,
        type_,
        owner=actor,
        image_set_id=found.image_set_id,
        params={"import_id": found.id, **params},
    )
    found.job_id = job.id
