"""Agreement, references and drift as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from exact_core.agreement.drift import Window
from exact_core.agreement.figures import Resampling
from exact_core.agreement.measures.bootstrap import RESAMPLES, SEED
from exact_core.agreement.models import ModelReader
from exact_core.agreement.readers import MAX_KEY, checked_keys
from exact_core.agreement.report import Question
from exact_core.agreement.rules import MAX_DISTANCE, MatchRule
from exact_core.agreement.tables import Table
from exact_core.annotations.geometry import INT32_MAX

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Revision = Annotated[int, Field(ge=0, le=INT32_MAX)]
ReaderKey = Annotated[str, Field(min_length=1, max_length=MAX_KEY)]


class AgreementQuery(BaseModel):
    """What is compared, and how."""

    model_config = ConfigDict(extra="ignore")

    reader: Annotated[list[ReaderKey], Field(max_length=100)] = Field(
        default=[], description="Only these readers: user:<number> or claimed:<name>. All unless told."
    )
    type_id: Annotated[list[Id], Field(max_length=1000)] = Field(default=[], description="Only these annotation types.")
    revision: Revision | None = Field(default=None, description="As of this revision of the set; now unless told.")
    match: Literal["auto", "distance", "overlap"] = Field(
        default="auto", description="When two marks are one thing: by the distance of their middles, or by overlap."
    )
    distance: Annotated[float, Field(gt=0, le=MAX_DISTANCE, allow_inf_nan=False)] | None = Field(
        default=None, description="How far apart middles may be; half the typical size of the marks unless told."
    )
    unit: Literal["auto", "um", "px"] = Field(default="auto", description="Of the distance.")
    overlap: Annotated[float, Field(gt=0, le=1)] = Field(default=0.5, description="Least intersection over union.")
    method: Literal["greedy", "optimal"] = Field(default="greedy", description="How two readers' marks are paired.")
    ordered: bool | None = Field(default=None, description="Whether classes are grades, in the order of the product.")
    interval: Literal["bca", "percentile"] = "bca"
    level: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    resamples: Annotated[int, Field(ge=100, le=10_000)] = RESAMPLES
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = SEED

    model: Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=20)] = Field(
        default=[], description="Models as further readers: <uuid>@<least score>."
    )

    def question(self) -> Question:
        """The same as the domain has it."""
        return Question(
            checked_keys(self.reader),
            tuple(dict.fromkeys(self.type_id)),
            self.revision,
            MatchRule(self.match, self.distance, self.unit, self.overlap, self.method),
            self.ordered,
            Resampling(self.interval, self.level, self.resamples, self.seed),
            tuple(ModelReader.parse(each) for each in dict.fromkeys(self.model)),
        )


class AgreementTableQuery(AgreementQuery):
    """The same, and which table."""

    table: Table = Field(default="figures", description="Figures, or every thing with what each reader said of it.")


class DriftQuery(AgreementQuery):
    """The same, and how time is cut."""

    window: Window = Field(default="week", description="Rounds come from tags of images, like round:2.")


AgreementParams = Annotated[AgreementQuery, Query()]
AgreementTableParams = Annotated[AgreementTableQuery, Query()]
DriftParams = Annotated[DriftQuery, Query()]


class ReaderOut(BaseModel):
    """Somebody whose marks are compared."""

    key: str
    name: str
    annotations: int
    images: int


class ClassOut(BaseModel):
    """An annotation type."""

    id: int
    name: str
    product_id: int
    product: str
    color: str
    place: int


class FigureOut(BaseModel):
    """A number with its interval; what it is about stands in the other fields."""

    model_config = ConfigDict(extra="allow")

    figure: str
    scope: Literal["all", "class", "pair", "reader", "group"]
    readers: list[str]
    class_id: int | None
    grouping: str
    group: str
    missed: str
    value: float | None
    low: float | None
    high: float | None
    items: int
    images: int


class ConfusionOut(BaseModel):
    """What the first reader (rows) and the second (columns) said of the same things; "missed" comes last."""

    readers: list[str]
    table: list[list[int]]


class DisagreementOut(BaseModel):
    """A thing that readers saw differently; ``said`` has the place of a class, -1 for missed, -2 for unread."""

    image_id: int
    image: str
    is_label: bool
    x: float | None
    y: float | None
    z: int
    t: int
    said: list[int]
    annotations: list[int | None]


class AgreementOut(BaseModel):
    """How far the readers of a set agree.

    ``state`` is ``computing`` while a job makes the first answer for a large set; ``job_id`` names it. An answer that
    is not current comes with the job that makes a newer one.
    """

    model_config = ConfigDict(extra="allow")

    state: Literal["ready", "too_few_readers", "no_common_images", "computing"]
    is_current: bool
    job_id: int | None
    revision: int | None = None
    rule: dict[str, Any] | None = None
    readers: list[ReaderOut] = []
    classes: list[ClassOut] = []
    images: dict[str, int] = {}
    items: int = 0
    figures: list[FigureOut] = []
    confusion: list[ConfusionOut] = []
    disagreements: list[DisagreementOut] = []
    disagreeing: int = 0


class GoldIn(BaseModel):
    """A new reference: what one reader marked on some images, as it is now or was at a revision."""

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*\S[^\x00]*$")]
    reader: ReaderKey
    revision: Revision | None = None
    type_ids: Annotated[list[Id], Field(max_length=1000)] = []
    image_ids: Annotated[list[Id], Field(min_length=1, max_length=10_000)]


class GoldChange(BaseModel):
    """What changes about a reference."""

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*\S[^\x00]*$")] | None = None
    image_ids: Annotated[list[Id], Field(min_length=1, max_length=10_000)] | None = None
    released: bool | None = Field(default=None, description="Whether readers may see their own figures.")


class GoldOut(BaseModel):
    """A reference, for those who manage the set."""

    id: int
    title: str
    reader: str
    reader_name: str
    revision: int
    type_ids: list[int]
    image_ids: list[int]
    marks: int
    created_at: datetime
    released_at: datetime | None
    warning: str = Field(description="Why readers could find out; empty when they cannot.")


class WindowOut(BaseModel):
    """How a reader did against the reference in one stretch of time, or round."""

    window: str
    images: int
    hits: int
    extra: int
    missed: int
    f1: float | None
    precision: float | None
    recall: float | None


class TrendOut(BaseModel):
    """Whether the share of right decisions changes from window to window (Cochran and Armitage)."""

    z: float
    p: float
    slope: float


class ReaderDriftOut(BaseModel):
    """One reader over time."""

    reader: str
    name: str
    images: int
    f1: float | None
    low: float | None
    high: float | None
    precision: float | None
    recall: float | None
    windows: list[WindowOut]
    trend: TrendOut | None


class DriftOut(BaseModel):
    """All readers against a reference over time."""

    window: str
    rule: dict[str, Any] | None
    readers: list[ReaderDriftOut]


class OwnDriftOut(BaseModel):
    """How oneself did against references that were released; never which images they are."""

    references: list[ReaderDriftOut]
