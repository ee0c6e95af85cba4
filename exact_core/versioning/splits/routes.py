"""Addresses of the splits of a version."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from exact_core.api.deps import CurrentActor, DbSession, services_of
from exact_core.auth.schemas import Input
from exact_core.versioning.access import live_version
from exact_core.versioning.schemas import CreatorOut, VersionName
from exact_core.versioning.splits import service
from exact_core.versioning.splits.dealing import kinds_of

router = APIRouter(prefix="/api/v2", tags=["versions"])

_Part = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f]+$")]
_Share = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
_ImageIds = Annotated[list[int], Field(max_length=100_000)]


class SplitIn(Input):
    """A new split: either shares, or the images of each part."""

    name: VersionName
    group_by: str = Field("", max_length=64, description="Images that share a tag of this kind stay together: patient.")
    shares: dict[_Part, _Share] | None = Field(
        None, min_length=2, max_length=20, description="What each part should get of the images, as ratio."
    )
    parts: dict[_Part, _ImageIds] | None = Field(None, min_length=1, max_length=20)
    seed: str = Field("", max_length=64, description="Orders groups of one size; the name when it is empty.")


class PartOut(BaseModel):
    """One part and its images."""

    name: str
    image_ids: list[int]


class LeakOut(BaseModel):
    """Something that is in more than one part, and should be in one."""

    kind: str = Field(description="The kind of tag by which the split groups, or 'file' for one file in two parts.")
    value: str = Field(description="Which patient or centre; empty for files.")
    parts: list[str]
    image_ids: list[int]


class KindOut(BaseModel):
    """A kind of tag, and how many of its groups lie in more than one part."""

    kind: str
    shared: int
    groups: int


class SplitOut(BaseModel):
    """A split, which never changes, and the check of it."""

    id: int
    version_id: int
    name: str
    group_by: str
    seed: str
    digest: str = Field(description="SHA-256 of the version's content hash and the parts.")
    creator: CreatorOut
    created_at: datetime
    parts: list[PartOut]
    leaks: list[LeakOut]
    ungrouped: int = Field(description="Images without a tag of the kind: each is a group by itself.")
    left_out: int = Field(description="Images of the version that are in no part.")
    kinds: list[KindOut]


class GroupingOut(BaseModel):
    """A kind of tag by which a split can group."""

    kind: str
    groups: int


class SplitsOut(BaseModel):
    """The splits of a version, and by what a new one can group."""

    items: list[SplitOut]
    groupings: list[GroupingOut]


@router.get("/versions/{version_id}/splits", summary="List the splits of a version")
def list_splits(request: Request, version_id: int, actor: CurrentActor, session: DbSession) -> SplitsOut:
    """In the order in which they were made, each with its check for leaks."""
    live_version(session, actor, version_id, services_of(request).snapshot.can)
    images = service.images_of(session, version_id)
    items = [SplitOut.model_validate(service.told(images, each)) for each in service.splits_of(session, version_id)]
    groupings = [GroupingOut(kind=kind, groups=groups) for kind, groups in kinds_of(images).items()]
    return SplitsOut(items=items, groupings=groupings)


@router.post("/versions/{version_id}/splits", status_code=201, summary="Split a version")
def create_split(request: Request, version_id: int, new: SplitIn, actor: CurrentActor) -> SplitOut:
    """Deal its images out to parts, with groups kept whole; for managers of the set. It never changes afterwards."""
    asked: dict[str, Any] = new.model_dump(exclude={"name"})
    with services_of(request).database.write() as session:
        split = service.create_split(session, actor, version_id, new.name, **asked)
        return SplitOut.model_validate(service.told(service.images_of(session, version_id), split))


@router.get("/versions/{version_id}/splits/{split_id}", summary="Read a split of a version")
def read_split(request: Request, version_id: int, split_id: int, actor: CurrentActor, session: DbSession) -> SplitOut:
    """Its parts, and what lies in two of them."""
    split = service.find_split(session, actor, version_id, split_id, services_of(request).snapshot.can)
    return SplitOut.model_validate(service.told(service.images_of(session, version_id), split))


@router.delete("/versions/{version_id}/splits/{split_id}", status_code=204, summary="Remove a split of a version")
def remove_split(request: Request, version_id: int, split_id: int, actor: CurrentActor) -> None:
    """For who made it, for who made the version, and for administrators."""
    with services_of(request).database.write() as session:
        service.remove_split(session, actor, version_id, split_id)
