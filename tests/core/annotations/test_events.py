"""What plugins are told: every change once, guards before the commit and with the right to refuse it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sqlalchemy.orm import Session

from exact_core.annotations import bulk
from exact_core.annotations.service import Annotations
from exact_core.annotations.writing import Create, Delete, Update
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.errors import Refused
from exact_core.api.events import AnnotationAction, AnnotationChange, ImageChange
from exact_core.storage.idempotency import Repeat
from tests.core.annotations.conftest import Lab


class Listener:
    """Hooks that remember what they heard, and refuse what mentions a word."""

    def __init__(self) -> None:
        self.asked: list[AnnotationChange] = []
        self.told: list[AnnotationChange] = []

    def hears_annotations(self, image_set_id: int) -> bool:
        return True

    def annotations_changing(self, session: Session, changes: Sequence[AnnotationChange], actor: Actor) -> None:
        self.asked += changes
        if any(change.after and change.after.text == "forbidden" for change in changes):
            raise Refused("This word is forbidden.", "words")

    def annotations_changed(self, changes: Sequence[AnnotationChange]) -> None:
        self.told += changes

    def images_changing(self, session: Session, changes: Sequence[ImageChange], actor: Actor) -> None:
        raise AssertionError

    def images_changed(self, changes: Sequence[ImageChange]) -> None:
        raise AssertionError


def test_each_change_is_told_once_with_its_states_before_and_after(lab: Lab) -> None:
    listener = Listener()
    actor = lab.people["ann"]
    annotations = Annotations(lab.database, listener, actor)
    new = Create("a", lab.types["Cell"], {"shape": "box", "points": [[1, 2], [30, 40]]})
    annotations.apply(lab.image_id, [new], "", Repeat(actor, None))
    annotations.apply(lab.image_id, [new], "", Repeat(actor, None))  # the same again: nothing happens
    changed = annotations.change_one(listener.told[0].annotation_id, Update("a", text="x"))
    annotations.apply(lab.image_id, [Delete("a")], "", Repeat(actor, None))
    annotations.undo(lab.image_id)
    actions = [change.action for change in listener.told]
    assert actions == [
        AnnotationAction.CREATED,
        AnnotationAction.UPDATED,
        AnnotationAction.DELETED,
        AnnotationAction.RESTORED,
    ]
    assert listener.asked == listener.told
    update = listener.told[1]
    assert update.before is not None
    assert update.after is not None
    assert (update.before.text, update.after.text) == ("", "x")
    assert (update.after.shape, update.after.box) == (Shape.BOX, (1, 2, 30, 40))
    assert (update.annotation_id, update.uuid, update.revision) == (changed.id, "a", 2)
    assert (update.author_id, update.actor_id) == (actor.user_id, actor.user_id)
    assert listener.told[2].after is None
    assert listener.told[3].before is None


def test_a_refusal_leaves_nothing_behind_not_even_an_identity_or_a_remembered_answer(lab: Lab) -> None:
    listener = Listener()
    actor = lab.people["ann"]
    annotations = Annotations(lab.database, listener, actor)
    bad = Create("a", lab.types["Cell"], {"shape": "box", "points": [[1, 2], [30, 40]]}, text="forbidden")
    with pytest.raises(Refused, match="forbidden"):
        annotations.apply(lab.image_id, [bad], "", Repeat(actor, "key", "bad"))
    assert listener.told == []
    good = Create("a", lab.types["Cell"], {"shape": "box", "points": [[1, 2], [30, 40]]})
    annotations.apply(lab.image_id, [good], "", Repeat(actor, "key", "good"))
    assert [change.revision for change in listener.told] == [1]


def test_shapes_added_at_once_are_told_too(lab: Lab) -> None:
    listener = Listener()
    columns = bulk.columns_of_rings(Shape.BOX, [[[0, 0], [9, 9]], [[50, 50], [99, 99]]])
    shapes = bulk.NewShapes(columns, np.full(2, lab.types["Cell"]), texts=["a", "b"])
    added = Annotations(lab.database, listener, lab.people["ann"]).bulk_create(lab.image_id, shapes)
    assert [change.annotation_id for change in listener.told] == added.ids.tolist()
    stored = lab.get("ann", "annotations").json()["items"]
    assert [change.uuid for change in listener.told] == [each["uuid"] for each in stored]
    assert [change.after.text for change in listener.told if change.after] == ["a", "b"]
