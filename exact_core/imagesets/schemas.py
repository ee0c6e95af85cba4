"""What the API of image sets takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from exact_core.api.contributions import Role
from exact_core.auth.schemas import Description, Input, PersonOut, TeamRef

SetName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=150)]
TagName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Mode = Literal["cooperative", "competitive", "second_opinion"]
MAX_TAGS = 50


class ImageSetIn(Input):
    """A new image set."""

    team_id: int
    name: SetName
    description: Description = ""
    mode: Mode = "cooperative"
    tags: list[TagName] = Field(default=[], max_length=MAX_TAGS)


class ImageSetChange(Input):
    """What changes about an image set; what is absent stays."""

    name: SetName | None = None
    description: Description | None = None
    mode: Mode | None = None
    is_locked: bool | None = None
    team_id: int | None = None
    reason: str = Field("", max_length=500, description="Needed for another mode that ends blindness; it is kept.")


class ImageSetOut(BaseModel):
    """An image set, as far as the actor may see it."""

    id: int
    name: str
    description: str
    team: TeamRef
    mode: Mode
    is_blind: bool = Field(description="Whether its readers are blind to each other now.")
    unblinded_at: datetime | None = Field(description="When everybody was allowed to see everybody's work.")
    is_locked: bool = Field(description="Read-only for everybody until somebody who manages it unlocks it.")
    revision: int = Field(description="Of its annotations; grows with every change.")
    image_count: int
    ready_count: int = Field(description="Images that can be annotated now.")
    cover_image_id: int | None = Field(description="An image to show as its picture.")
    tags: list[str]
    is_pinned: bool
    role: Role | None = Field(description="Your role; null for an administrator who has none.")
    rights: list[str] = Field(description="What you may do in it.")
    created_at: datetime
    deleted_at: datetime | None = None


class ImageSetPage(BaseModel):
    """A page of image sets: pinned ones first."""

    items: list[ImageSetOut]
    next_cursor: str | None
    total: int


class TagsIn(Input):
    """All tags that an image set shall carry."""

    tags: list[TagName] = Field(max_length=MAX_TAGS)


class TagOut(BaseModel):
    """A tag, and how many of the image sets that you see carry it."""

    name: str
    image_set_count: int


class RoleIn(Input):
    """A role to give."""

    role: Role


class MemberOut(BaseModel):
    """Somebody, or a whole team, with a role."""

    user: PersonOut | None = None
    team: TeamRef | None = None
    role: Role
    source: Literal["set", "team"] = Field(
        description="'team': by belonging to the owning team, to be changed there; 'set': given here."
    )


class RightOut(BaseModel):
    """Whether somebody has a right, and why."""

    right: str
    title: str = Field(description="What it allows, in words, for a right of a plugin; else empty.")
    allowed: bool
    why: str


class RightsOut(BaseModel):
    """Every right of somebody in an image set."""

    user: PersonOut
    role: Role | None
    rights: list[RightOut]
