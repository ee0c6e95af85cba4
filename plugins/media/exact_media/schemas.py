"""What the routes take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from exact_core.api.deps import SetAccess
from exact_media import service
from exact_media.kinds import TYPES
from exact_media.tables import MediaFile, MediaLink

Conversion = Literal["none", "needed", "ready"]


class MediaOut(BaseModel):
    """Something attached."""

    id: int
    image_id: int
    annotation_id: int | None = Field(description="Null when it is attached to the image itself.")
    kind: str = Field(description="sound, film or picture.")
    title: str = Field(description="The type in words.")
    media_type: str
    name: str = Field(description="What the file was called, for those who may know.")
    size_bytes: int
    duration: float | None = Field(description="Seconds.")
    sample_rate: int | None = Field(description="Hz.")
    channels: int | None
    width: int | None = Field(description="Pixels.")
    height: int | None = Field(description="Pixels.")
    created_at: datetime
    is_own: bool
    can_remove: bool
    conversion: Conversion = Field(description="Whether browsers need another form of it, and whether there is one.")
    remark: str = Field(default="", description="What was noticed when it arrived.")

    @classmethod
    def of(cls, access: SetAccess, link: MediaLink, remark: str = "") -> MediaOut:
        """What one person is told about something attached."""
        file = link.file
        facts = {name: getattr(file, name) for name in ("kind", "media_type", "size_bytes", "duration", "sample_rate")}
        facts |= {name: getattr(file, name) for name in ("channels", "width", "height")}
        return cls(
            id=link.id,
            image_id=link.image_id,
            annotation_id=link.annotation_id,
            title=TYPES[file.media_type].title,
            name=service.shown_name(access, link),
            created_at=service.utc(link.created_at),
            is_own=link.author_id is not None and link.author_id == access.actor.user_id,
            can_remove=service.can_remove(access, link),
            conversion=conversion_of(file),
            remark=remark,
            **facts,
        )


def conversion_of(file: MediaFile) -> Conversion:
    """Whether browsers need another form of a file, and whether there is one."""
    if file.playable_id is not None:
        return "ready"
    return "none" if TYPES[file.media_type].is_playable else "needed"


class ImageMediaOut(BaseModel):
    """What the viewer needs to know of an image when it opens."""

    items: list[MediaOut] = Field(description="Attached to the image itself.")
    annotations: list[int] = Field(description="Annotations with something to play, in the order of drawing.")
    can_attach: bool = Field(description="Whether you may attach files to the image itself.")
    can_attach_to_annotations: bool
    can_convert: bool = Field(description="Whether the server can make forms that browsers play.")
    max_bytes: int


class KindOut(BaseModel):
    """How much of one kind is attached in an image set."""

    kind: str
    files: int
    size_bytes: int
    duration: float = Field(description="Seconds.")


class SummaryOut(BaseModel):
    """What is attached in an image set."""

    kinds: list[KindOut]
    can_make_maps: bool = Field(description="Whether you may make maps of folders of the server.")


class KeptOut(BaseModel):
    """A file that a version keeps."""

    sha256: str
    kind: str
    media_type: str
    size_bytes: int
    duration: float | None


class OutlineOut(BaseModel):
    """How loud a sound is along its length."""

    peaks: list[float] = Field(description="Loudest sample of each of equal stretches, 0 to 1.")


class JobOut(BaseModel):
    """Work that was asked for."""

    job_id: int
