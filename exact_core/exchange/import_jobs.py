"""The background jobs of imports: looking at a file, making annotations of it, taking them back."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, NotFound
from exact_core.exchange.importing import read_file
from exact_core.exchange.imports import PROGRESS, SOURCE, STAGED, options_of, remove_folder
from exact_core.exchange.planning import Stored, Target
from exact_core.exchange.plugin_formats import format_in, formats_in
from exact_core.exchange.previewing import preview
from exact_core.exchange.reading import Content
from exact_core.exchange.slide_files import SlideFiles
from exact_core.exchange.staging import Staging
from exact_core.exchange.storing import store
from exact_core.exchange.undoing import Undone, undo_import
from exact_core.storage.models import AnnotationImport, Job, User, now

if TYPE_CHECKING:
    from exact_core.jobs.running import JobContext
    from exact_core.services import Services

_SECONDS_BETWEEN = 0.4
_BACK_TO = {"reading": "failed", "storing": "ready", "undoing": "done"}


def run_read(context: JobContext) -> dict[str, Any]:
    """Find out what a file holds, and what importing it would do."""
    services, import_id = context.services, int(context.params["import_id"])
    with context.read() as session:
        found = _found(session, import_id)
        target = target_of(services, session, found)
    if found.state != "reading":
        return {"import_id": import_id, "skipped": f"The import is {found.state}."}
    folder = services.blobs.path(found.folder)
    staged = folder / STAGED
    telling = Telling(context, found.folder)
    reread = bool(context.params.get("reread")) or not staged.exists() or not found.content
    if reread:
        staged.unlink(missing_ok=True)
    staging = Staging(staged)
    try:
        if reread:
            name = found.asked_format
            chosen = format_in(services.kernel, found.image_set_id, name) if name else None
            formats = formats_in(services.kernel, found.image_set_id)
            with (folder / SOURCE).open("rb") as stream:
                content = read_file(
                    target, stream, staging, formats, chosen, folder, telling.part(0.0, 0.6, "Reading the file")
                )
        else:
            content = Content.of_json(found.content)
        shown = preview(target, staging, content, options_of(found.options), told=telling.part(0.6, 1.0, "Checking"))
    finally:
        staging.close()
    with context.write() as session:
        kept = session.get(AnnotationImport, import_id, with_for_update=True)
        if kept is None:
            remove_folder(services, found.folder)
            return {"import_id": import_id, "skipped": "The import was discarded."}
        kept.content, kept.preview, kept.state, kept.message = content.to_json(), shown.to_json(), "ready", ""
    return {"import_id": import_id, "shapes": content.shapes, "format": content.format}


def run_store(context: JobContext) -> dict[str, Any]:
    """Make annotations of a file that was looked at: all of them, or none."""
    services, import_id = context.services, int(context.params["import_id"])
    with context.read() as session:
        found = _found(session, import_id)
        target = target_of(services, session, found)
    if found.state == "done":  # an attempt before this one was cut off after its commit
        return {"import_id": import_id, **found.result}
    if found.state != "storing":
        return {"import_id": import_id, "skipped": f"The import is {found.state}."}
    telling = Telling(context, found.folder, writes_alone=services.database.dialect == "sqlite")

    def mark(session: Session, stored: Stored) -> None:
        kept = session.get(AnnotationImport, import_id, with_for_update=True, populate_existing=True)
        if kept is None or kept.state != "storing":
            raise Conflict("The import was discarded, or imported by another process.")
        kept.state, kept.result, kept.done_at, kept.message = "done", stored.to_json(), now(), ""

    staging = Staging(services.blobs.path(found.folder) / STAGED)
    try:
        content, options = Content.of_json(found.content), options_of(found.options)
        told = telling.part(0.0, 1.0, "Writing annotations")
        stored = store(target, staging, content, options, told=told, before_commit=mark)
    finally:
        staging.close()
    remove_folder(services, found.folder)
    return {"import_id": import_id, **stored.to_json()}


def run_undo(context: JobContext) -> dict[str, Any]:
    """Take an import back, as the one who asked for it."""
    services, import_id = context.services, int(context.params["import_id"])
    with context.read() as session:
        found = _found(session, import_id)
        target = target_of(services, session, found, context.owner_id)
    if found.state == "undone":
        return {"import_id": import_id, **found.result.get("undo", {})}
    if found.state != "undoing":
        return {"import_id": import_id, "skipped": f"The import is {found.state}."}
    services.blobs.folder(found.folder)
    telling = Telling(context, found.folder, writes_alone=services.database.dialect == "sqlite")

    def mark(session: Session, undone: Undone) -> None:
        kept = session.get(AnnotationImport, import_id, with_for_update=True, populate_existing=True)
        if kept is None or kept.state != "undoing":
            raise Conflict("The import was discarded, or taken back by another process.")
        kept.state, kept.result, kept.message = "undone", {**kept.result, "undo": undone.to_json()}, ""

    try:
        revisions = {each["image_id"]: each["revision"] for each in found.result["images"]}
        total = found.result["added"] + found.result["updated"]
        told = telling.part(0.0, 1.0, "Taking annotations back")
        undone = undo_import(target, revisions, total=total, told=told, before_commit=mark)
    finally:
        remove_folder(services, found.folder)
    return {"import_id": import_id, **undone.to_json()}


def give_up(services: Services, job: Job) -> None:
    """Say on the import why its job did not succeed; nothing of the annotations was changed."""
    with services.database.write() as session:
        found = session.get(AnnotationImport, int(job.params["import_id"]), with_for_update=True)
        if found is not None and found.job_id == job.id and found.state in _BACK_TO:
            found.state = _BACK_TO[found.state]
            found.message = job.message or "The job ended before it was done."


def target_of(services: Services, session: Session, found: AnnotationImport, actor_id: int | None = None) -> Target:
    """Where an import goes, for the one who began it (or for somebody else who asks), with their present rights."""
    actor = actor_of(session, actor_id or found.owner_id)
    return Target(
        services.database,
        services.kernel.hooks,
        actor,
        found.image_set_id,
        found.image_id,
        found.file_name,
        SlideFiles(services),
    )


def actor_of(session: Session, user_id: int | None) -> Actor:
    """A person with an active account, as an actor; rights are asked when they act."""
    user = session.get(User, user_id) if user_id else None
    if user is None or not user.is_active:
        raise Forbidden("The account of the person who asked for this is no longer active.")
    return Actor(user.id, user.name, user.display_name, user.is_admin)


class Telling:
    """Tells how far a job is: in its row and, while the only writer is at work, in a file beside what it reads."""

    def __init__(self, context: JobContext, folder: str, *, writes_alone: bool = False) -> None:
        self._context = context
        self._path = context.services.blobs.path(f"{folder}/{PROGRESS}")
        self._writes_alone = writes_alone
        self._told_at = float("-inf")

    def part(self, begin: float, end: float, words: str) -> _Part:
        """A part of the work, which hears numbers from 0 to 1."""
        return _Part(self, begin, end, words)

    def tell(self, progress: float, words: str) -> None:
        """Tell at most a few times per second; raises when the job should end."""
        self._context.check()
        moment = time.monotonic()
        if moment - self._told_at < _SECONDS_BETWEEN:
            return
        self._told_at = moment
        with suppress(OSError):
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(orjson.dumps({"part": progress, "words": words, "job": self._context.job_id}))
            fresh.replace(self._path)
        if not self._writes_alone:
            self._context.report(progress, words)
        elif self._is_cancelled():
            raise self._context.cancelled()

    def _is_cancelled(self) -> bool:
        with self._context.read() as session:
            return bool(session.scalar(select(Job.cancel_requested).where(Job.id == self._context.job_id)))


class _Part:
    """A stretch of a whole."""

    def __init__(self, telling: Telling, begin: float, end: float, words: str) -> None:
        self._telling, self._begin, self._end, self._words = telling, begin, end, words

    def __call__(self, part: float) -> None:
        self._telling.tell(self._begin + (self._end - self._begin) * part, self._words)


def _found(session: Session, import_id: int) -> AnnotationImport:
    found = session.get(AnnotationImport, import_id)
    if found is None:
        raise NotFound(f"The import {import_id} was discarded.")
    return found
