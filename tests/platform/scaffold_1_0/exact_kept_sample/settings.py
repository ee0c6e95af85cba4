"""Settings of the plugin in one image set; the settings page is drawn from this model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class KeptSampleSettings(BaseModel):
    """What an administrator of an image set can choose."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum: int = Field(
        default=1,
        ge=0,
        title="Shapes that are enough",
        description="With fewer shapes in view the count carries a note.",
    )
