"""Merging a branch with the set that it was made from: what it would do, and doing it as one change."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.change_log import lock_set
from exact_core.annotations.rules import TypeRules
from exact_core.annotations.scope import Can
from exact_core.annotations.service import AnnotationHooks
from exact_core.annotations.set_events import listening_to
from exact_core.annotations.set_writing import SetWriter
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, Invalid, NotFound
from exact_core.auth.rights import Right
from exact_core.storage.models import Branch, BranchMerge, ImageSet, now
from exact_core.storage.unit_of_work import UnitOfWork
from exact_core.versioning.branches.bases import Direction
from exact_core.versioning.branches.cases import Case, Decision, Sides, cases, decide, left_out, touched
from exact_core.versioning.branches.three_way import Take
from exact_core.versioning.branches.writing import MergeWriter

MAX_TOUCHED = 200_000
"""Most annotations that a merge looks at; it is one transaction, and its answer is waited for."""

WAYS = ("added", "changed", "deleted")
COUNTED = (*WAYS, "same", "conflicts", "left_out")
_WRITTEN_AT_ONCE = 5_000


class Moved(Conflict):
    """One of the two sets is not any more as it was when the merge was previewed."""

    code = "merge-moved"


class Unresolved(Conflict):
    """There are conflicts that nobody has decided."""

    code = "merge-conflicts"

    def __init__(self, message: str, count: int) -> None:
        super().__init__(message)
        self.details = {"conflicts": count}


@dataclass(frozen=True, slots=True)
class Revisions:
    """Where both sets are."""

    source: int
    branch: int


@dataclass(slots=True)
class Preview:
    """What a merge would do now: collected while it is worked out, then only read.

    Attributes:
        sides: The two sets.
        revisions: Where they are; a merge names them.
        counts: How many annotations, by what becomes of them.
        conflicts: Those that must be decided, in the order of their numbers where changes come from.
        more: Whether there are more conflicts after these.
    """

    sides: Sides
    revisions: Revisions
    counts: Counter[str] = field(default_factory=Counter)
    conflicts: list[Decision] = field(default_factory=list)
    more: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A merge that is asked for.

    Attributes:
        direction: Which way.
        revisions: Where both sets were when it was previewed; None to merge whatever there is.
        resolutions: The winner of each conflict, by the annotation's number where changes come from.
        default: The winner of all others, where it can be; None when each must be named.
        reason: Shown in the history.
    """

    direction: Direction
    reason: str
    revisions: Revisions | None = None
    resolutions: Mapping[int, Take] = field(default_factory=dict)
    default: Take | None = None


def branch_in(session: Session, actor: Actor, image_set_id: int, can: Can) -> Branch:
    """The branch that a set is, for somebody who may see both it and where it comes from."""
    if not can(actor, Right.VIEW, image_set_id):
        raise NotFound(f"There is no image set {image_set_id} that you may see.")
    branch = session.get(Branch, image_set_id)
    if branch is None:
        raise NotFound(f"The image set {image_set_id} is not a branch.")
    if not can(actor, Right.VIEW, branch.source_set_id):
        raise NotFound("The image set that this branch was made from is not there any more, or not for you to see.")
    return branch


def preview(
    session: Session,
    actor: Actor,
    image_set_id: int,
    direction: Direction,
    can: Can,
    *,
    limit: int = 50,
    after: int = 0,
) -> Preview:
    """What a merge would do; for those who see everything in both sets.

    Args:
        session: Where to read.
        actor: Who asks.
        image_set_id: The branch.
        direction: Which way.
        can: Rights.
        limit: At most so many conflicts.
        after: Only conflicts above this number; then nothing is counted.
    """
    branch = branch_in(session, actor, image_set_id, can)
    for each in (branch.image_set_id, branch.source_set_id):
        _require(actor, can, each, Right.SEE_ALL)
    parts = _parts(session, branch, direction)
    found = Preview(parts[0], _revisions(session, branch))
    types = TypeRules(session, parts[0].our_set)
    for case in _all_cases(session, parts, after):
        decision = decide(case, types)
        if decision.conflicts:
            found.more = len(found.conflicts) >= limit
            if not found.more:
                found.conflicts.append(decision)
            elif after:
                break
        _count(found.counts, decision)
    found.counts["left_out"] = sum(sum(left_out(session, part).values()) for part in parts)
    return found


def merge(uow: UnitOfWork, hooks: AnnotationHooks, image_set_id: int, wanted: Wanted) -> BranchMerge:
    """Merge as one change of the set that changes go to, and note what both sets have in common from now on.

    Where there is nothing to merge, nothing is noted.

    Raises:
        Moved: Something was changed since the preview.
        Unresolved: There are conflicts without a winner.
    """
    session, actor = uow.session, uow.actor
    reason = wanted.reason.strip()
    if not reason:
        raise Invalid("reason: say why it is merged; it is shown in the history.")
    branch = branch_in(session, actor, image_set_id, rights_in(session))
    for each in sorted((branch.image_set_id, branch.source_set_id)):  # always in this order: no two merges can block
        lock_set(session, each)
    session.refresh(branch)
    can = rights_in(session)
    for each in (branch.image_set_id, branch.source_set_id):
        for right in (Right.SEE_ALL, Right.EDIT_ANY):
            _require(actor, can, each, right)
    parts = _parts(session, branch, wanted.direction)
    sides = parts[0]
    revisions = _revisions(session, branch)
    if wanted.revisions not in (None, revisions):
        raise Moved("Something was changed in one of the two sets since you looked at this merge; look at it again.")
    writer = SetWriter(session, actor, sides.our_set, can, listening_to(uow, hooks))
    merged, counts = _write(session, parts, writer, wanted, reason)
    waiting = {image_id: count for part in parts for image_id, count in left_out(session, part).items()}
    counts["left_out"] = sum(waiting.values())
    if merged.revision is not None:
        is_source = sides.our_set == branch.source_set_id
        revisions = Revisions(
            merged.revision if is_source else revisions.source, revisions.branch if is_source else merged.revision
        )
    line = BranchMerge(
        branch_id=branch.image_set_id,
        direction=wanted.direction,
        source_revision=revisions.source,
        branch_revision=revisions.branch,
        is_written=merged.revision is not None,
        counts=counted(counts),
        left_out=sorted(waiting),
        reason=reason,
        actor_id=actor.user_id or None,
        actor_name=actor.display_name or actor.name,
        at=now(),
    )
    if any(counts[name] for name in (*WAYS, "same", "conflicts")):
        session.add(line)
        session.flush()
    return line


def counted(counts: Counter[str]) -> dict[str, int]:
    """Counts with a number for each kind."""
    return {name: counts[name] for name in COUNTED}


def _write(
    session: Session, parts: Sequence[Sides], writer: SetWriter, wanted: Wanted, reason: str
) -> tuple[MergeWriter, Counter[str]]:
    merged, counts = MergeWriter(writer, reason), Counter[str]()
    waiting: list[Decision] = []
    unresolved = refused = 0
    for case in _all_cases(session, parts):
        named = wanted.resolutions.get(case.theirs.id)
        take = named or wanted.default
        decision = decide(case, writer.types, take or Take.OURS)
        if decision.conflicts and take is Take.THEIRS and not decision.may_take_theirs:
            refused += named is not None
            decision = decide(case, writer.types)
        unresolved += bool(decision.conflicts) and take is None
        _count(counts, decision, is_resolved=True)
        if decision.changes:
            waiting.append(decision)
        if len(waiting) >= _WRITTEN_AT_ONCE:
            merged.write(waiting)
            waiting.clear()
    if unresolved:
        raise Unresolved(f"Decide {unresolved:,} conflicts first, or name a side that wins them.", unresolved)
    if refused:
        raise Unresolved(
            f"Of {refused:,} annotations their side cannot be taken: the set has not the type that they have there.",
            refused,
        )
    merged.write(waiting)
    merged.finish()
    return merged, counts


def _all_cases(session: Session, parts: Sequence[Sides], after: int = 0) -> Iterator[Case]:
    """All annotations to decide about above a number, in the order of their numbers."""
    ids = [touched(session, part) for part in parts]
    count = sum(len(each) for each in ids)
    if count > MAX_TOUCHED:
        raise Conflict(f"{count:,} annotations were touched; one merge looks at {MAX_TOUCHED:,} at most.")
    pieces = [
        cases(session, part, [id_ for id_ in own if id_ > after]) for part, own in zip(parts, ids, strict=True) if own
    ]
    return heapq.merge(*pieces, key=lambda case: case.theirs.id)


def _count(counts: Counter[str], decision: Decision, *, is_resolved: bool = False) -> None:
    if decision.conflicts:
        counts["conflicts"] += 1
    if decision.changes and (is_resolved or not decision.conflicts):
        counts[decision.way] += 1
    elif not decision.conflicts and decision.is_news:
        counts["same"] += 1


def _parts(session: Session, branch: Branch, direction: Direction) -> list[Sides]:
    if branch.state != "ready":
        raise Conflict("This branch is still being made.")
    return Sides.of(session, branch, direction)


def _revisions(session: Session, branch: Branch) -> Revisions:
    both = (branch.source_set_id, branch.image_set_id)
    found = dict(session.execute(select(ImageSet.id, ImageSet.revision).where(ImageSet.id.in_(both))).all())
    return Revisions(*(found[each] for each in both))


def _require(actor: Actor, can: Can, image_set_id: int, right: Right) -> None:
    if not can(actor, right, image_set_id):
        needed = "see everybody's annotations" if right is Right.SEE_ALL else "change everybody's annotations"
        raise Forbidden(f"To merge, you must be allowed to {needed} in both image sets; one may be locked or blind.")
