"""The JSON of branches and merges at the edge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from exact_core.auth.schemas import Description, Input
from exact_core.imagesets.schemas import Mode, SetName
from exact_core.search.tokens import MAX_LENGTH
from exact_core.versioning.branches.bases import Direction
from exact_core.versioning.branches.merging import MAX_TOUCHED
from exact_core.versioning.branches.three_way import Take
from exact_core.versioning.schemas import CreatorOut

Revision = Annotated[int, Field(ge=0, le=2**31 - 2)]


class BranchIn(Input):
    """A new branch of a version."""

    name: SetName
    description: Description = ""
    mode: Mode | None = Field(None, description="Cooperative, or that of the version's set while it is blind.")


class HitsBranchIn(BranchIn):
    """A new image set of the images where a search finds something."""

    q: str = Field("", max_length=MAX_LENGTH, description="The query; docs/search.md describes the language.")


class NamedOut(BaseModel):
    """Something with a number and a name."""

    id: int
    name: str


class MergeCountsOut(BaseModel):
    """How many annotations, by what becomes of them."""

    added: int
    changed: int
    deleted: int
    same: int = Field(description="Changed in the same way on both sides, or taken over already.")
    conflicts: int = Field(description="Changed on both sides in different ways.")
    left_out: int = Field(description="On images of which one is in the bin.")


class MergeOut(BaseModel):
    """A merge that was made."""

    id: int | None = Field(description="Missing when there was nothing to merge.")
    direction: Direction
    source_revision: int = Field(description="Of the set that the branch was made from, after the merge.")
    branch_revision: int = Field(description="Of the branch, after the merge.")
    is_written: bool = Field(description="Whether anything changed in the set that was merged into.")
    counts: MergeCountsOut
    reason: str
    actor: CreatorOut
    at: datetime
    taken_back_by: int | None = Field(description="The revision that took it back as a whole.")


class BranchOut(BaseModel):
    """A branch of a version: an image set of its own."""

    image_set_id: int
    name: str
    mode: Mode
    state: Literal["making", "ready"]
    progress: float = Field(description="How far its making is, from 0 to 1.")
    job_id: int | None
    source: NamedOut | None = Field(description="The set it was made from, for those who may see that.")
    version: NamedOut | None = Field(description="The version it was made from, for those who may see that.")
    creator: CreatorOut
    created_at: datetime
    image_count: int
    may_merge: bool = Field(description="Whether you may merge it, either way.")
    merges: list[MergeOut] = Field(description="The newest first; for those who see everything in both sets.")


class BranchesOut(BaseModel):
    """The branches of an image set that one may see, and the branch that it is itself."""

    branch: BranchOut | None
    items: list[BranchOut]


class SideOut(BaseModel):
    """A state of an annotation on one side."""

    type_id: int
    type: str
    geometry: dict[str, Any]
    frame: dict[str, int]
    text: str
    attributes: dict[str, Any]


class ChangedOut(BaseModel):
    """Who changed an annotation last on one side; for one that is not there, who deleted it."""

    by: str | None
    at: datetime | None


class ConflictOut(BaseModel):
    """An annotation that both sides changed, and all that is needed to decide."""

    annotation_id: int = Field(description="Its number in the set that changes come from; names it in a resolution.")
    ours_id: int | None = Field(description="Its number in the set that they go to.")
    uuid: str
    image: NamedOut = Field(description="The image in the set that changes go to.")
    their_image_id: int
    fields: list[str] = Field(description="'object' when one side deleted what the other changed, or they do not fit.")
    why: str = Field(description="More of the reason, where there is more to say.")
    may_take_theirs: bool
    box: tuple[int, int, int, int] = Field(description="Around all its states, in level-0 pixels, ends inclusive.")
    base: SideOut | None
    ours: SideOut | None
    theirs: SideOut | None
    ours_changed: ChangedOut
    theirs_changed: ChangedOut


class MergePreviewOut(BaseModel):
    """What a merge would do now."""

    direction: Direction
    ours: NamedOut = Field(description="The set that changes go to.")
    theirs: NamedOut = Field(description="The set that they come from.")
    source_revision: int
    branch_revision: int
    counts: MergeCountsOut | None = Field(description="With the first page only.")
    conflicts: list[ConflictOut]
    next_cursor: str | None


class ResolutionIn(Input):
    """The side that wins a conflict."""

    annotation_id: int = Field(ge=1, le=2**53, description="As the preview gave it.")
    take: Take


class MergeIn(Input):
    """A merge."""

    direction: Direction = Direction.INTO_SOURCE
    reason: str = Field(min_length=1, max_length=500, description="Shown in the history.")
    source_revision: Revision = Field(description="As the preview gave it.")
    branch_revision: Revision = Field(description="As the preview gave it.")
    resolutions: list[ResolutionIn] = Field([], max_length=MAX_TOUCHED)
    default: Take | None = Field(
        None, description="Wins all conflicts that are not named; where theirs cannot be taken, ours stays."
    )
