"""Finding, listing, changing and deleting models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.auth.model_rights import ModelRight, ModelRights, no_model, visible_models
from exact_core.models import places
from exact_core.models.identities import canonical
from exact_core.models.keeping import checked_name
from exact_core.storage.models import Model, ModelFile, now

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from exact_core.services import Services

MOST_NOTES = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which models of a list.

    Attributes:
        kind: Full name of their kind, or of a plugin with a dot behind it; empty for all.
        image_set_id: The set that they learned from.
        version_id: The version that they were trained on.
        words: Part of their name.
        deleted: Those that were deleted instead of the others.
    """

    kind: str = ""
    image_set_id: int | None = None
    version_id: int | None = None
    words: str = ""
    deleted: bool = False


def find_model(session: Session, actor: Actor, uuid: str, right: ModelRight = ModelRight.SEE) -> Model:
    """A model by its identity, also a deleted one.

    Raises:
        NotFound: There is none that the actor may see.
        Forbidden: They may see it, but not do this with it.
    """
    known = canonical(uuid)
    model = session.scalar(select(Model).where(Model.uuid == known)) if known else None
    if model is None:
        raise no_model(uuid)
    ModelRights(session, actor).require(right, model)
    return model


def live_model(session: Session, actor: Actor, uuid: str, right: ModelRight) -> Model:
    """A model that is not deleted."""
    model = find_model(session, actor, uuid, right)
    if model.deleted_at is not None:
        raise NotFound(
            f"The model {model.name!r} was deleted by {model.deleted_by_name or 'the system'}: {model.deleted_reason}"
        )
    return model


def list_models(
    session: Session, actor: Actor, wanted: Wanted, *, before: tuple[bool, int] | None, limit: int
) -> Sequence[Model]:
    """Models that the actor may see: pinned ones first, then the newest; one more than ``limit`` when there are more.

    Args:
        session: Reads them.
        actor: Who asks.
        wanted: Which.
        before: Whether the last one of the page before was pinned, and its number.
        limit: How many.
    """
    conditions: list[ColumnElement[bool]] = [
        visible_models(actor),
        Model.deleted_at.is_not(None) if wanted.deleted else Model.deleted_at.is_(None),
    ]
    if wanted.kind.endswith("."):
        conditions.append(Model.kind.startswith(wanted.kind, autoescape=True))
    elif wanted.kind:
        conditions.append(Model.kind == wanted.kind)
    if wanted.image_set_id is not None:
        conditions.append(Model.image_set_id == wanted.image_set_id)
    if wanted.version_id is not None:
        conditions.append(Model.version_id == wanted.version_id)
    if wanted.words:
        conditions.append(Model.name.icontains(wanted.words, autoescape=True))
    if before is not None:
        was_pinned, number = before
        rest = and_(Model.is_pinned.is_(was_pinned), Model.id < number)
        conditions.append(rest | Model.is_pinned.is_(False) if was_pinned else rest)
    order = (Model.is_pinned.desc(), Model.id.desc())
    return session.scalars(select(Model).where(*conditions).order_by(*order).limit(limit + 1)).all()


def files_in(session: Session, model: Model) -> Sequence[ModelFile]:
    """The files of a model by name; also of one whose files are gone."""
    return session.scalars(select(ModelFile).where(ModelFile.model_id == model.id).order_by(ModelFile.name)).all()


def change_model(session: Session, actor: Actor, uuid: str, *, name: str | None, notes: str | None) -> Model:
    """Give a model another name or other notes."""
    model = live_model(session, actor, uuid, ModelRight.CHANGE)
    if name is not None:
        model.name = checked_name(name)
    if notes is not None:
        if len(notes) > MOST_NOTES or "\0" in notes:
            raise Invalid(f"notes: at most {MOST_NOTES:,} characters, and no NUL.")
        model.notes = notes.strip()
    return model


def pin_model(session: Session, actor: Actor, uuid: str, *, is_pinned: bool) -> Model:
    """Pin a model: it comes first, and cannot be deleted until somebody takes the pin out."""
    model = live_model(session, actor, uuid, ModelRight.CHANGE)
    model.is_pinned = is_pinned
    return model


def delete_model(session: Session, actor: Actor, uuid: str, reason: str, *, permanently: bool = False) -> Model:
    """Delete a model; its row stays with the card, so that predictions still say where they come from.

    Args:
        session: The transaction.
        actor: Who deletes it.
        uuid: The model.
        reason: Stays on record.
        permanently: Also of one that was deleted before, the files go now: the caller removes them after the commit.
            Otherwise ``cleaning.remove_stale`` does, after the days of the trash.

    Raises:
        Conflict: It is pinned.
    """
    model = (find_model if permanently else live_model)(session, actor, uuid, ModelRight.CHANGE)
    if model.is_pinned:
        raise Conflict(f"The model {model.name!r} is pinned; take the pin out before deleting it.")
    if not reason.strip():
        raise Invalid("Say why the model is deleted: the reason stays on record.")
    if model.deleted_at is None:
        model.deleted_at = now()
        model.deleted_by_name = actor.display_name or actor.name
        model.deleted_reason = reason.strip()
    if permanently and model.purged_at is None:
        model.purged_at = now()
    return model


def restore_model(services: Services, session: Session, actor: Actor, uuid: str) -> Model:
    """Take a deletion back, while the files are there."""
    model = find_model(session, actor, uuid, ModelRight.CHANGE)
    if model.deleted_at is None:
        return model
    if model.purged_at is not None or not places.files_of(services, model.uuid).is_dir():
        raise Conflict(f"The files of {model.name!r} are gone; upload the model again, and it is the same one.")
    model.deleted_at, model.deleted_by_name, model.deleted_reason = None, "", ""
    return model
