"""Branches, merges and conflicts as the API answers them, with what an actor may not know left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exact_core.annotations.packing import unpack
from exact_core.annotations.people import last_editors
from exact_core.annotations.scope import Can
from exact_core.annotations.states import Known, State
from exact_core.api.context import Actor
from exact_core.auth.rights import Right
from exact_core.storage.models import AnnotationType, Branch, BranchMerge, Image, ImageSet, Job, Version
from exact_core.versioning.branches.bases import Direction, merges_of
from exact_core.versioning.branches.cases import Decision
from exact_core.versioning.branches.making import progress_of
from exact_core.versioning.branches.merging import Preview, counted
from exact_core.versioning.branches.schemas import (
    BranchesOut,
    BranchOut,
    ChangedOut,
    ConflictOut,
    MergeCountsOut,
    MergeOut,
    MergePreviewOut,
    NamedOut,
    SideOut,
)
from exact_core.versioning.schemas import CreatorOut

if TYPE_CHECKING:
    from exact_core.services import Services


def branches_json(services: Services, session: Session, actor: Actor, image_set_id: int, can: Can) -> BranchesOut:
    """The branches of a set, newest first, and the branch that it is."""
    own = session.get(Branch, image_set_id)
    made = session.scalars(
        select(Branch).where(Branch.source_set_id == image_set_id).order_by(Branch.image_set_id.desc())
    )
    seen = [each for each in made if can(actor, Right.VIEW, each.image_set_id)]
    return BranchesOut(
        branch=None if own is None else branch_json(services, session, actor, own, can),
        items=[branch_json(services, session, actor, each, can) for each in seen],
    )


def branch_json(services: Services, session: Session, actor: Actor, branch: Branch, can: Can) -> BranchOut:
    """One branch that the actor may view."""
    image_set = session.get_one(ImageSet, branch.image_set_id)
    sees_source = can(actor, Right.VIEW, branch.source_set_id)
    source = session.get(ImageSet, branch.source_set_id) if sees_source else None
    version = session.get(Version, branch.version_id) if sees_source else None
    both = (branch.image_set_id, branch.source_set_id)
    sees_all = sees_source and all(can(actor, Right.SEE_ALL, each) for each in both)
    job = session.get(Job, branch.job_id) if branch.job_id is not None else None
    there = (Image.image_set_id == branch.image_set_id, Image.deleted_at.is_(None))
    merges = reversed(merges_of(session, branch.image_set_id)) if sees_all else ()
    return BranchOut(
        image_set_id=branch.image_set_id,
        name=image_set.name,
        mode=image_set.mode,
        state=branch.state,
        progress=progress_of(services, branch, job),
        job_id=branch.job_id,
        source=NamedOut(id=source.id, name=source.name) if source else None,
        version=NamedOut(id=version.id, name=version.name) if version else None,
        creator=CreatorOut(id=branch.created_by_id, name=branch.created_by_name),
        created_at=branch.created_at,
        image_count=session.scalar(select(func.count()).where(*there)) or 0,
        may_merge=sees_all and branch.state == "ready" and all(can(actor, Right.EDIT_ANY, each) for each in both),
        merges=[merge_json(merge, reverted_by) for merge, reverted_by in merges],
    )


def merge_json(merge: BranchMerge, taken_back_by: int | None = None) -> MergeOut:
    """A merge that was made."""
    return MergeOut(
        id=merge.id,
        direction=Direction(merge.direction),
        source_revision=merge.source_revision,
        branch_revision=merge.branch_revision,
        is_written=merge.is_written,
        counts=MergeCountsOut(**counted(Counter(merge.counts))),
        reason=merge.reason,
        actor=CreatorOut(id=merge.actor_id, name=merge.actor_name),
        at=merge.at,
        taken_back_by=taken_back_by,
    )


def preview_json(session: Session, found: Preview, *, with_counts: bool) -> MergePreviewOut:
    """What a merge would do, with a page of its conflicts."""
    sides, conflicts = found.sides, found.conflicts
    both = select(ImageSet.id, ImageSet.name).where(ImageSet.id.in_((sides.our_set, sides.their_set)))
    names = dict(session.execute(both).all())
    return MergePreviewOut(
        direction=sides.direction,
        ours=NamedOut(id=sides.our_set, name=names[sides.our_set]),
        theirs=NamedOut(id=sides.their_set, name=names[sides.their_set]),
        source_revision=found.revisions.source,
        branch_revision=found.revisions.branch,
        counts=MergeCountsOut(**counted(found.counts)) if with_counts else None,
        conflicts=_conflicts(session, found),
        next_cursor=str(conflicts[-1].case.theirs.id) if found.more else None,
    )


def _conflicts(session: Session, found: Preview) -> list[ConflictOut]:
    sides, decisions = found.sides, found.conflicts
    wanted = {each.case.image_id for each in decisions}
    images = dict(session.execute(select(Image.id, Image.name).where(Image.id.in_(wanted))).all())
    types = _type_names(session, decisions)
    ours = last_editors(session, sides.our_set, [each.case.ours.id for each in decisions if each.case.ours], None)
    theirs = last_editors(session, sides.their_set, [each.case.theirs.id for each in decisions], None)
    return [
        ConflictOut(
            annotation_id=each.case.theirs.id,
            ours_id=each.case.ours.id if each.case.ours else None,
            uuid=each.case.theirs.uuid,
            image=NamedOut(id=each.case.image_id, name=images[each.case.image_id]),
            their_image_id=each.case.theirs.image_id,
            fields=list(each.conflicts),
            why=each.why,
            may_take_theirs=each.may_take_theirs,
            box=_box(each),
            base=_side(each.case.base, types),
            ours=_side(each.case.our_state, types),
            theirs=_side(each.case.theirs.state, types),
            ours_changed=_changed(each.case.ours, ours),
            theirs_changed=_changed(each.case.theirs, theirs),
        )
        for each in decisions
    ]


def _type_names(session: Session, decisions: Sequence[Decision]) -> dict[int, str]:
    ids = {state.type_id for each in decisions for state in _states(each)}
    named = select(AnnotationType.id, AnnotationType.name).where(AnnotationType.id.in_(ids))
    return dict(session.execute(named).all())


def _states(decision: Decision) -> list[State]:
    case = decision.case
    return [state for state in (case.base, case.our_state, case.theirs.state) if state is not None]


def _box(decision: Decision) -> tuple[int, int, int, int]:
    boxes = [state.box for state in _states(decision)]
    return (
        min(box.x0 for box in boxes), min(box.y0 for box in boxes),
        max(box.x1 for box in boxes), max(box.y1 for box in boxes),
    )  # fmt: skip


def _side(state: State | None, types: dict[int, str]) -> SideOut | None:
    if state is None:
        return None
    frame = state.frame
    return SideOut(
        type_id=state.type_id,
        type=types.get(state.type_id, ""),
        geometry=unpack(state.geometry).to_json(),
        frame={"z": frame.z, "t": frame.t, "c": frame.c},
        text=state.text,
        attributes=state.attributes,
    )


def _changed(known: Known | None, editors: dict[int, dict[str, object] | None]) -> ChangedOut:
    who = editors.get(known.id) if known else None
    return ChangedOut(by=str(who["name"]) if who else None, at=known.edited_at if known else None)
