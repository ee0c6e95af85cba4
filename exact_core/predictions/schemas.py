"""Runs, decisions and what to look at next, as the API takes and shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from exact_core.annotations.geometry import INT32_MAX, INT32_MIN, Box
from exact_core.predictions.deciding import MOST_NUMBERS, Asked
from exact_core.predictions.reading import Wanted
from exact_core.predictions.starting import MOST_IMAGES, RunRequest

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Pixel = Annotated[int, Field(ge=INT32_MIN, le=INT32_MAX)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Uuid = Annotated[str, Field(pattern=r"^[0-9a-fA-F-]{36}$")]


class Area(BaseModel):
    """A rectangle in level-0 pixels."""

    model_config = ConfigDict(extra="forbid")

    x0: Pixel
    y0: Pixel
    x1: Pixel
    y1: Pixel


class RunIn(BaseModel):
    """Which model shall be run, and how."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(max_length=130, description="Full name of the kind of model.")]
    model: Uuid | None = Field(None, description="A stored model; left out for one that is built in.")
    settings: dict[str, Any] = Field(default={}, description="Settings of the run; the rest has its defaults.")
    area: Area | None = Field(None, description="Only this rectangle; the whole image when left out.")

    def request(self) -> RunRequest:
        """The same as the domain has it."""
        area = None if self.area is None else self.area.model_dump()
        return RunRequest(self.kind, self.model or "", self.settings, area)


class SetRunIn(BaseModel):
    """The same for images of a set."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(max_length=130)]
    model: Uuid | None = None
    settings: dict[str, Any] = {}
    image_ids: Annotated[list[Id], Field(max_length=MOST_IMAGES)] | None = Field(
        None, description="Only these images; all that are ready when left out."
    )


class StartedOut(BaseModel):
    """The jobs that were asked for."""

    job_ids: list[int]


class KindOut(BaseModel):
    """A kind of model that can be run here."""

    kind: str
    title: str
    task: str
    summary: str
    labels: list[str]
    needs_gpu: bool
    is_built_in: bool
    settings_schema: dict[str, Any] | None


class RunModelOut(BaseModel):
    """The model of a run, as it was."""

    uuid: str
    name: str
    kind: str
    sha256: str
    version_id: int | None


class MapOut(BaseModel):
    """A map of values; ``levels`` are width and height of each, finest first."""

    id: int
    name: str
    label: int | None
    width: int
    height: int
    downsample: float
    x: int
    y: int
    levels: list[tuple[int, int]]


class PersonOut(BaseModel):
    """Somebody."""

    id: int
    name: str


class RunOut(BaseModel):
    """One model on one image; ``histogram`` has 64 steps of score for each label."""

    uuid: str
    image_set_id: int
    image_id: int
    job_id: int | None
    model: RunModelOut
    settings: dict[str, Any]
    area: list[int] | None
    labels: list[str]
    counts: list[int]
    histogram: list[list[int]]
    shapes: int
    skipped: int
    maps: list[MapOut]
    decided: dict[str, int]
    asked_by: PersonOut | None
    shown_to_readers: bool
    created_at: datetime
    ready_at: datetime | None


class RunDetail(RunOut):
    """A run, and which annotation type its labels become for who asks."""

    types: dict[str, int]


class ShownIn(BaseModel):
    """Whether readers who are blind to the work of others see the run."""

    model_config = ConfigDict(extra="forbid")

    shown_to_readers: bool


class SelectionIn(BaseModel):
    """Shapes of a run by score, label and place."""

    model_config = ConfigDict(extra="forbid")

    least: Score = 0.0
    labels: Annotated[list[Annotated[int, Field(ge=0, le=32767)]], Field(max_length=1000)] | None = Field(
        None, description="Indices of the run's labels; all when left out."
    )
    area: Area | None = None

    def wanted(self) -> Wanted:
        """The same as the domain has it."""
        box = None if self.area is None else Box(self.area.x0, self.area.y0, self.area.x1, self.area.y1)
        return Wanted(box, self.least, None if self.labels is None else frozenset(self.labels))


class DecisionsIn(BaseModel):
    """What is decided, about numbers or about all of a selection."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["accept", "reject", "withdraw"]
    numbers: Annotated[list[Annotated[int, Field(ge=0, le=INT32_MAX)]], Field(max_length=MOST_NUMBERS)] | None = None
    selection: SelectionIn | None = None
    types: dict[str, Id] = Field(default={}, description="Annotation type by label; remembered.")
    geometry: dict[str, Any] | None = Field(None, description="Another shape, with accepting one number.")

    def asked(self) -> Asked:
        """The same as the domain has it."""
        if self.selection is None:
            return Asked(self.verdict, self.numbers or [], types=self.types, geometry=self.geometry)
        return Asked(self.verdict, None, self.selection.wanted(), self.types, self.geometry)


class DecidedOut(BaseModel):
    """What was done; ``already`` had been decided before."""

    revision: int
    decided: int
    already: int
    annotation_ids: list[int]
    skipped: list[dict[str, Any]]


class DecisionsOut(BaseModel):
    """Numbers of decided shapes."""

    accepted: list[int]
    edited: list[int]
    rejected: list[int]


class CountOut(BaseModel):
    """How many shapes a selection has, and how many of them are undecided."""

    shapes: int
    undecided: int


class NextOut(BaseModel):
    """A shape to look at next."""

    run: str
    image_id: int
    number: int
    label: str
    score: float
    uncertainty: float
    box: tuple[float, float, float, float]
