"""The JSON of annotations at the edge: requests as pydantic checks them, answers as the API documents them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from exact_core.annotations import writing
from exact_core.annotations.rules import MAX_TEXT
from exact_core.annotations.scope import Frame
from exact_core.api.contributions import Shape

_MAX_ID = 2**53

# Checked by numpy, not vertex by vertex: a shape may have a million of them.
_RINGS_SCHEMA = {"type": "array", "items": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}}
GeometryJson = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": "object",
            "title": "Geometry",
            "required": ["shape"],
            "properties": {
                "shape": {"type": "string", "enum": [shape.value for shape in Shape]},
                "rings": {
                    **_RINGS_SCHEMA,
                    "description": "Rings of [x, y] level-0 pixels; of a polygon the first "
                    "is the outline and the others are holes.",
                },
                "points": {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number"}},
                    "description": "Instead of rings, for shapes of one ring.",
                },
                "parts": {
                    "type": "array",
                    "items": _RINGS_SCHEMA,
                    "description": "Instead of rings, for a multi_polygon: the rings of each part.",
                },
            },
        }
    ),
]
_TypeId = Annotated[int, Field(ge=1, le=_MAX_ID)]
_Revision = Annotated[int, Field(ge=0, le=_MAX_ID)]


class FrameIn(BaseModel):
    """The frame that a shape belongs to; -1 for every one of an axis."""

    model_config = ConfigDict(extra="forbid")

    z: int = Field(0, ge=-1, le=32767)
    t: int = Field(0, ge=-1, le=32767)
    c: int = Field(-1, ge=-1, le=32767)

    def value(self) -> Frame:
        """As the domain uses it."""
        return Frame(self.z, self.t, self.c)


class CreateIn(BaseModel):
    """Draw a shape. The uuid is the client's; sending it again changes nothing."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["create"]
    uuid: UUID
    type_id: _TypeId
    geometry: GeometryJson
    frame: FrameIn = FrameIn()
    text: str = Field("", max_length=MAX_TEXT)
    attributes: dict[str, Any] = {}
    claimed_author: str = Field("", max_length=200, description="Who drew it elsewhere, as an import says.")

    def value(self) -> writing.Create:
        """As the domain uses it."""
        return writing.Create(
            str(self.uuid),
            self.type_id,
            self.geometry,
            self.frame.value(),
            self.text,
            self.attributes,
            self.claimed_author,
        )


class _Keyed(BaseModel):
    """Names an annotation by its number or its uuid."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[int, Field(ge=1, le=_MAX_ID)] | None = None
    uuid: UUID | None = None
    base_revision: _Revision | None = Field(None, description="What the client has seen; refused when it is outdated.")

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if self.id is None and self.uuid is None:
            raise ValueError("name the annotation by its id or its uuid")
        return self

    @property
    def key(self) -> int | str:
        """The name that was given; the id where there are both."""
        return self.id if self.id is not None else str(self.uuid)


class ChangesIn(BaseModel):
    """What to change of an annotation; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    type_id: _TypeId | None = None
    geometry: GeometryJson = None
    frame: FrameIn | None = None
    text: str | None = Field(None, max_length=MAX_TEXT)
    attributes: dict[str, Any] | None = Field(None, description="All attributes: those left out are removed.")

    def update(self, key: int | str, base_revision: int | None) -> writing.Update:
        """As the domain uses it."""
        frame = self.frame.value() if self.frame else None
        return writing.Update(key, base_revision, self.type_id, self.geometry, frame, self.text, self.attributes)


class UpdateIn(_Keyed, ChangesIn):
    """Change a shape."""

    op: Literal["update"]

    def value(self) -> writing.Update:
        """As the domain uses it."""
        return self.update(self.key, self.base_revision)


class DeleteIn(_Keyed):
    """Delete a shape; undo brings the same one back."""

    op: Literal["delete"]

    def value(self) -> writing.Delete:
        """As the domain uses it."""
        return writing.Delete(self.key, self.base_revision)


OperationIn = Annotated[CreateIn | UpdateIn | DeleteIn, Field(discriminator="op")]


class AnnotationChangesIn(BaseModel):
    """Ordered operations on one image: all of them become one revision, or none is kept."""

    model_config = ConfigDict(extra="forbid")

    operations: list[OperationIn] = Field(min_length=1, max_length=writing.MAX_OPERATIONS)
    reason: str = Field("", max_length=500)
    run: str = Field(
        "",
        max_length=writing.MAX_RUN,
        description="Names the model run or script that this belongs to. All of it can be reverted by this name, "
        "and it is not among what the person undoes.",
    )


class AnnotationPatchIn(ChangesIn):
    """A change of one annotation."""

    base_revision: _Revision | None = None
    reason: str = Field("", max_length=500)


class AuthorOut(BaseModel):
    """Who drew a shape."""

    id: int
    name: str


class FrameOut(BaseModel):
    """The frame that a shape belongs to."""

    z: int
    t: int
    c: int


class AnnotationOut(BaseModel):
    """One annotation; a deleted one has its identity only."""

    id: int
    uuid: str
    image_id: int
    type_id: int | None = None
    geometry: GeometryJson = None
    frame: FrameOut | None = None
    text: str | None = None
    attributes: dict[str, Any] | None = None
    author: AuthorOut | None
    claimed_author: str
    created_at: datetime
    edited_at: datetime | None
    revision: int
    deleted: bool


class SkippedOut(BaseModel):
    """An annotation that an undo left as it is."""

    id: int
    reason: str


class ChangeSetOut(BaseModel):
    """A kept change: the new revision, and the annotations in the order of the operations."""

    revision: int
    annotations: list[AnnotationOut]
    skipped: list[SkippedOut] = Field([], description="After undo and redo: what others have changed since.")
    complete: bool = Field(True, description="False when too many annotations changed to name them all.")


class UndoStateOut(BaseModel):
    """Whether the user can undo and redo on an image."""

    can_undo: bool
    can_redo: bool
    undo_label: str
    redo_label: str


class CountOut(BaseModel):
    """Live shapes of one type by one author."""

    type_id: int
    author_id: int | None
    count: int


class TypeCountOut(BaseModel):
    """Live shapes of one type."""

    type_id: int
    name: str
    count: int
    with_descendants: int = Field(description="With those of the types below it in the label tree.")


class AuthorCountOut(BaseModel):
    """Live shapes of one author; none for imports and models."""

    author: AuthorOut | None
    count: int


class CountsOut(BaseModel):
    """Live shapes of an image that the actor may see."""

    revision: int
    total: int
    types: list[TypeCountOut]
    authors: list[AuthorCountOut]
    counts: list[CountOut]


class AnnotationPageOut(BaseModel):
    """A page of annotations; ``next_cursor`` is null on the last."""

    items: list[AnnotationOut]
    next_cursor: str | None
