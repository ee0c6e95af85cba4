"""What happened: plain, frozen, picklable values that hooks receive.

They never carry database objects, and of an image they carry the public name only, so that a plugin cannot leak a
private file name by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exact_core.api.contributions import Shape


class AnnotationAction(StrEnum):
    """What was done to an annotation."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    MEDIA_ATTACHED = "media_attached"


class ImageAction(StrEnum):
    """What was done to an image."""

    ADDED = "added"
    READY = "ready"
    UNREADABLE = "unreadable"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"


class JobState(StrEnum):
    """How a job ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class AnnotationState:
    """One state of one annotation, without its outline.

    Attributes:
        type_id: Its annotation type.
        shape: How it is drawn.
        box: Bounding box ``(x0, y0, x1, y1)`` in level-0 pixels, both ends inclusive.
        z: Focal plane, -1 when it belongs to all.
        t: Time point, -1 when it belongs to all.
        c: Channel, -1 when it belongs to all.
        text: Free text.
    """

    type_id: int
    shape: Shape
    box: tuple[int, int, int, int]
    z: int = 0
    t: int = 0
    c: int = -1
    text: str = ""


@dataclass(frozen=True, slots=True)
class AnnotationChange:
    """One annotation that is being, or has been, changed.

    Attributes:
        action: What is done.
        image_set_id: The image set that it happens in.
        image_id: The image that carries the annotation.
        annotation_id: Its permanent identity.
        uuid: The name that the client gave it.
        revision: The image set's revision that holds the change.
        before: Its state before; None when it did not exist or was deleted.
        after: Its state after; None when it is deleted.
        author_id: Who drew it; None when an import or a model did.
        actor_id: Who makes this change; None for the system.
    """

    action: AnnotationAction
    image_set_id: int
    image_id: int
    annotation_id: int
    uuid: str
    revision: int
    before: AnnotationState | None
    after: AnnotationState | None
    author_id: int | None = None
    actor_id: int | None = None


@dataclass(frozen=True, slots=True)
class ImageChange:
    """One image that is being, or has been, changed.

    Attributes:
        action: What is done.
        image_set_id: The image set that it belongs to.
        image_id: The image.
        name: Its public name; never what the file was called.
        width: Level-0 width in pixels, 0 while unknown.
        height: Level-0 height in pixels, 0 while unknown.
        actor_id: Who makes this change; None for the system.
    """

    action: ImageAction
    image_set_id: int
    image_id: int
    name: str
    width: int = 0
    height: int = 0
    actor_id: int | None = None


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """A version of an image set that is being, or has been, made.

    Attributes:
        version_id: The version.
        image_set_id: The image set.
        name: Its name, unique in the set.
        description: What people wrote about it.
        revision: The revision of the annotations that it names.
        content_digest: Hash of everything in it; empty while it is being made.
        image_ids: The images in it.
        creator_id: Who makes it; None for the system.
    """

    version_id: int
    image_set_id: int
    name: str
    description: str
    revision: int
    content_digest: str
    image_ids: tuple[int, ...]
    creator_id: int | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """A background job that has ended.

    Attributes:
        job_id: The job.
        type: Full name of its type, ``<plugin>.<name>``.
        state: How it ended.
        image_set_id: The image set it worked on, if any.
        image_id: The image it worked on, if any.
        owner_id: Who started it; None for the system.
        message: Its last message, or why it failed.
        result: What it returned: plain JSON values.
    """

    job_id: int
    type: str
    state: JobState
    image_set_id: int | None = None
    image_id: int | None = None
    owner_id: int | None = None
    message: str = ""
    result: Mapping[str, object] = field(default_factory=dict)
