"""The JSON of history, trash and reverting at the edge."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from exact_core.annotations import reverting, trash
from exact_core.annotations.reversals import MAX_REASON
from exact_core.annotations.schemas import AnnotationOut, FrameOut, GeometryJson
from exact_core.annotations.writing import MAX_RUN

_MAX_REVISION = 2**31 - 2
_MAX_ID = 2**53
_Revision = Annotated[int, Field(ge=1, le=_MAX_REVISION)]
_Reason = Annotated[str, Field(max_length=MAX_REASON)]


class PersonOut(BaseModel):
    """Somebody in the history; without an id where the name may not be told."""

    id: int | None
    name: str


class NamedOut(BaseModel):
    """An image or a person by name."""

    id: int
    name: str


class TypeOut(BaseModel):
    """An annotation type as it is drawn."""

    id: int
    name: str
    color: str


class StateOut(BaseModel):
    """One state of one annotation."""

    type: TypeOut
    geometry: GeometryJson
    frame: FrameOut
    text: str
    attributes: dict[str, Any]


class ShapeEventOut(BaseModel):
    """Something that happened to an annotation; ``state`` is null when it was deleted."""

    revision: int
    at: datetime
    kind: str
    reason: str
    run: str
    by: PersonOut | None
    what: list[str]
    state: StateOut | None
    is_current: bool


class ShapeHistoryOut(BaseModel):
    """What happened to an annotation, newest first."""

    annotation: AnnotationOut
    withheld: bool = Field(description="Its history is hidden while the reading is blind.")
    items: list[ShapeEventOut]
    next_cursor: str | None


class ChangeSetEntryOut(BaseModel):
    """One entry of the change log."""

    revision: int
    image: NamedOut | None
    at: datetime
    kind: str
    reason: str
    run: str
    actor: PersonOut | None
    what: list[str]
    n_changes: int
    box: list[int] | None = Field(description="Where it happened, level-0 pixels; null for very many changes.")
    annotation_ids: list[int] = Field(description="Which annotations, where they are few.")
    reverts: int | None
    is_taken_back: bool
    session: int | None = Field(description="First revision of the session that it belongs to.")


class WorkSessionOut(BaseModel):
    """What a person did by hand without a pause of 30 minutes."""

    first_revision: int
    last_revision: int
    actor: PersonOut | None
    began_at: datetime
    ended_at: datetime
    n_change_sets: int


class HistoryOut(BaseModel):
    """A page of the change log, newest first; ``people`` and ``runs`` are on the first page only."""

    revision: int
    items: list[ChangeSetEntryOut]
    sessions: list[WorkSessionOut]
    next_cursor: str | None
    people: list[NamedOut] | None = None
    runs: list[str] | None = None


class TrashedOut(BaseModel):
    """A deleted annotation that can be restored."""

    id: int
    uuid: str
    image: NamedOut
    type: TypeOut
    shape: str
    box: list[int]
    frame: FrameOut
    geometry: GeometryJson
    text: str
    author: PersonOut | None
    claimed_author: str
    deleted_at: datetime
    deleted_by: PersonOut | None
    kind: str = Field(description="What sort of change deleted it.")
    revision: int
    kept_until: datetime


class TrashOut(BaseModel):
    """A page of the trash, the last deleted first."""

    items: list[TrashedOut]
    days: int
    next_cursor: str | None


class RestoreIn(BaseModel):
    """Annotations to bring back."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[int, Field(ge=1, le=_MAX_ID)]] = Field(min_length=1, max_length=trash.MAX_RESTORED)
    reason: _Reason = ""


class RevertShapeIn(BaseModel):
    """The revision whose state an annotation shall have again."""

    model_config = ConfigDict(extra="forbid")

    revision: _Revision
    base_revision: Annotated[int, Field(ge=0, le=_MAX_REVISION)] | None = Field(
        None, description="What the client has seen; refused when it is outdated."
    )
    reason: _Reason = ""


class RevertIn(BaseModel):
    """What to set back.

    ``session`` and ``change_set`` are named by a revision that belongs to them, ``run`` by its name; ``to_revision``
    sets everything to that revision and is for those who manage the image set.
    """

    model_config = ConfigDict(extra="forbid")

    what: Literal["session", "run", "change_set", "to_revision"]
    revision: Annotated[int, Field(ge=0, le=_MAX_REVISION)] | None = None
    run: str | None = Field(None, max_length=MAX_RUN)
    reason: _Reason = ""

    def target(self) -> reverting.Target:
        """As the domain uses it."""
        return reverting.target_of(self.what, self.revision, self.run)


class SkippedReasonOut(BaseModel):
    """How many annotations were left as they are, and why."""

    reason: str
    count: int


class SkippedAnnotationOut(BaseModel):
    """An annotation that was left as it is."""

    id: int
    image_id: int | None
    reason: str


class ImageReportOut(BaseModel):
    """Numbers of one image; ``revision`` is null for a preview, and where nothing was changed."""

    image: NamedOut
    revision: int | None
    restored: int
    deleted: int
    changed: int
    skipped: int


class ReportOut(BaseModel):
    """What was set back, or would be; ``skipped_annotations`` names the first ones."""

    preview: bool
    title: str
    run: str = Field(description="Reverting this run takes all of it back; empty when it is one change set.")
    restored: int
    deleted: int
    changed: int
    skipped: int
    images: list[ImageReportOut]
    reasons: list[SkippedReasonOut]
    skipped_annotations: list[SkippedAnnotationOut]


class ShapeRevertOut(BaseModel):
    """An annotation after it was set back, or as it would be."""

    preview: bool
    what: list[str]
    annotation: AnnotationOut
