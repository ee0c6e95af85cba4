"""The mode of an image set: reading and changing it with its settings, and unblinding, which is an audited act."""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from exact_core.annotations.change_log import lock_set, next_revision
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.auth.rights import BLIND_MODES, Right, Rights
from exact_core.review import audit
from exact_core.review.digest import act_digest
from exact_core.review.settings import ModeSettings
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Assignment, ImageSet, User, now

LEAST_REASON = 5


def is_blind(image_set: ImageSet) -> bool:
    """Whether readers of the set are blind to each other now."""
    return image_set.mode in BLIND_MODES and image_set.unblinded_at is None


def checked_reason(reason: str, what: str) -> str:
    """A reason that says something."""
    reason = " ".join(reason.split())
    if len(reason) < LEAST_REASON:
        raise Invalid(f"reason: say why {what}, in a few words; it is kept for everybody who manages the set.")
    return reason


def unblind(session: Session, actor: Actor, image_set_id: int, reason: str) -> ImageSet:
    """Let everybody see everybody's work from now on; it cannot be taken back, and is written down."""
    image_set = _managed(session, actor, image_set_id)
    if image_set.mode not in BLIND_MODES:
        raise Conflict("In a cooperative image set everybody sees everything already.")
    if image_set.unblinded_at is not None:
        raise Conflict("This image set was unblinded before.")
    reason = checked_reason(reason, "the set is unblinded")
    image_set.unblinded_at = now()
    audit.note(session, image_set_id, actor, "unblinded", reason, mode=image_set.mode)
    _sight_changed(session, actor, image_set_id)
    return image_set


def mode_changed(session: Session, actor: Actor, image_set: ImageSet, mode: str, reason: str) -> None:
    """Change how people work together; who ends blindness that way says why, as with unblinding."""
    if mode == image_set.mode:
        return
    lock_set(session, image_set.id)
    if is_blind(image_set) and mode != "competitive":
        reason = checked_reason(reason, "the mode is changed: it shows people what they were blind to")
    audit.note(
        session, image_set.id, actor, "mode_changed", reason, before=image_set.mode, after=mode,
        was_blind=is_blind(image_set),
    )  # fmt: skip
    image_set.mode = mode
    image_set.unblinded_at = None
    _sight_changed(session, actor, image_set.id)


def change_settings(
    session: Session, actor: Actor, image_set_id: int, settings: ModeSettings, mode: str | None, reason: str
) -> ImageSet:
    """Take over new settings, and a new mode if one is named."""
    image_set = _managed(session, actor, image_set_id)
    before = ModeSettings.stored(image_set.mode_settings)
    if settings.order == "random" and not settings.seed:
        settings = settings.model_copy(update={"seed": before.seed or secrets.randbelow(2**31 - 2) + 1})
    people = {*settings.adjudicators, *settings.second_opinion.readers}
    _require_people(session, image_set_id, people - {*before.adjudicators, *before.second_opinion.readers})
    if before.second_opinion.items != settings.second_opinion.items and _has_assignments(session, image_set_id):
        raise Conflict("What readers are given cannot change while something is assigned to them; take it back first.")
    was_blind = is_blind(image_set)
    if mode is not None:
        mode_changed(session, actor, image_set, mode, reason)
    if settings != before:
        if was_blind and is_blind(image_set) and _shows_more(before, settings):
            reason = checked_reason(reason, "readers shall see more of each other")
        audit.note(
            session, image_set_id, actor, "settings_changed", reason,
            before=_different(before, settings), after=_different(settings, before),
        )  # fmt: skip
        image_set.mode_settings = settings.model_dump(mode="json")
        _sight_changed(session, actor, image_set_id)
    return image_set


def _managed(session: Session, actor: Actor, image_set_id: int) -> ImageSet:
    Rights(session).require(actor, Right.MANAGE, image_set_id)
    lock_set(session, image_set_id)
    return session.get_one(ImageSet, image_set_id, populate_existing=True)


def _sight_changed(session: Session, actor: Actor, image_set_id: int) -> None:
    """Every process follows within a second, and no cache that is kept by revision outlives it."""
    session.flush()
    image_set = session.get_one(ImageSet, image_set_id)
    act = {
        "mode": image_set.mode,
        "settings": image_set.mode_settings,
        "is_unblinded": image_set.unblinded_at is not None,
    }
    next_revision(session, image_set_id, "review", actor_id=actor.user_id or None, rows=act_digest(act))
    raise_epoch(session, "access")


def _require_people(session: Session, image_set_id: int, people: set[int]) -> None:
    rights = Rights(session)
    for user_id in sorted(people):
        user = session.get(User, user_id)
        if user is None:
            raise NotFound(f"There is no user {user_id}.")
        if not rights.decide(
            Actor(user.id, user.name, user.display_name, user.is_admin), Right.VERIFY, image_set_id
        ).allowed:
            raise Forbidden(
                f"{user.display_name or user.name} may not verify in this image set; give them a role first."
            )


def _has_assignments(session: Session, image_set_id: int) -> bool:
    given = exists().where(Assignment.image_set_id == image_set_id, Assignment.state != "withdrawn")
    return bool(session.scalar(select(given)))


def _shows_more(before: ModeSettings, after: ModeSettings) -> bool:
    order = ("never", "item_done", "own_done")
    more = order.index(after.second_opinion.reveal) > order.index(before.second_opinion.reveal)
    named = after.second_opinion.show_names and not before.second_opinion.show_names
    return more or named or not set(after.adjudicators) <= set(before.adjudicators)


def _different(one: ModeSettings, other: ModeSettings) -> dict[str, Any]:
    """What of one differs from the other, section by section."""
    ours, theirs = one.model_dump(mode="json"), other.model_dump(mode="json")
    found: dict[str, Any] = {}
    for name, value in ours.items():
        if isinstance(value, dict):
            inner = {key: each for key, each in value.items() if theirs[name][key] != each}
            if inner:
                found[name] = inner
        elif theirs[name] != value:
            found[name] = value
    return found
