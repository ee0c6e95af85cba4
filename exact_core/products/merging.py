"""Merging annotation types: all live annotations of one become the other, one change per image set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import ROWS
from exact_core.annotations.set_events import Listening
from exact_core.annotations.set_writing import RowKeys, SetChange, SetWriter
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.errors import Conflict, Invalid
from exact_core.auth.rights import Right, Rights
from exact_core.products import attributes, type_history
from exact_core.products.attribute_changes import live_values, sets_with
from exact_core.products.tree import MAX_DEPTH, TypeTree
from exact_core.storage.models import LIVE, AnnotationType, Image, ImageSet


@dataclass(frozen=True, slots=True)
class MergePlan:
    """Which type goes into which, and what becomes of its attributes.

    Attributes:
        source: The type that goes.
        target: The type that stays.
        mapping: Names of attributes of the source, and what the target calls them.
        keeps_attributes: Whether the target gets the attributes that it lacks.
        reason: Shown in the history.
    """

    source: AnnotationType
    target: AnnotationType
    mapping: Mapping[str, str] = field(default_factory=dict)
    keeps_attributes: bool = False
    reason: str = ""

    @property
    def definitions(self) -> list[Mapping[str, Any]]:
        """The target's attributes after the merge."""
        own: list[Mapping[str, Any]] = list(self.target.attributes)
        names = {each["name"] for each in own}
        taken = [each for each in self.source.attributes if self.mapping.get(each["name"], each["name"]) not in names]
        return [*own, *({**each, "required": False} for each in taken)] if self.keeps_attributes else own

    def carried(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """An annotation's values as the target has them, and the names of those that it cannot have."""
        renamed: dict[str, Any] = {}
        origin: dict[str, str] = {}
        for name, value in values.items():
            origin[self.mapping.get(name, name)] = name
            renamed[self.mapping.get(name, name)] = value
        fits = attributes.kept(self.definitions, renamed, self.target.name)
        return fits, [origin[name] for name, value in renamed.items() if fits.get(name) != value]


def check(plan: MergePlan) -> None:
    """Refuse what can never be merged, and mappings that name nothing."""
    source, target = plan.source, plan.target
    if source.id == target.id:
        raise Invalid("A type cannot be merged into itself.")
    if source.product_id != target.product_id:
        raise Invalid(f"{source.name} and {target.name} belong to different products; only types of one are merged.")
    if target.merged_into_id is not None or not target.is_active:
        raise Conflict(f"{target.name} is retired; reactivate it, or choose another type.")
    known = {each["name"] for each in source.attributes}
    unknown = sorted(set(plan.mapping) - known)
    if unknown:
        raise Invalid(f"{source.name} has no attribute {unknown[0]!r}; it has: {', '.join(sorted(known)) or 'none'}.")
    given = [plan.mapping.get(name, name) for name in known]
    if len(set(given)) != len(given):
        raise Invalid("Two attributes would become the same one.")


def preview(session: Session, actor: Actor, plan: MergePlan) -> dict[str, Any]:
    """What the merge would do, and why it cannot be done if so."""
    check(plan)
    reachable, hidden = _sets(session, actor, plan.source.id)
    dropped: Counter[str] = Counter()
    kept = 0
    counts: Counter[int] = Counter()
    for image_set_id, _, values in live_values(session, plan.source.id, reachable):
        counts[image_set_id] += 1
        fits, lost = plan.carried(values)
        kept += len(fits)
        dropped.update(lost)
    problems = [*_problems(session, plan, reachable)]
    if hidden:
        problems.append(
            f"Annotations of {plan.source.name} lie in image sets that you do not manage: ask an administrator."
        )
    names = dict(session.execute(select(ImageSet.id, ImageSet.name).where(ImageSet.id.in_(reachable))).all())
    return {
        "annotations": counts.total(),
        "values_kept": kept,
        "values_dropped": dropped.total(),
        "dropped": dict(dropped),
        "children": len(_children(session, plan.source.id)),
        "image_sets": [
            {"image_set_id": each, "name": names[each], "annotations": counts[each], "revision": None}
            for each in reachable
        ],
        "problems": problems,
    }


def merge(session: Session, actor: Actor, plan: MergePlan, listening: Listening) -> dict[str, Any]:
    """Relabel all live annotations, retire the source, and say in both histories what happened."""
    answer = preview(session, actor, plan)
    if answer["problems"]:
        raise Conflict(" ".join(answer["problems"]))
    source, target = plan.source, plan.target
    before = {kind.id: type_history.values_of(kind) for kind in (source, target)}
    children = _children(session, source.id)
    was = {child.id: type_history.values_of(child) for child in children}
    definitions = [dict(each) for each in plan.definitions]
    if definitions != list(target.attributes):
        target.attributes = definitions
        session.flush()
    for item in answer["image_sets"]:
        item["revision"] = _relabel(session, actor, item["image_set_id"], plan, listening)
    if source.id in TypeTree.of_product(session, source.product_id).ancestors(target.id):
        target.parent_id = source.parent_id  # a type that goes into one below it leaves its own place to it
    for child in children:
        if child.id != target.id:
            child.parent_id = target.id
    source.is_active, source.merged_into_id, source.key = False, target.id, None
    session.execute(
        update(AnnotationType).where(AnnotationType.merged_into_id == source.id).values(merged_into_id=target.id)
    )
    session.flush()
    reason = plan.reason or f"{source.name} was merged into {target.name}"
    for kind in (source, target):
        type_history.record(session, kind, before[kind.id], actor.user_id, reason, "merged")
    for child in children:
        if child.id != target.id:
            type_history.record(session, child, was[child.id], actor.user_id, reason, "changed")
    return answer


def _relabel(session: Session, actor: Actor, image_set_id: int, plan: MergePlan, listening: Listening) -> int:
    writer = SetWriter(session, actor, image_set_id, rights_in(session), listening)
    keys: list[tuple[int, int, int, int]] = []
    changed: dict[int, dict[str, Any]] = {}
    for _, key, values in live_values(session, plan.source.id, [image_set_id]):
        keys.append(key)
        fits, _ = plan.carried(values)
        if fits != values:
            changed[key[2]] = fits
    types = np.full(len(keys), plan.target.id, np.int64)
    reason = plan.reason or f"{plan.source.name} was merged into {plan.target.name}"
    return writer.apply(SetChange(RowKeys.of(keys), types, changed), "merge", reason)


def _sets(session: Session, actor: Actor, type_id: int) -> tuple[list[int], bool]:
    """Image sets with annotations of a type that the actor manages, and whether there are others."""
    rights = Rights(session)
    every = sets_with(session, type_id)
    reachable = [each for each in every if rights.decide(actor, Right.MANAGE, each).allowed]
    return reachable, len(reachable) < len(every)


def _problems(session: Session, plan: MergePlan, sets: Sequence[int]) -> list[str]:
    locked = session.scalars(select(ImageSet.name).where(ImageSet.id.in_(sets), ImageSet.is_locked)).all()
    problems = [f"The image set {name} is locked; unlock it first." for name in locked]
    row = ROWS.c
    shapes = session.execute(
        select(row.shape, func.count())
        .join(Image, Image.id == row.image_id)
        .where(row.type_id == plan.source.id, row.valid_to == LIVE, Image.image_set_id.in_(sets))
        .group_by(row.shape)
    )
    for number, count in shapes:
        shape = Shape.from_number(number).value
        if shape not in plan.target.shapes:
            spoken = shape.replace("_", " ")
            problems.append(
                f"{count:,} are drawn as {spoken}, which {plan.target.name} does not allow; allow it first."
            )
    tree = TypeTree.of_product(session, plan.source.product_id)
    children = [child for child in _children(session, plan.source.id) if child.id != plan.target.id]
    above = len(tree.ancestors(plan.target.id)) + 1
    if children and above + max(tree.height(child.id) for child in children) > MAX_DEPTH:
        problems.append(f"The label tree would have more than {MAX_DEPTH} levels.")
    return problems


def _children(session: Session, type_id: int) -> list[AnnotationType]:
    return list(session.scalars(select(AnnotationType).where(AnnotationType.parent_id == type_id)))
