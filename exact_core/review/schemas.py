"""What the API of modes, verification, assignments and decisions takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from exact_core.annotations.schemas import AnnotationOut
from exact_core.annotations.sharing import Rectangle
from exact_core.auth.schemas import Input, PersonOut
from exact_core.imagesets.schemas import Mode
from exact_core.review import assigning, deciding, verifying
from exact_core.review.image_states import ImageState
from exact_core.review.settings import ItemKind, ModeSettings
from exact_core.review.verdicts import Verification

Id = Annotated[int, Field(ge=1, le=2**53)]
Reason = Annotated[str, Field(max_length=500)]
Pixel = Annotated[int, Field(ge=0, le=2**31 - 1)]
Axis = Annotated[int, Field(ge=-1, le=32767)]
Verdict = Literal["accepted", "rejected", "dubious"]


class ModeIn(Input):
    """How people shall work together: settings, and a mode if it changes."""

    mode: Mode | None = None
    settings: ModeSettings
    reason: Reason = Field("", description="Needed when readers shall see more of each other than before; it is kept.")


class ModeOut(BaseModel):
    """How people work together in an image set."""

    mode: Mode
    is_blind: bool = Field(description="Whether readers are blind to each other now.")
    unblinded_at: datetime | None
    settings: ModeSettings = Field(description="Who reads and who adjudicates is told to managers only.")
    may_adjudicate: bool
    has_assignments: bool = Field(description="For managers: whether anything is assigned to anybody.")


class UnblindIn(Input):
    """Why everybody shall see everybody's work from now on."""

    reason: Reason


class AuditOut(BaseModel):
    """An act that was written down."""

    id: int
    at: datetime
    actor: PersonOut | None
    action: str
    reason: str
    details: dict[str, Any]


class AuditPage(BaseModel):
    """Acts, the newest first."""

    items: list[AuditOut]
    next_cursor: str | None


class RegionIn(Input):
    """A region of an image to be read: level-0 pixels, both ends inclusive."""

    image_id: Id
    x0: Pixel
    y0: Pixel
    x1: Pixel
    y1: Pixel
    z: Axis = -1
    t: Axis = -1
    c: Axis = -1

    def value(self) -> tuple[int, Rectangle]:
        """As the domain uses it."""
        return self.image_id, Rectangle(self.x0, self.y0, self.x1, self.y1, self.z, self.t, self.c)


class AssignIn(Input):
    """Give items to readers."""

    readers: list[Id] = Field(min_length=1, max_length=500)
    how: assigning.How = Field("evenly", description="each reader all; evenly one reader per item; several per item.")
    n: int = Field(1, ge=1, le=20, description="Readers per item, for several.")
    kind: ItemKind = "image"
    image_ids: list[Id] | None = Field(None, max_length=10_000, description="Of these images; all that are ready.")
    regions: list[RegionIn] = Field(default=[], max_length=10_000)
    region_type_id: Id | None = Field(None, description="Instead of regions: the boxes around shapes of this type.")
    type_ids: list[Id] = Field(default=[], max_length=500, description="Only shapes of these types.")
    quota: int | None = Field(None, ge=1, le=10_000_000, description="Most items per reader, done ones too.")
    due_at: datetime | None = None

    def value(self) -> assigning.Wish:
        """As the domain uses it."""
        return assigning.Wish(
            self.readers,
            self.how,
            self.n,
            self.kind,
            self.image_ids,
            [region.value() for region in self.regions],
            self.region_type_id,
            self.type_ids,
            self.quota,
            self.due_at,
        )


class GivenOut(BaseModel):
    """What was given."""

    items: int
    created: int = Field(description="Assignments that are new.")
    short: int = Field(description="Items for which there were not enough readers.")
    per_reader: dict[int, int]


class MoveIn(Input):
    """Give a reader's open items to somebody else, or to nobody."""

    from_reader: Id
    to_reader: Id | None = None
    image_ids: list[Id] | None = Field(None, max_length=10_000)
    begun: bool = Field(False, description="Those that are in work, too.")


class MovedOut(BaseModel):
    """How many assignments were moved or taken back."""

    moved: int


class RegionOut(BaseModel):
    """Where an item lies on its image."""

    x0: int
    y0: int
    x1: int
    y1: int
    z: int
    t: int
    c: int


class AssignmentOut(BaseModel):
    """Something that a reader is to read."""

    id: int
    item_id: int
    image_id: int
    image_name: str
    kind: ItemKind
    region: RegionOut | None
    annotation_id: int | None
    reader: PersonOut
    state: Literal["open", "in_work", "done", "withdrawn"]
    due_at: datetime | None
    started_at: datetime | None
    done_at: datetime | None
    item_state: str | None = Field(description="What its readers have come to; told to who sees all.")


class AssignmentPage(BaseModel):
    """Assignments in the order of their readers."""

    items: list[AssignmentOut]
    next_cursor: str | None


class ProgressOut(BaseModel):
    """One's own items."""

    open: int
    in_work: int
    done: int


class NextOut(BaseModel):
    """What to go on with; without an image there is nothing left."""

    image_id: int | None
    image_name: str = ""
    item_id: int | None = None
    kind: ItemKind = "image"
    region: RegionOut | None = None
    annotation_id: int | None = None
    due_at: datetime | None = None
    is_assigned: bool = Field(False, description="False where one becomes a reader by beginning.")
    progress: ProgressOut


class LoadOut(BaseModel):
    """How much one reader has to do, and has done."""

    reader: PersonOut
    open: int
    in_work: int
    done: int
    overdue: int
    median_seconds: float | None = Field(description="From beginning to end of an item.")
    points: int = Field(description="Accepted verdicts.")
    judged: int = Field(description="All verdicts.")
    last_done_at: datetime | None


class JudgementIn(Input):
    """What one says of a shape."""

    id: Id
    verdict: Verdict | None = Field(description="None takes one's earlier verdict back.")
    type_id: Id | None = Field(
        None, description="Relabel it too. Where that would tell other readers, the type stays with the verdict."
    )
    base_revision: int | None = Field(None, ge=0, le=2**53, description="The state that was seen.")
    reason: Reason = ""

    def value(self) -> verifying.Judgement:
        """As the domain uses it."""
        return verifying.Judgement(self.id, self.verdict, self.type_id, self.base_revision, self.reason)


class JudgementsIn(Input):
    """Verdicts on shapes of one image: one revision, all or none."""

    verdicts: list[JudgementIn] = Field(min_length=1, max_length=verifying.MAX_VERDICTS)


class JudgedOut(BaseModel):
    """The revision that holds the verdicts."""

    revision: int
    ids: list[int]


class VerifyImageIn(Input):
    """Call an image done."""

    accept: bool = Field(True, description="Accept the shapes that one has not judged yet.")
    reason: Reason = ""


class StateIn(Input):
    """Set one's own state of an image."""

    state: ImageState
    reason: Reason = ""


class StateOut(BaseModel):
    """One's state of an image, the revision that holds it, and how many shapes were accepted with it."""

    revision: int
    state: ImageState
    accepted: int


class ReopenIn(Input):
    """Let a reader go on with an image that they had finished."""

    reader_id: Id
    reason: Reason


class OwnItemOut(BaseModel):
    """An image or a region of it that one was given."""

    item_id: int
    kind: ItemKind
    region: RegionOut | None
    state: Literal["open", "in_work", "done", "withdrawn"]
    due_at: datetime | None


class ReaderStateOut(BaseModel):
    """How far somebody is with an image."""

    reader: PersonOut
    state: ImageState
    reason: str
    at: datetime


class VerificationCounts(BaseModel):
    """Shapes by state of verification, as far as one may know."""

    total: int
    unverified: int
    outdated: int
    accepted: int
    rejected: int
    dubious: int


class ImageReviewOut(BaseModel):
    """How far an image is, as far as one may know."""

    state: ImageState | None = Field(description="Null in a version that did not keep it.")
    own_state: ImageState
    is_changed_since: bool = Field(description="Whether shapes were changed after it was called done.")
    items: list[OwnItemOut]
    readers: list[ReaderStateOut] = Field(description="For who sees all.")


class VerdictOut(BaseModel):
    """What somebody says of a shape."""

    reader: dict[str, Any] | None
    is_mine: bool
    verdict: Verdict
    is_outdated: bool = Field(description="It is about an earlier state of the shape.")
    type_id: int | None
    reason: str
    at: datetime


class VerificationOut(BaseModel):
    """What is said of a shape: its state by the newest verdict, and every verdict that one may see."""

    state: Verification
    verdicts: list[VerdictOut]


class WalkItemOut(AnnotationOut):
    """A shape with what is said of it."""

    verification: VerificationOut


class WalkPageOut(BaseModel):
    """Shapes one after another."""

    items: list[WalkItemOut]
    next_cursor: str | None


class MarkOut(BaseModel):
    """Where a shape ends at its upper right, in level-0 pixels, and what is said of it."""

    id: int
    x: int
    y: int
    state: Verification


class MarksOut(BaseModel):
    """Shapes of which something is said."""

    marks: list[MarkOut]


class AdjudicationItemOut(BaseModel):
    """An item that needs or had a decision."""

    id: int
    image_id: int
    image_name: str
    kind: ItemKind
    state: str
    disagreements: int | None


class AdjudicationPage(BaseModel):
    """Items, the oldest first."""

    items: list[AdjudicationItemOut]
    next_cursor: str | None


class DecisionIn(Input):
    """What is decided of an item, and why."""

    decision: deciding.DecisionName
    reader: str = Field("", max_length=8, description="Whose work stands, by letter, for the decision reader.")
    verdicts: dict[Id, Literal["accepted", "rejected"]] = Field(default={}, max_length=100_000)
    type_id: Id | None = None
    reason: Reason

    def value(self) -> deciding.Decision:
        """As the domain uses it."""
        return deciding.Decision(self.decision, self.reason, self.reader, dict(self.verdicts), self.type_id)


class DecidedOut(BaseModel):
    """A decision that was written down."""

    id: int
    item_id: int
    decision: str
    revision: int
