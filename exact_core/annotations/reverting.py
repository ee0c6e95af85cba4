"""Setting back: a session of one person, a run of a model or an import, one change set, or everything to a revision.

Each image gets one change set of kind ``revert``, which its author can undo like any other change. Those of several
images share the name of a run, so that they are also taken back together. A preview works out the same and changes
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from exact_core.annotations.history import Log
from exact_core.annotations.people import people
from exact_core.annotations.revert_plan import (
    Plan,
    set_to_revision,
    take_back,
    touched_by,
    touched_since,
    wide_revisions,
)
from exact_core.annotations.revert_writing import require_open, write_plan
from exact_core.annotations.scope import CLOSED, ROWS, Can
from exact_core.annotations.sessions import by_hand, sessions_between
from exact_core.annotations.writing import Writer
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.storage.models import ChangeSet, Image

_MOST_NAMED = 200  # skipped annotations that a report names


@dataclass(frozen=True, slots=True)
class OneChangeSet:
    """Take back one change set."""

    revision: int


@dataclass(frozen=True, slots=True)
class OneSession:
    """Take back the session of a person that a change set belongs to."""

    revision: int


@dataclass(frozen=True, slots=True)
class OneRun:
    """Take back everything of a model run, an import or a job."""

    run: str


@dataclass(frozen=True, slots=True)
class ToRevision:
    """Give every shape the state that it had at a revision."""

    revision: int


Target: TypeAlias = OneChangeSet | OneSession | OneRun | ToRevision


def target_of(what: str, revision: int | None, run: str | None) -> Target:
    """A target by the words of the API: ``session``, ``run``, ``change_set`` or ``to_revision``."""
    if what == "run":
        if not run:
            raise Invalid("run: say which run to revert.")
        return OneRun(run)
    if revision is None:
        raise Invalid("revision: say which revision is meant.")
    kinds: dict[str, type[OneChangeSet | OneSession | ToRevision]] = {
        "change_set": OneChangeSet,
        "session": OneSession,
        "to_revision": ToRevision,
    }
    return kinds[what](revision)


@dataclass(frozen=True, slots=True)
class ImageReport:
    """What happens, or happened, on one image."""

    image_id: int
    name: str
    revision: int | None  # None while nothing is written
    restored: int
    deleted: int
    changed: int
    skipped: int


@dataclass(slots=True)
class Report:
    """What a revert or a restore does, or did, image by image: collected while it runs, then only read."""

    title: str
    run: str = ""
    is_preview: bool = False
    images: list[ImageReport] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    skipped: list[tuple[int, int | None, str]] = field(default_factory=list)  # annotation, image, why; the first ones

    def add(self, image_id: int, name: str, plan: Plan, revision: int | None) -> None:
        """Take note of an image; one on which nothing happens is left out."""
        if not plan.ids and not plan.skipped:
            return
        numbers = (plan.restored, plan.deleted, plan.changed, len(plan.skipped))
        self.images.append(ImageReport(image_id, name, revision, *numbers))
        self.reasons += plan.reasons
        room = _MOST_NAMED - len(self.skipped)
        self.skipped += [(id_, image_id, why) for id_, why in plan.skipped[: max(room, 0)]]

    def add_unknown(self, ids: Sequence[int], why: str) -> None:
        """Take note of annotations that are on none of the images."""
        if ids:
            self.reasons[why] += len(ids)
            room = _MOST_NAMED - len(self.skipped)
            self.skipped += [(id_, None, why) for id_ in ids[: max(room, 0)]]

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        names = ("restored", "deleted", "changed", "skipped")
        return {
            "preview": self.is_preview,
            "title": self.title,
            "run": self.run,
            **{name: sum(getattr(image, name) for image in self.images) for name in names[:-1]},
            "skipped": self.reasons.total(),
            "images": [
                {
                    "image": {"id": image.image_id, "name": image.name},
                    "revision": image.revision,
                    **{name: getattr(image, name) for name in names},
                }
                for image in self.images
            ],
            "reasons": [{"reason": reason, "count": n} for reason, n in self.reasons.most_common()],
            "skipped_annotations": [
                {"id": id_, "image_id": image_id, "reason": why} for id_, image_id, why in self.skipped
            ],
        }


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What a target comes to in the change log."""

    title: str
    conditions: list[ColumnElement[bool]]
    to_revision: int | None = None

    def plan(self, writer: Writer) -> Plan:
        """How to set the writer's image back."""
        if self.to_revision is not None:
            return set_to_revision(writer, self.to_revision)
        return take_back(writer, self.conditions)

    def touched(self, session: Session, image_id: int) -> list[int]:
        """The annotations of an image that it is about."""
        if self.to_revision is not None:
            return touched_since(session, image_id, self.to_revision)
        return touched_by(session, image_id, self.conditions)


def preview(session: Session, actor: Actor, can: Can, log: Log, target: Target) -> Report:
    """What a revert would do now; it takes no lock and writes nothing."""
    chosen = _choose(session, actor, can, log, target)
    report = Report(chosen.title, is_preview=True)
    images = _images(session, log, chosen)
    first: Writer | None = None
    for image_id in images:
        try:
            writer = first.on(image_id) if first else Writer(session, actor, image_id, can, None, looks_only=True)
            first = first or writer
            plan = chosen.plan(writer)
            require_open(writer, plan)
        except (Conflict, Forbidden) as error:
            if first is None and image_id == images[-1]:
                raise  # none of them may be changed
            _leave(session, report, chosen, image_id, images, error)
            continue
        report.add(image_id, writer.facts.name, plan, None)
    return report


def revert(first: Writer, can: Can, log: Log, target: Target, reason: str) -> Report:
    """Set back what is not changed by others since.

    Args:
        first: For any image of the set; it holds the set's lock.
        can: Rights, as the transaction sees them.
        log: What the actor may read, of the set or of one image.
        target: What to set back.
        reason: Shown in the history; says what was set back when left out.
    """
    session = first.session
    chosen = _choose(session, first.actor, can, log, target)
    images = _images(session, log, chosen)
    run = f"revert {first.facts.revision + 1}" if len(images) > 1 else ""
    report = Report(chosen.title, run)
    reverts = target.revision if isinstance(target, OneChangeSet) else None
    for image_id in images:
        try:
            with session.begin_nested():  # what is noted of a reader's items before an image is refused goes again
                writer = first.on(image_id)
                plan = chosen.plan(writer)
                revision = None
                if plan.ids:
                    revision = write_plan(writer, plan, "revert", reason or chosen.title, reverts=reverts, run=run)
        except (Conflict, Forbidden) as error:
            _leave(session, report, chosen, image_id, images, error)
            continue
        report.add(image_id, writer.facts.name, plan, revision)
    return report


def _leave(
    session: Session,
    report: Report,
    chosen: _Chosen,
    image_id: int,
    images: Sequence[int],
    error: Conflict | Forbidden,
) -> None:
    """Leave one image of several as it is, because the actor may change nothing there: finished, or of others.

    What a plugin refuses, and what is about one image alone, stays refused.
    """
    if len(images) < 2 or type(error) not in (Conflict, Forbidden):
        raise error
    name = session.scalar(select(Image.name).where(Image.id == image_id)) or ""
    why = f"{name}: {error.message}"
    ids = chosen.touched(session, image_id)
    report.add(image_id, name, Plan(skipped=[(id_, why) for id_ in ids]), None)


def images_of(session: Session, actor: Actor, can: Can, log: Log, target: Target) -> list[int]:
    """The images that a revert reaches, for the first writer."""
    return _images(session, log, _choose(session, actor, can, log, target))


def _choose(session: Session, actor: Actor, can: Can, log: Log, target: Target) -> _Chosen:
    """Check that the actor may do it, and find what it is about."""
    if isinstance(target, ToRevision):
        return _to_revision(actor, can, log, target.revision)
    if isinstance(target, OneRun):
        return _run(session, log, target.run)
    change_set = _readable(session, log, target.revision)
    if isinstance(target, OneChangeSet):
        return _Chosen(f"Revert of revision {change_set.revision}", [ChangeSet.revision == change_set.revision])
    if change_set.run:
        raise Invalid(f"Revision {target.revision} belongs to the run {change_set.run!r}: revert that instead.")
    actor_id, revision = change_set.actor_id, change_set.revision
    [own] = [
        each
        for each in sessions_between(session, log.image_set_id, actor_id, revision, revision)
        if each.first_revision <= revision <= each.last_revision
    ]
    who = people(session, [actor_id], log.only).json(actor_id)
    whose = "your" if actor_id == actor.user_id else f"{who['name'] if who else 'the system'}'s"
    when = own.began_at.strftime("%Y-%m-%d %H:%M")
    between = ChangeSet.revision.between(own.first_revision, own.last_revision)
    return _Chosen(f"Revert of {whose} session of {when} UTC", [*by_hand(log.image_set_id, actor_id), between])


def _to_revision(actor: Actor, can: Can, log: Log, revision: int) -> _Chosen:
    if not can(actor, "manage", log.image_set_id):
        raise Forbidden("Only those who manage this image set may set all of an image, or of the set, to a revision.")
    if not 0 <= revision <= log.revision:
        raise Invalid(f"This image set has revisions 0 to {log.revision}, not {revision}.")
    return _Chosen(f"Set to revision {revision}", [ChangeSet.revision > revision], revision)


def _run(session: Session, log: Log, run: str) -> _Chosen:
    own = [ChangeSet.image_set_id == log.image_set_id, ChangeSet.run == run]
    if log.only is not None:
        own.append(ChangeSet.actor_id == log.only)
    here = [ChangeSet.image_id == log.image_id] if log.image_id is not None else []
    if not run or session.execute(select(ChangeSet.revision).where(*own, *here).limit(1)).first() is None:
        raise NotFound(f"There is no run {run!r} here that you may see.")
    return _Chosen(f"Revert of the run {run}", own)


def _readable(session: Session, log: Log, revision: int) -> ChangeSet:
    """A change set of the set that the actor may read."""
    found = session.get(ChangeSet, (log.image_set_id, revision))
    if found is None or (log.only is not None and found.actor_id != log.only):
        raise NotFound(f"There is no revision {revision} in this image set that you may see.")
    return found


def _images(session: Session, log: Log, chosen: _Chosen) -> list[int]:
    """The images that it reaches, in the order of the set; those in the bin stay as they are."""
    named = select(ChangeSet.image_id).where(
        ChangeSet.image_set_id == log.image_set_id, ChangeSet.image_id.is_not(None), *chosen.conditions
    )
    reached: ColumnElement[bool] = Image.id.in_(named)
    wide = wide_revisions(session, log.image_set_id, chosen.conditions)
    if wide:
        row, since = ROWS.c, chosen.to_revision
        begun = row.valid_from.in_(wide) if since is None else row.valid_from > since
        ended = row.valid_to.in_(wide) if since is None else row.valid_to > since
        edges = ((begun,), (ended, row.valid_to < CLOSED))
        reached = or_(reached, *(exists().where(row.image_id == Image.id, *edge) for edge in edges))
    own = (Image.image_set_id == log.image_set_id, Image.deleted_at.is_(None))
    statement = select(Image.id).where(*own, reached).order_by(Image.position, Image.id)
    if log.image_id is not None:
        statement = statement.where(Image.id == log.image_id)
    return list(session.scalars(statement))
