"""Images as the API shows and takes them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from exact_core.review.image_states import ImageState

Status = Literal["ready", "probing", "converting", "unreadable"]

Description = Annotated[str, Field(max_length=10_000)]
Micrometres = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
Magnification = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Ids = Annotated[list[int], Field(min_length=1, max_length=1000)]
Tags = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=50)]


class ImageOut(BaseModel):
    """An image in a list. ``private_name`` is only there for those who have the right to it."""

    id: int
    image_set_id: int
    name: str
    private_name: str | None
    position: int
    description: str
    status: Status
    status_reason: str
    progress: float | None
    width: int
    height: int
    size_z: int
    size_t: int
    size_c: int
    mpp_x: float | None
    mpp_y: float | None
    objective_power: float | None
    vendor: str
    size_bytes: int
    content_version: str
    tags: list[str]
    pinned: bool
    annotations: int
    review: ImageState = Field(description="How far it is; where readers are blind to each other, one's own state.")
    assigned: Literal["open", "in_work", "done"] | None = Field(description="One's own work on it.")
    due_at: datetime | None
    created_at: datetime
    deleted_at: datetime | None


class ImageDetail(ImageOut):
    """One image with all that the server knows of it."""

    frames: dict[str, Any]
    levels: list[dict[str, Any]]
    associated: list[str]
    is_external: bool
    is_converted: bool
    checksum: str


class ImagePage(BaseModel):
    """A page of images, where the next one begins, and on the first page how many each status and state has."""

    items: list[ImageOut]
    next_cursor: str | None
    total: int | None
    counts: dict[Status, int] | None
    review_counts: dict[ImageState, int] | None


class ImagePatch(BaseModel):
    """New values; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    description: Description | None = None
    position: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    private_name: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    mpp_x: Micrometres | None = None
    mpp_y: Micrometres | None = None
    objective_power: Magnification | None = None
    tags: Tags | None = None


class ImageAction(BaseModel):
    """Something done to many images of a set in one go."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["delete", "restore", "tag", "untag", "pin", "unpin", "read_again"]
    image_ids: Ids
    tags: Tags = []


class ActionDone(BaseModel):
    """How many images were changed."""

    changed: int


class TagCount(BaseModel):
    """A tag and how many images of the set carry it."""

    name: str
    images: int


class NeighbourOut(BaseModel):
    """An image before or after another one."""

    id: int
    name: str
    status: Status


class NeighboursOut(BaseModel):
    """What lies around an image in the filtered list, and its number there."""

    previous: NeighbourOut | None
    next: NeighbourOut | None
    number: int
    total: int


class KeptForVersions(BaseModel):
    """What stays of an image that was removed for good."""

    detail: str
    versions: list[str]

    @classmethod
    def of(cls, versions: list[str]) -> Self:
        """Say which versions need it."""
        named = ", ".join(versions[:5]) + (f" and {len(versions) - 5} more" if len(versions) > 5 else "")
        return cls(
            detail=f"The pixels and the private name are gone. The annotations stay, because these versions have the "
            f"image: {named}.",
            versions=versions,
        )
