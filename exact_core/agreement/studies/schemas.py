"""Studies as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from exact_core.agreement.readers import checked_keys
from exact_core.agreement.schemas import Id, ReaderKey, Revision
from exact_core.agreement.studies.design import MOST_ARMS, MOST_QUESTIONS, QUESTIONS, Arm, Design, Source
from exact_core.agreement.studies.order import Assignment, Order

Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*\S[^\x00]*$")]
Text = Annotated[str, Field(max_length=5_000, pattern=r"^[^\x00]*$")]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
Participants = Annotated[list[Id], Field(max_length=200)]


class SourceModel(BaseModel):
    """Where prepared annotations come from; what is left out does not narrow it down."""

    reader: ReaderKey | None = Field(default=None, description="Who made them: user:<number> or claimed:<name>.")
    revision: Revision | None = Field(
        default=None, description="As of a version's revision; the study's start unless told."
    )
    change_set: Revision | None = Field(default=None, description="Only what this import or model run added.")


class ArmIn(BaseModel):
    """A way to read: with prepared annotations when it has a source."""

    name: Line
    source: SourceModel | None = None


class DesignIn(BaseModel):
    """What a study is made of."""

    arms: Annotated[list[ArmIn], Field(min_length=1, max_length=MOST_ARMS)]
    image_ids: Annotated[list[Id], Field(min_length=1, max_length=2_000)]
    assignment: Assignment = "within"
    order: Order = "latin"
    questions: Annotated[list[Line], Field(max_length=MOST_QUESTIONS)] = list(QUESTIONS)
    gold_id: Id | None = None

    def design(self) -> Design:
        """The same as the domain has it."""
        arms = []
        for arm in self.arms:
            source = arm.source
            if source is not None and source.reader is not None:
                checked_keys([source.reader])
            arms.append(Arm(arm.name, None if source is None else Source(**source.model_dump())))
        return Design(
            tuple(arms),
            tuple(dict.fromkeys(self.image_ids)),
            self.assignment,
            self.order,
            tuple(self.questions),
            self.gold_id,
        )


class StudyIn(BaseModel):
    """A new study, as a draft."""

    title: Line
    description: Text = ""
    design: DesignIn
    participants: Participants = []
    seed: Seed | None = Field(default=None, description="Of the random order; chosen by chance unless told.")


class StudyChange(BaseModel):
    """What changes; the design, participants and seed of a draft only."""

    title: Line | None = None
    description: Text | None = None
    design: DesignIn | None = None
    participants: Participants | None = None
    seed: Seed | None = None


class ArmOut(BaseModel):
    """A way to read."""

    name: str
    source: SourceModel | None
    label: str


class ParticipantOut(BaseModel):
    """How far one participant is."""

    user_id: int
    name: str
    tasks: int
    finished: int
    has_answered: bool


class StudyOut(BaseModel):
    """A study, for those who manage the set."""

    id: int
    title: str
    description: str
    state: Literal["draft", "running", "closed"]
    seed: int
    revision: int | None
    created_at: datetime
    started_at: datetime | None
    closed_at: datetime | None
    arms: list[ArmOut]
    image_ids: list[int]
    assignment: Assignment
    order: Order
    questions: list[str]
    gold_id: int | None
    participants: list[ParticipantOut]
    warnings: list[str]


class ImageRef(BaseModel):
    """An image by number and name."""

    id: int
    name: str


class OwnStudyOut(BaseModel):
    """A study for a participant: how far one is and what comes next, and nothing of arms or others."""

    id: int
    title: str
    description: str
    state: Literal["draft", "running", "closed"]
    total: int
    finished: int
    next_image: ImageRef | None
    questions: list[str]
    has_answered: bool


class StudiesOut(BaseModel):
    """Studies that one manages, and those in which one takes part."""

    managed: list[StudyOut]
    own: list[OwnStudyOut]


class OpenedOut(BaseModel):
    """An image that was begun; ``prepared`` annotations lie on it already."""

    prepared: int


class SurveyIn(BaseModel):
    """One grade per question, 1 (very good) to 6 (insufficient)."""

    grades: Annotated[list[Annotated[int, Field(ge=1, le=6)]], Field(max_length=MOST_QUESTIONS)]


class ActivityIn(BaseModel):
    """How long somebody was active since the last report; 0 when they begin or return."""

    seconds: Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)] = 0


class ActivityOut(BaseModel):
    """What the server counted; outside of studies nothing is kept."""

    recorded: bool
    seconds: float


class ImportRunOut(BaseModel):
    """An import or a model run whose annotations can be prepared for an arm."""

    change_set: int
    kind: str
    image: str
    reason: str
    annotations: int
    at: datetime


class ReportOut(BaseModel):
    """Time, agreement and grades per arm, and the tests that compare them."""

    model_config = ConfigDict(extra="allow")

    study: dict[str, Any]
    assignment: Assignment
    order: Order
    reference: dict[str, Any]
    rule: dict[str, Any] | None
    arms: list[dict[str, Any]]
    comparisons: list[dict[str, Any]]
    survey: list[dict[str, Any]]
