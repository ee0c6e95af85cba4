"""Settings of training and of running an object classifier."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TrainSettings(BaseModel):
    """How a classifier of objects learns."""

    model_config = ConfigDict(extra="forbid")

    measure_in: Literal["µm", "pixels"] = Field(
        default="µm", title="Measure in", description="Pixels for images that have no resolution."
    )
    resolution: float = Field(
        default=0.5,
        gt=0,
        le=100,
        title="Resolution",
        description="Micrometres per pixel at which objects are measured.",
    )
    point_radius: float = Field(
        default=6.0,
        gt=0,
        le=10_000,
        title="Radius of points",
        description="Of the disc that stands for a point; µm or px.",
    )
    balance_classes: bool = Field(
        default=True, title="Balance classes", description="Rare classes count as much as frequent ones."
    )
    most_per_class: int = Field(
        default=5_000, ge=10, le=200_000, title="Most objects per class", description="More are thinned out by chance."
    )
    strengths: list[float] = Field(
        default=[0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
        title="Strengths to try",
        description="Inverse strengths of regularisation; the validation part decides.",
        min_length=1,
        max_length=50,
    )
    seed: int = Field(default=0, ge=0, lt=2**31, title="Seed", description="Decides which objects are left out.")
