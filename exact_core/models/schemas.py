"""Models at the edge: what requests say and answers hold."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class KindOut(BaseModel):
    """A kind of model that can be run here."""

    name: str
    title: str
    plugin: str
    task: str
    summary: str
    labels: list[str] = Field(description="Classes of the built-in model; others name their own.")
    is_built_in: bool
    built_in_uuid: str | None = Field(description="The built-in model of this kind.")
    needs_gpu: bool
    memory_mib: int
    can_train: bool = Field(description="Whether a model of this kind can be trained from a version.")
    has_driver: bool = Field(description="Whether the driver is installed on this machine.")
    params: dict[str, Any] | None = Field(description="JSON Schema of the settings of one run.")


class FigureOut(BaseModel):
    """A figure of merit, with its 95 % interval where there is one."""

    name: str
    value: float
    low: float | None
    high: float | None


class TrainedOnOut(BaseModel):
    """What a model learned from, by the names that these had."""

    image_set_id: int | None = Field(description="None when the set is gone.")
    image_set_name: str
    version_id: int | None
    version_name: str
    is_version_deleted: bool


class TeamOut(BaseModel):
    """The team of a model."""

    id: int
    name: str


class ModelDeletedOut(BaseModel):
    """Who deleted a model, and why."""

    at: datetime
    by: str
    reason: str
    has_files: bool = Field(description="Whether it can be restored.")


class ModelFileOut(BaseModel):
    """A file of a model."""

    name: str
    size_bytes: int
    sha256: str
    integrity: str = Field(description="For ``fetch(..., {integrity})``.")


class ModelOut(BaseModel):
    """A model."""

    uuid: str
    name: str
    kind: str
    kind_title: str
    task: str | None = Field(description="None when its plugin does not run here.")
    is_built_in: bool
    unavailable_reason: str = Field(description="Why it cannot be run here; empty when it can.")
    labels: list[str]
    has_network: bool = Field(description="Whether browsers can run it.")
    size_bytes: int
    sha256: str
    team: TeamOut | None
    trained_on: TrainedOnOut | None
    parent_uuid: str
    notes: str
    is_pinned: bool
    created_by: str
    created_at: datetime
    deleted: ModelDeletedOut | None
    figures: list[FigureOut] = Field(description="Figures of merit of the card; none for those who may not open it.")
    run_count: int = Field(description="Predictions of it that you may know of.")
    may_open: bool
    may_change: bool


class ModelDetailOut(ModelOut):
    """A model with its card and its files."""

    card: dict[str, Any]
    card_text: str = Field(description="``card.md``, Markdown.")
    card_html: str = Field(description="The same as HTML, without markup of its own, scripts or pictures.")
    files: list[ModelFileOut]
    closed_reason: str = Field(description="Why the card is shown in part only; empty when it is whole.")


class ModelUseOut(BaseModel):
    """A run of a model on an image."""

    uuid: str
    image_id: int
    image_name: str
    image_set_id: int
    image_set_name: str
    shapes: int = Field(description="How many were found.")
    ready_at: datetime | None


class ModelUsePage(BaseModel):
    """A page of runs of a model."""

    items: list[ModelUseOut]
    next_cursor: str | None


class ModelPage(BaseModel):
    """A page of models."""

    items: list[ModelOut]
    next_cursor: str | None


class ModelChange(BaseModel):
    """What can be changed of a model."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, min_length=1, max_length=200)
    notes: str | None = Field(default=None, max_length=10_000)
