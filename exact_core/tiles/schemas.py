"""What the picture routes answer."""

from __future__ import annotations

from pydantic import BaseModel, Field


class LevelOut(BaseModel):
    """One offered resolution; tiles at the right and lower edge may be padded to full size."""

    index: int
    width: int
    height: int
    downsample: float
    tile_width: int
    tile_height: int
    columns: int
    rows: int
    native: bool = Field(description="Whether the file holds this level; others are averaged from a finer one.")


class ChannelOut(BaseModel):
    """One channel of a picture that is not plain colour."""

    name: str
    color: str = Field(description="Its colour when channels are mixed, #rrggbb.")
    low: float = Field(description="Sample value shown as black.")
    high: float = Field(description="Sample value shown at full brightness.")


class FramesOut(BaseModel):
    """The stack of an image: focal planes, time points, channels."""

    size_z: int
    size_t: int
    size_c: int
    is_color: bool
    channels: list[ChannelOut]
    z_spacing_um: float | None
    t_interval_s: float | None
    default: str = Field(description="The frame to show first, z.t.c.")


class SlideInformation(BaseModel):
    """Everything a viewer needs to show an image."""

    id: int
    image_set_id: int
    name: str
    width: int
    height: int
    content_version: str
    vendor: str
    mpp_x: float | None = Field(
        description="Micrometres per pixel of the full picture; null when the file does not say."
    )
    mpp_y: float | None
    objective_power: float | None
    size_z: int
    size_t: int
    size_c: int
    frames: FramesOut
    levels: list[LevelOut]
    tile_url: str = Field(description="Address of tiles, with {frame}, {level}, {column} and {row} to fill in.")
    thumbnail_url: str
    associated: list[str] = Field(description="Label, macro and the like; empty without the right to see them.")
