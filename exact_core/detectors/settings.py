"""Settings of one run of the built-in models, with units and ranges."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_MPP = "Micrometres per pixel, used where the file of the image does not say."


class NucleusSettings(BaseModel):
    """Settings of the nucleus detector."""

    model_config = ConfigDict(extra="forbid")

    contrast: float = Field(
        0.012,
        ge=0.002,
        le=0.1,
        title="Least contrast",
        description="How much more haematoxylin than around it, in optical density; lower finds paler nuclei.",
    )
    smallest: float = Field(14.0, ge=1, le=500, title="Smallest area", description="In µm².")
    largest: float = Field(160.0, ge=2, le=2000, title="Largest area", description="In µm².")
    least_score: float = Field(
        0.2, ge=0, le=1, title="Least score", description="What scores less is not kept; the viewer can hide more."
    )
    assumed_mpp: float = Field(0.5, ge=0.05, le=20, title="Assumed resolution", description=_MPP)


class TissueSettings(BaseModel):
    """Settings of the tissue finder."""

    model_config = ConfigDict(extra="forbid")

    threshold: float = Field(
        0.5, ge=0.05, le=0.95, title="Threshold", description="Probability from which something is outlined."
    )
    smallest: float = Field(0.05, ge=0, le=100, title="Smallest piece", description="In mm².")
    smallest_hole: float = Field(0.01, ge=0, le=100, title="Smallest hole", description="In mm².")
    resolution: float = Field(8.0, ge=1, le=64, title="Resolution", description="Of the map, in µm per pixel.")
    assumed_mpp: float = Field(0.5, ge=0.05, le=20, title="Assumed resolution", description=_MPP)
