"""The JSON of searching at the edge."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from exact_core.annotations.set_writing import MAX_ROWS
from exact_core.search.tokens import MAX_LENGTH

_Id = Annotated[int, Field(ge=1, le=2**53)]
_Query = Annotated[str, StringConstraints(max_length=MAX_LENGTH)]
_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")
]


class PersonOut(BaseModel):
    """Somebody."""

    id: int
    name: str


class FrameOut(BaseModel):
    """The frame that a shape belongs to; -1 for every one of an axis."""

    z: int
    t: int
    c: int


class HitOut(BaseModel):
    """An annotation that fulfils the query, without its outline."""

    id: int
    uuid: str
    image_id: int
    type_id: int
    shape: str
    box: tuple[int, int, int, int] = Field(description="x0, y0, x1, y1 in level-0 pixels, both ends inside.")
    frame: FrameOut
    text: str
    attributes: dict[str, Any]
    author: PersonOut | None
    claimed_author: str
    created_at: datetime
    edited_at: datetime
    revision: int
    may_edit: bool


class SearchedImageOut(BaseModel):
    """An image that hits lie on."""

    id: int
    name: str
    mpp_x: float | None
    mpp_y: float | None


class HitPageOut(BaseModel):
    """A page of hits, in the order of the images and of their place there."""

    items: list[HitOut]
    next_cursor: str | None
    is_partial: bool = Field(description="The time was over before the page was full; the cursor goes on from there.")
    images: list[SearchedImageOut]
    notes: list[str]


class HitCountOut(BaseModel):
    """How many hits there are."""

    total: int
    notes: list[str]


class TypeFacetOut(BaseModel):
    """Hits of one class, and with those of the classes below it."""

    type_id: int
    name: str
    color: str
    count: int
    with_descendants: int


class AuthorFacetOut(BaseModel):
    """Hits of one author; none for imports and models."""

    author: PersonOut | None
    count: int


class FacetsOut(BaseModel):
    """Numbers of hits per class and author."""

    total: int
    types: list[TypeFacetOut]
    authors: list[AuthorFacetOut]
    notes: list[str]


class SearchFieldOut(BaseModel):
    """Something that can be searched for."""

    name: str
    title: str
    kind: str
    operators: list[str]
    description: str
    example: str
    values: list[str] = Field(description="Values to offer, at most a few hundred.")
    plugin: str = Field(description="The plugin that it comes from; empty for the core.")


class SearchFieldsOut(BaseModel):
    """Everything that can be searched for."""

    items: list[SearchFieldOut]


class BulkEditIn(BaseModel):
    """Change all hits of a query, or some of them, as one change of the image set."""

    model_config = ConfigDict(extra="forbid")

    q: _Query
    image_id: _Id | None = Field(None, description="Only hits on this image.")
    ids: list[_Id] | None = Field(None, max_length=MAX_ROWS, description="Only these hits.")
    type_id: _Id | None = Field(None, description="The class that they get.")
    attributes: dict[str, Any] = Field({}, description="Values that they get; null takes a value away.")
    delete: bool = False
    expected_revision: Annotated[int, Field(ge=0)] | None = Field(
        None, description="The revision of the preview; when others have changed something since, nothing is done."
    )
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class BulkCountOut(BaseModel):
    """Annotations of one class among those that change, before and after."""

    type_id: int
    name: str
    before: int
    after: int


class BulkRefusedOut(BaseModel):
    """Hits that stay as they are, and why."""

    reason: str
    count: int


class BulkEditOut(BaseModel):
    """What a change of all hits does, or did."""

    revision: int = Field(description="The revision that the preview saw, or that the change made.")
    total: int
    changed: int
    counts: list[BulkCountOut]
    refused: list[BulkRefusedOut]
    dropped_values: dict[str, int] = Field(description="Values that the new class cannot have, by attribute.")


class BulkUndoneOut(BaseModel):
    """What undoing a change of the whole set did."""

    revision: int
    changed: int
    skipped: int = Field(description="Left as they are, because they were changed since.")


class BulkChangeOut(BaseModel):
    """A change of the whole set that was made."""

    revision: int
    kind: str
    reason: str
    annotations: int
    by: PersonOut | None
    at: datetime
    undone_by: int | None


class BulkChangesOut(BaseModel):
    """Changes of the whole set, newest first."""

    items: list[BulkChangeOut]


class SavedSearchIn(BaseModel):
    """A search to keep."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    query: _Query
    is_shared: bool = False


class SavedSearchPatchIn(BaseModel):
    """A change of a kept search; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: _Name | None = None
    query: _Query | None = None
    is_shared: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.name is None and self.query is None and self.is_shared is None:
            raise ValueError("say what to change")
        return self


class SavedSearchOut(BaseModel):
    """A kept search."""

    id: int
    name: str
    query: str
    is_shared: bool
    is_own: bool
    may_delete: bool
    owner: PersonOut | None = Field(description="Not told to readers of a blind image set.")
    updated_at: datetime


class SavedSearchesOut(BaseModel):
    """Kept searches, by name."""

    items: list[SavedSearchOut]
