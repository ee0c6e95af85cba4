"""Reverting and restoring as transactions: each call is one unit of work that plugins hear of and can refuse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations import reverting, trash
from exact_core.annotations.access import rights_in
from exact_core.annotations.history import Log, log_of_image, log_of_set
from exact_core.annotations.people import last_editors
from exact_core.annotations.revert_plan import TYPE_GONE
from exact_core.annotations.reverting import Report, Target
from exact_core.annotations.scope import Can
from exact_core.annotations.service import AnnotationHooks, find_one
from exact_core.annotations.shape_history import state_at
from exact_core.annotations.states import Change, Known, with_state
from exact_core.annotations.writing import Stale, Writer
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.storage.database import Database
from exact_core.storage.models import Image, now
from exact_core.storage.unit_of_work import UnitOfWork

MAX_REASON = 500


class Reversals:
    """Sets annotations back for one actor: by image set, by image, or one by one."""

    def __init__(self, database: Database, hooks: AnnotationHooks, actor: Actor) -> None:
        self._database = database
        self._hooks = hooks
        self._actor = actor

    def revert(self, target: Target, reason: str, *, image_set_id: int = 0, image_id: int | None = None) -> Report:
        """Set back a session, a run, a change set or all to a revision, in an image set or on one image of it."""
        with self._unit_of_work() as (uow, can):
            log = self._log(uow.session, image_set_id, image_id, can)
            images = reverting.images_of(uow.session, self._actor, can, log, target)
            # Without an image on which something happened there is nothing to lock; rights are asked all the same.
            first = images or [image_id or _some_image(uow.session, log.image_set_id)]
            return reverting.revert(self._first_writer(uow, first, can), can, log, target, reason)

    def restore(
        self, ids: Sequence[int], reason: str, days: int, *, image_set_id: int = 0, image_id: int | None = None
    ) -> Report:
        """Bring deleted annotations back that the trash still offers; the others are reported."""
        with self._unit_of_work() as (uow, can):
            log = self._log(uow.session, image_set_id, image_id, can)
            found = trash.by_image(uow.session, log, ids)
            first = self._writer(uow, image_id or next(iter(found), 0) or _some_image(uow.session, image_set_id), can)
            run = f"restore {first.facts.revision + 1}" if len(found) > 1 else ""
            report = Report("Restore from the trash", run)
            for each, own in found.items():
                writer = first.on(each)
                plan = trash.plan_restore(writer, own, days)
                report.add(each, writer.facts.name, plan, trash.restore(writer, plan, reason, run))
            known = {id_ for own in found.values() for id_ in own}
            report.add_unknown([id_ for id_ in ids if id_ not in known], trash.UNKNOWN)
            return report

    def revert_shape(self, annotation_id: int, revision: int, base_revision: int | None, reason: str) -> Known:
        """Give one annotation the state that it had at a revision; it can be deleted now."""
        with self._unit_of_work() as (uow, can):
            known = find_one(uow.session, self._actor, annotation_id, can)
            writer = self._writer(uow, known.image_id, can)
            change = shape_change(writer, find_one(uow.session, self._actor, annotation_id, can), revision)
            _require_current(writer, change.known, base_revision)
            if change.after == change.known.state:
                return change.known
            new = writer.commit([change], "revert", reason or f"Set back to its state of revision {revision}")
            return with_state(change.known, change.after, new, now())

    @contextmanager
    def _unit_of_work(self) -> Iterator[tuple[UnitOfWork, Can]]:
        with UnitOfWork(self._database, self._hooks, self._actor) as uow:
            yield uow, rights_in(uow.session)

    def _writer(self, uow: UnitOfWork, image_id: int, can: Can) -> Writer:
        writer = Writer(uow.session, self._actor, image_id, can, uow.record)
        if not self._hooks.hears_annotations(writer.facts.image_set_id):
            writer.record = None  # an event per shape is made only where somebody listens
        return writer

    def _first_writer(self, uow: UnitOfWork, image_ids: Sequence[int], can: Can) -> Writer:
        """For the first image that the actor may change; raises what forbids the last one when there is none."""
        *others, last = image_ids
        for image_id in others:
            with suppress(Conflict, Forbidden):
                return self._writer(uow, image_id, can)
        return self._writer(uow, last, can)

    def _log(self, session: Session, image_set_id: int, image_id: int | None, can: Can) -> Log:
        if image_id is not None:
            return log_of_image(session, self._actor, image_id, can)
        return log_of_set(session, self._actor, image_set_id, can)


def shape_change(writer: Writer, known: Known, revision: int) -> Change:
    """What setting one annotation back to a revision comes to; raises when it cannot be done."""
    if not writer.may_edit(known):
        raise Forbidden("You may change your own annotations only, and this one was drawn by somebody else.")
    state = state_at(writer.session, known.id, revision)
    if state is None:
        raise Invalid(f"At revision {revision} this annotation did not exist, or was deleted.")
    if state.type_id not in writer.types:
        raise Invalid(TYPE_GONE)
    return Change(known, state)


def _require_current(writer: Writer, known: Known, base_revision: int | None) -> None:
    if base_revision is None or known.state is None or known.revision <= base_revision:
        return
    facts = writer.facts
    names = last_editors(writer.session, facts.image_set_id, [known.id], writer.scope.only_reader)
    current = known.to_json() | {"changed_by": names.get(known.id)}
    raise Stale("Somebody has changed this annotation meanwhile; look at its current state.", [current])


def _some_image(session: Session, image_set_id: int) -> int:
    chosen = (Image.image_set_id == image_set_id, Image.deleted_at.is_(None))
    found = session.execute(select(Image.id).where(*chosen).order_by(Image.position, Image.id).limit(1)).scalar()
    if found is None:
        raise NotFound("This image set has no image, so that there is nothing to set back.")
    return found
