"""Settings of media in one image set; the settings page is drawn from this model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MEGABYTE = 1_000_000


class MediaSettings(BaseModel):
    """How large a file may be, and how the player begins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_megabytes: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        title="Largest file, in megabytes",
        description="A larger file is refused before it is read.",
    )
    play_on_click: bool = Field(
        default=True,
        title="Clicking a shape plays its sound",
        description="Everybody can change it for themselves in the viewer.",
    )
    autoplay_next: bool = Field(
        default=False,
        title="Go on with the next shape",
        description="When a sound ends, the next shape of the image that has one is selected and played.",
    )

    @property
    def max_bytes(self) -> int:
        """The largest file that is taken."""
        return self.max_megabytes * MEGABYTE
