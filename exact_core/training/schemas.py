"""What the API of trainings takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from exact_core.auth.schemas import Input
from exact_core.jobs.schemas import State
from exact_core.versioning.schemas import CreatorOut

_Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
]


class TrainableOut(BaseModel):
    """A kind of model that learns."""

    kind: str = Field(description="Full name: <plugin>.<name>.")
    title: str
    summary: str
    task: str
    needs_gpu: bool
    is_on: bool = Field(description="Whether its plugin is on in the image set.")
    settings_schema: dict[str, Any] | None = Field(description="JSON schema of its settings.")


class TypeAmountOut(BaseModel):
    """How much of one annotation type there is."""

    type_id: int
    name: str
    color: str
    product: str
    parts: dict[str, int] = Field(description="Annotations in each part of the split; '' for images in no part.")


class MaterialOut(BaseModel):
    """What a version offers for training."""

    types: list[TypeAmountOut]
    kinds: list[TrainableOut]


class ClassIn(Input):
    """A class, and the annotation types that count as it."""

    label: _Label
    type_ids: list[int] = Field(min_length=1, max_length=1000)


class TrainingIn(Input):
    """A training to start."""

    kind: str = Field(max_length=100)
    name: _Label = Field(description="What the model will be called.")
    classes: list[ClassIn] = Field(min_length=1, max_length=1000)
    split_id: int = Field(description="A split of the version with the parts 'train' and 'test'.")
    settings: dict[str, Any] = Field(default_factory=dict)


class ClassOut(BaseModel):
    """A class, and the annotation types that counted as it."""

    label: str
    type_ids: list[int]


class TrainingOut(BaseModel):
    """A training; without a state when its job is gone."""

    id: int
    version_id: int
    image_set_id: int
    kind: str
    title: str
    name: str
    classes: list[ClassOut]
    split_id: int | None
    split_name: str
    settings: dict[str, Any]
    model_uuid: str = Field(description="The model that came out; empty before.")
    job_id: int | None
    state: State | None
    progress: float
    message: str
    creator: CreatorOut
    created_at: datetime
    finished_at: datetime | None


class EvaluationOut(BaseModel):
    """What the model says of one part of the split."""

    part: str
    figures: dict[str, Any]
    samples_id: int | None = Field(description="The file of the version that holds all samples.")


class TrainingDetail(TrainingOut):
    """A training with its curves and evaluations."""

    curves: dict[str, list[tuple[int, float | None]]]
    evaluations: list[EvaluationOut]


class SampleOut(BaseModel):
    """One sample; classes are indices into the labels of the evaluation."""

    image_id: int
    image_name: str
    annotation_id: int | None
    truth: int
    predicted: int
    confidence: float


class SamplesOut(BaseModel):
    """Samples, the surest first."""

    items: list[SampleOut]
    count: int
