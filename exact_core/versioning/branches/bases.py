"""What two sides of a merge had in common: which side holds the common state, and at which revision.

The rule is that of Git. A merge makes what was merged an ancestor of both sides, so that the common state of the next
merge is that of the side which was merged from, as it was then. A merge that was taken back as a whole never happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import and_, case, select
from sqlalchemy.orm import Session

from exact_core.storage.models import Branch, BranchMerge, ChangeSet


class Direction(StrEnum):
    """Which way a merge goes."""

    INTO_SOURCE = "into_source"
    FROM_SOURCE = "from_source"

    @property
    def reads_branch(self) -> bool:
        """Whether the changes come from the branch."""
        return self is Direction.INTO_SOURCE


@dataclass(frozen=True, slots=True)
class Base:
    """What both sides know of each other.

    Attributes:
        source_revision: Everything in the source up to here is in the branch.
        branch_revision: Everything in the branch up to here is in the source.
        is_in_branch: Whether the common state is that of the branch, else that of the source, at that revision.
    """

    source_revision: int
    branch_revision: int
    is_in_branch: bool = True

    def since(self, direction: Direction) -> int:
        """The revision, of the side that changes come from, after which they are looked at."""
        return self.branch_revision if direction.reads_branch else self.source_revision

    @property
    def revision(self) -> int:
        """The revision of the common state, in the side that holds it."""
        return self.branch_revision if self.is_in_branch else self.source_revision

    def after(self, merge: BranchMerge) -> Base:
        """The base once a merge was made."""
        if merge.direction == Direction.INTO_SOURCE:
            return replace(self, branch_revision=merge.branch_revision, is_in_branch=True)
        return replace(self, source_revision=merge.source_revision, is_in_branch=False)


def merges_of(session: Session, branch_id: int) -> Sequence[tuple[BranchMerge, int | None]]:
    """The merges of a branch, oldest first, each with the revision that took it back."""
    into_source = BranchMerge.direction == Direction.INTO_SOURCE
    written = and_(
        ChangeSet.image_set_id == case((into_source, Branch.source_set_id), else_=Branch.image_set_id),
        ChangeSet.revision == case((into_source, BranchMerge.source_revision), else_=BranchMerge.branch_revision),
        BranchMerge.is_written,
    )
    statement = (
        select(BranchMerge, ChangeSet.reverted_by)
        .join(Branch, Branch.image_set_id == BranchMerge.branch_id)
        .outerjoin(ChangeSet, written)
        .where(BranchMerge.branch_id == branch_id)
        .order_by(BranchMerge.id)
    )
    return [(merge, reverted_by) for merge, reverted_by in session.execute(statement)]


def bases_of(session: Session, branch: Branch) -> tuple[Base, dict[int, Base]]:
    """What a branch and its source have in common now.

    Returns:
        The base of all images but a few, and those of the few: images of the branch that a merge left out.
    """
    base = Base(branch.base_source_revision, branch.base_branch_revision)
    own: dict[int, Base] = {}
    for merge, reverted_by in merges_of(session, branch.image_set_id):
        if reverted_by is None:
            left_out = frozenset(merge.left_out)
            own = dict.fromkeys(left_out, base) | own
            own = {image_id: each if image_id in left_out else each.after(merge) for image_id, each in own.items()}
            base = base.after(merge)
    return base, {image_id: each for image_id, each in own.items() if each != base}
