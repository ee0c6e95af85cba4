"""What readers said of a shape, and how far its image is: verdicts, who gave them, and the state of the image.

Verdicts and states are those that the actor may see; where others' work is hidden, one's own alone count.
"""

from __future__ import annotations

from sqlalchemy import exists, func, select

from exact_core.annotations.scope import ROWS, VERDICTS
from exact_core.review.image_states import STATES, state_column
from exact_core.review.verdicts import VERDICT_NAMES, Verification, is_judged
from exact_core.search.conditions import Always, Condition, Decided
from exact_core.search.field import EQUAL, TEXTUAL, Asked, Field, FieldKind, Use, unknown_yet, word_of, wrong
from exact_core.search.fields.people import names, people
from exact_core.search.matching import truth
from exact_core.search.syntax import Op, Value
from exact_core.storage.models import Image

_STATES: tuple[Verification, ...] = ("unverified", "outdated", *VERDICT_NAMES)


def _verification(use: Use, _: Op, value: Value) -> Condition:
    word = word_of(value, "a verdict")
    wanted = next((each for each in _STATES if each == word.text.casefold()), None)
    if wanted is None:
        raise wrong(value, f"a verdict is one of: {', '.join(_STATES)}")
    return unknown_yet() if use.image is None else Decided(is_judged(use.image.scope, wanted))


def _verified(use: Use, _: Op, value: Value) -> Condition:
    wanted = truth(word_of(value, "yes or no"))
    if use.image is None:
        return unknown_yet()
    accepted = is_judged(use.image.scope, "accepted")
    return Decided(accepted if wanted else ~accepted)


def _verifier(use: Use, op: Op, value: Value) -> Condition:
    ids = people(use, op, value)
    if use.image is None:
        return unknown_yet()
    scope, verdict = use.image.scope, VERDICTS.c
    of_state = exists().where(
        verdict.annotation_id == ROWS.c.annotation_id, verdict.state_from == ROWS.c.valid_from, *scope.verdicts()
    )
    if ids == [0]:
        return Decided(~of_state.correlate(ROWS))
    reader = func.coalesce(scope.known_people(verdict.reader_id), 0)
    return Decided(of_state.where(reader.in_(ids)).correlate(ROWS)) if ids else Always(False)


def _state(use: Use, _: Op, value: Value) -> Condition:
    word = word_of(value, "the state of an image")
    wanted = word.text.casefold().replace(" ", "_").replace("-", "_")
    if wanted not in STATES:
        raise wrong(value, f"the state of an image is one of: {', '.join(STATES)}")
    return unknown_yet() if use.image is None else Always(_states(use.asked, use)[use.image.id] == wanted)


def _states(asked: Asked, use: Use) -> dict[int, str]:
    """The state of every image of the set, as the actor may know it."""
    assert use.image is not None
    key = "states of images"
    if key not in asked.kept:
        sees_all = asked.can(asked.actor, "see_all", asked.image_set_id)
        state = state_column(use.image.scope.image.mode, None if sees_all else asked.actor.user_id)
        found = asked.session.execute(select(Image.id, state).where(Image.image_set_id == asked.image_set_id))
        asked.kept[key] = dict(found.all())
    states: dict[int, str] = asked.kept[key]
    return states


FIELDS = (
    Field(
        "verified", "Verified", FieldKind.BOOLEAN, _verified, EQUAL,
        "Whether the newest verdict on its present state accepts it.", "verified:no", lambda _: ["yes", "no"],
    ),
    Field(
        "verification", "Verification", FieldKind.CHOICE, _verification, EQUAL,
        "The newest verdict on its present state: accepted, rejected, dubious; outdated when only a former state has "
        "one, and then unverified too.",
        "verification:dubious", lambda _: list(_STATES),
    ),
    Field(
        "verifier", "Verified by", FieldKind.PERSON, _verifier, TEXTUAL,
        "Who gave a verdict on its present state; none for nobody.", "verifier:me", names,
    ),
    Field(
        "state", "State of the image", FieldKind.CHOICE, _state, EQUAL,
        "How far its image is now: to_do, in_work, done, reviewed or dubious.", "state:done", lambda _: list(STATES),
    ),
)  # fmt: skip
