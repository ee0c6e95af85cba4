"""Settings of screening in one image set: what the form starts with, and how things are counted."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from exact_screening.grid import Order

HIGH_POWER_FIELDS = 2.37
"""mm² of the ten high-power fields in which mitoses are counted."""


class ScreeningSettings(BaseModel):
    """How people screen here, unless they choose otherwise."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Literal["um", "px"] = Field(
        default="um", title="Unit of a field", description="Images without a scale are always screened in pixels."
    )
    field_width: float = Field(
        default=560, ge=1, le=1_000_000, title="Width of a field", description="A high-power field is 560 × 420 µm."
    )
    field_height: float = Field(default=420, ge=1, le=1_000_000, title="Height of a field")
    magnification: float = Field(
        default=0,
        ge=0,
        le=400,
        title="Magnification",
        description="At which a field is shown; 0 fits the field into the window.",
    )
    overlap: float = Field(
        default=5, ge=0, le=90, title="Overlap in %", description="Part of a field that the next one shows again."
    )
    order: Order = Field(default=Order.SNAKE, title="Order of the fields")
    tissue_only: bool = Field(default=True, title="Leave empty glass out")
    tissue_share: float = Field(
        default=1, ge=0, le=100, title="Tissue in % that a field needs", description="Fields with less are left out."
    )
    count_area: float = Field(
        default=HIGH_POWER_FIELDS,
        gt=0,
        le=10_000,
        title="Area for counting in mm²",
        description="The live count and the hotspot look at an area of this size; 2.37 are ten high-power fields.",
    )
    count_aspect: float = Field(default=4 / 3, ge=0.1, le=10, title="Width of that area for each part of its height")
    count_types: str = Field(
        default="", title="Types to count", description="Names, separated by commas; all types when empty."
    )
    match_distance: float = Field(
        default=7.5,
        gt=0,
        le=10_000,
        title="Same object within µm",
        description="Marks of two people nearer than this are the same object; pixels where an image has no scale.",
    )
    least_seconds: float = Field(
        default=0.5,
        ge=0,
        le=60,
        title="Seconds that count as seen",
        description="A view that is passed by faster is no proof that somebody looked.",
    )

    def counts(self, type_name: str) -> bool:
        """Whether shapes of a type are counted; capitals and spaces around do not matter."""
        names = {name.strip().lower() for name in self.count_types.split(",") if name.strip()}
        return not names or type_name.strip().lower() in names
