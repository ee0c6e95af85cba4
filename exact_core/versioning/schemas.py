"""The JSON of versions at the edge."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from exact_core.auth.schemas import Description, Input
from exact_core.review.image_states import ImageState

VersionName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]


class VersionIn(Input):
    """A new version of an image set, as it is now."""

    name: VersionName
    description: Description = ""


class VersionChange(Input):
    """The only thing about a version that can be changed."""

    description: Description


class CreatorOut(BaseModel):
    """Who made something; the number is missing when the account is gone."""

    id: int | None
    name: str


class ManifestOut(BaseModel):
    """The list of everything in a version, written by a job after the version was made."""

    state: Literal["pending", "ready", "failed"]
    reason: str = Field(description="Why it failed.")
    digest: str = Field(description="SHA-256 of its lines.")
    signature: str = Field(description="HMAC-SHA-256 of this instance over version, content hash and digest.")
    bytes: int = Field(description="Size of the packed file.")


class DeletedOut(BaseModel):
    """Who deleted a version, when and why."""

    at: datetime
    by: str
    reason: str


class VersionOut(BaseModel):
    """A version of an image set."""

    id: int
    image_set_id: int
    name: str
    description: str
    revision: int = Field(description="The revision of the set's annotations that it names.")
    content_digest: str = Field(description="SHA-256 of the change log up to there and of everything frozen.")
    creator: CreatorOut
    created_at: datetime
    image_count: int
    artefact_count: int | None = Field(description="Missing for those who see their own annotations only.")
    annotation_count: int | None = Field(description="Known when the manifest is ready, to those who see everything.")
    manifest: ManifestOut
    deleted: DeletedOut | None
    may_delete: bool


class VersionPage(BaseModel):
    """A page of versions, newest first."""

    items: list[VersionOut]
    next_cursor: str | None


class VersionImageOut(BaseModel):
    """An image as it was when the version was made."""

    image_id: int
    name: str
    status: str
    width: int
    height: int
    size_z: int
    size_t: int
    size_c: int
    mpp_x: float | None
    mpp_y: float | None
    checksum: str = Field(description="SHA-256 of the file; for those with the right to private names.")
    content_version: str
    has_private_name: bool
    has_label_picture: bool
    tags: list[str]
    review_state: ImageState | None = Field(
        description="How far it was: in blind sets the reader's own state. Null in versions that did not keep it."
    )
    is_deleted: bool = Field(description="Whether the image has been deleted since.")
    has_pixels: bool = Field(description="False when it was removed for good; its annotations stay for the version.")


class VersionImagePage(BaseModel):
    """A page of the images of a version in the order that they had."""

    items: list[VersionImageOut]
    next_cursor: str | None


class FrozenTypesOut(BaseModel):
    """The annotation types of a version as they were, in order."""

    items: list[dict[str, Any]]


class ManifestCheckOut(BaseModel):
    """Whether a manifest can be trusted."""

    state: Literal["pending", "ready", "failed"]
    file: bool = Field(description="The file is there and has the hash that was written down.")
    signature: bool = Field(description="This instance signed that hash for this version.")
    annotations: bool | None = Field(description="The database still gives the same lines; missing if not looked at.")
    holds: bool


class ArtefactOut(BaseModel):
    """A file that belongs to a version."""

    id: int
    version_id: int
    kind: Literal["metrics", "model", "prediction", "file"]
    name: str
    description: str
    media_type: str
    size_bytes: int
    sha256: str
    plugin: str = Field(description="The plugin that gave it when the version was made; empty otherwise.")
    creator: CreatorOut
    created_at: datetime


class SideOut(BaseModel):
    """One end of a comparison; the number is missing for the present."""

    version_id: int | None
    name: str
    revision: int


class ChangeCounts(BaseModel):
    """How many annotations differ, and in which way; one can differ in several."""

    added: int
    removed: int
    changed: int = Field(description="There before and after, but not the same.")
    geometry: int
    type: int
    attributes: int = Field(description="Attributes or text.")


class TypeChanges(ChangeCounts):
    """Differences of one type; what was relabelled counts for its new type."""

    type_id: int
    name: str


class AuthorChanges(ChangeCounts):
    """Differences of annotations that one person drew."""

    author: CreatorOut | None


class ImageChanges(ChangeCounts):
    """Differences on one image."""

    image_id: int
    name: str


class RelabelledOut(BaseModel):
    """How many annotations went from one type to another."""

    from_type_id: int
    from_name: str
    to_type_id: int
    to_name: str
    count: int


class NamedImage(BaseModel):
    """An image by number and public name."""

    id: int
    name: str


class DiffOut(BaseModel):
    """What differs between two versions, in numbers."""

    before: SideOut = Field(alias="from")
    after: SideOut = Field(alias="to")
    total: ChangeCounts
    types: list[TypeChanges]
    authors: list[AuthorChanges]
    images: list[ImageChanges]
    relabelled: list[RelabelledOut]
    images_added: list[NamedImage]
    images_removed: list[NamedImage]


class DiffPage(BaseModel):
    """Annotations that differ, with the state on each side."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class ImageDiffOut(BaseModel):
    """What differs on one image, with outlines, for drawing it on the slide."""

    before: SideOut = Field(alias="from")
    after: SideOut = Field(alias="to")
    total: ChangeCounts
    items: list[dict[str, Any]] = Field(description="At most the limit, in ascending order of their numbers.")
    is_complete: bool = Field(description="False when there are more differences than the limit.")
