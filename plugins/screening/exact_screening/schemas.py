"""What the routes of screening take and answer."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from exact_screening.grid import Order, Way

Pixels = Annotated[FiniteFloat, Field(ge=-(2**31), lt=2**31)]
Point = tuple[Pixels, Pixels]
Seconds = Annotated[FiniteFloat, Field(ge=0, le=3600)]
FieldNumber = Annotated[int, Field(ge=0, lt=2**31)]


class RegionKind(StrEnum):
    """What is screened."""

    WHOLE = "whole"
    RECTANGLE = "rectangle"
    POLYGON = "polygon"


class RegionIn(BaseModel):
    """A part of the image."""

    model_config = ConfigDict(extra="forbid")

    kind: RegionKind = RegionKind.WHOLE
    points: list[Point] = Field(
        default_factory=list,
        max_length=5000,
        description="Level-0 pixels: two corners of a rectangle, or the corners of a polygon.",
    )
    label: str = Field(default="", max_length=200, description="What people read: “annotation 17”.")


class PassIn(BaseModel):
    """How somebody wants to go through an image."""

    model_config = ConfigDict(extra="forbid")

    unit: Literal["um", "px"]
    field_width: Annotated[FiniteFloat, Field(gt=0, le=1e9)]
    field_height: Annotated[FiniteFloat, Field(gt=0, le=1e9)]
    overlap: Annotated[FiniteFloat, Field(ge=0, le=90, description="Percent.")] = 0
    order: Order = Order.SNAKE
    magnification: Annotated[FiniteFloat, Field(ge=0, le=400, description="0 fits a field into the window.")] = 0
    region: RegionIn = Field(default_factory=RegionIn)
    tissue_only: bool = False
    keep_seen: bool = Field(default=True, description="Fields whose area your passes so far showed count as seen.")


class GridOut(BaseModel):
    """The grid of a pass, in level-0 pixels."""

    x0: int
    y0: int
    x1: int
    y1: int
    width: int
    height: int
    step_x: int
    step_y: int
    columns: int
    rows: int
    order: Order


class PassSummary(BaseModel):
    """A pass in a list."""

    number: int
    done: int
    total: int
    seconds: float
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class PassOut(PassSummary):
    """A pass with all that a browser needs to go on."""

    grid: GridOut
    wishes: PassIn
    position: int
    revision: int
    carried: int
    chosen: str = Field(description="Base64 of one bit for each field, the first one highest: those of the pass.")
    seen: str = Field(description="As `chosen`: those that were seen.")


class LockOut(BaseModel):
    """A region in which annotations may not be changed."""

    id: int
    points: list[Point]
    reason: str
    by: str
    created_at: datetime
    may_unlock: bool


class StateOut(BaseModel):
    """Where somebody is on an image, and what they can start."""

    has_scale: bool
    notes: list[str]
    defaults: PassIn
    screening: PassOut | None = Field(description="The newest pass of yours.")
    earlier: list[PassSummary]
    locks: list[LockOut]


class StepIn(BaseModel):
    """What one browser did since its last request. Sent again, it changes nothing."""

    model_config = ConfigDict(extra="forbid")

    browser: str = Field(min_length=1, max_length=40, pattern=r"^[\w-]+$", description="A word of the window's own.")
    sequence: int = Field(ge=1, lt=2**53, description="Rises with each request of the window.")
    revision: int = Field(ge=0, lt=2**31, description="Of the last answer.")
    marks: list[FieldNumber] = Field(default_factory=list, max_length=5000, description="Fields that were seen.")
    unmarks: list[FieldNumber] = Field(default_factory=list, max_length=5000, description="Marks taken back.")
    seconds: dict[FieldNumber, Seconds] = Field(
        default_factory=dict, max_length=5000, description="How long each field was shown."
    )
    position: FieldNumber | None = Field(default=None, description="Where the window is now.")
    way: Way | None = Field(default=None, description="A step to take from there.")


class StepOut(BaseModel):
    """Where the pass stands."""

    revision: int
    position: int
    done: int
    total: int
    seconds: float
    finished_at: datetime | None
    newest: int = Field(description="The number of your newest pass of the image.")
    seen: str | None = Field(description="All that was seen, when another window changed something in between.")


class TimesOut(BaseModel):
    """How long each field of a pass was shown; fields that were not are left out."""

    fields: list[int]
    seconds: list[float]


class FinishIn(BaseModel):
    """Whether a pass is finished."""

    model_config = ConfigDict(extra="forbid")

    finished: bool


class ViewIn(BaseModel):
    """A rectangle that was on the screen."""

    model_config = ConfigDict(extra="forbid")

    x0: Pixels
    y0: Pixels
    x1: Pixels
    y1: Pixels
    zoom: Annotated[FiniteFloat, Field(gt=0, le=1e6, description="Screen pixels per image pixel.")]
    seconds: Seconds


class ViewsIn(BaseModel):
    """What was on the screen since the last request."""

    model_config = ConfigDict(extra="forbid")

    views: list[ViewIn] = Field(max_length=500)


class StepArea(BaseModel):
    """How much was shown at a magnification or a larger one."""

    magnification: float | None = Field(description="As an objective; null where the image has no scale.")
    zoom: float = Field(description="Screen pixels per image pixel.")
    area_mm2: float | None
    share: float = Field(description="Of the image, 0 to 1.")


class CoverageOut(BaseModel):
    """What was really seen of an image."""

    steps: list[StepArea]
    seconds: float


class PersonOut(BaseModel):
    """How far somebody is on an image."""

    user_id: int
    name: str
    passes: int
    done: int
    total: int
    share: float = Field(description="Of the image, in fields marked as seen.")
    area_mm2: float | None
    seconds: float
    updated_at: datetime
    finished_at: datetime | None


class TeamOut(BaseModel):
    """How far everybody is on an image."""

    people: list[PersonOut]
    rows: int
    columns: int
    seen_by: str | None = Field(
        description="Base64 of one byte for each cell, by rows: how many people saw it; null in a blind image set."
    )


class ImageProgress(BaseModel):
    """How far everybody is on one image of a set."""

    image_id: int
    name: str
    people: list[PersonOut]


class DisagreementOut(BaseModel):
    """Something that two people see differently."""

    kind: Literal["only_first", "only_second", "type"]
    x: int
    y: int
    first_id: int | None
    second_id: int | None
    first_type: str | None
    second_type: str | None


class DisagreementsOut(BaseModel):
    """What two people who screened the same image see differently."""

    first: str
    second: str
    farthest: float
    unit: Literal["µm", "px"]
    agreed: int
    only_first: int
    only_second: int
    other_type: int
    items: list[DisagreementOut] = Field(description="At most 2000.")


class CountOut(BaseModel):
    """Shapes within an area."""

    x0: int
    y0: int
    x1: int
    y1: int
    area_mm2: float | None
    total: int
    types: dict[str, int]


class LockIn(BaseModel):
    """A region to lock."""

    model_config = ConfigDict(extra="forbid")

    points: list[Point] = Field(min_length=2, max_length=5000, description="Two corners of a rectangle, or a polygon.")
    reason: str = Field(min_length=1, max_length=500)
