"""The JSON of products and annotation types at the edge."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from exact_core.api.contributions import Shape
from exact_core.products.attributes import CHOOSING, checked

_MAX_ATTRIBUTES = 50
_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")
]
_Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000, pattern=r"^[^\x00]*$")]
_Color = Annotated[str, StringConstraints(to_lower=True, pattern=r"^#[0-9a-fA-F]{6}$")]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Size = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
_Id = Annotated[int, Field(ge=1, le=2**53)]
_ExternalId = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=100, pattern=r"^[^\x00-\x20]*$"),
    Field(description="What it is called elsewhere: NCBI:txid7088, GBIF:797, SNOMED:75540009."),
]
_Rank = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=40, pattern=r"^[^\x00-\x1f]*$"),
    Field(description="Of a label tree: species, genus, family."),
]


class AttributeDefinition(BaseModel):
    """A typed attribute that shapes of a type can have."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,49}$")]
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    description: _Description = ""
    kind: Literal["text", "number", "boolean", "choice", "multi_choice", "date"]
    required: bool = Field(False, description="Shapes without a value are refused when they are saved.")
    unit: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20)] = ""
    min: _Number | None = None
    max: _Number | None = None
    step: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(None, description="Counted from min.")
    choices: list[_Name] = Field([], max_length=200)
    default: Any = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        limits = (self.min, self.max, self.step)
        if self.kind != "number" and (self.unit or any(limit is not None for limit in limits)):
            raise ValueError(f"only a number has unit, min, max and step; {self.name!r} is a {self.kind}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min of {self.name!r} is greater than its max")
        if (self.kind in CHOOSING) != bool(self.choices):
            raise ValueError(f"{self.name!r} needs choices if it is a choice, and has none otherwise")
        if len(set(self.choices)) != len(self.choices):
            raise ValueError(f"{self.name!r} has the same choice twice")
        if self.default is not None:
            self._check_default()
        return self

    def _check_default(self) -> None:
        from exact_core.api.errors import Invalid

        try:
            checked([self.model_dump()], {self.name: self.default}, "the type")
        except Invalid as error:
            raise ValueError(f"the default does not fit: {error.message}") from None


def different_names(attributes: list[AttributeDefinition]) -> list[AttributeDefinition]:
    """The same attributes; ``ValueError`` when two have one name."""
    names = [attribute.name for attribute in attributes]
    if len(set(names)) != len(names):
        raise ValueError("two attributes have the same name")
    return attributes


class AnnotationTypeFields(BaseModel):
    """What can be set of an annotation type."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("shapes", check_fields=False)
    @classmethod
    def _are_different(cls, shapes: list[Shape] | None) -> list[Shape] | None:
        if shapes is not None and len(set(shapes)) != len(shapes):
            raise ValueError("a shape is listed twice")
        return shapes

    @field_validator("attributes", check_fields=False)
    @classmethod
    def _have_different_names(cls, attributes: list[AttributeDefinition] | None) -> list[AttributeDefinition] | None:
        return None if attributes is None else different_names(attributes)


class AnnotationTypeIn(AnnotationTypeFields):
    """A new annotation type."""

    name: _Name
    description: _Description = ""
    shapes: list[Shape] = Field(min_length=1, description="The first is the one drawn by default.")
    color: _Color | None = Field(None, description="#rrggbb; the next unused one of a palette when left out.")
    key: Annotated[str, StringConstraints(pattern=r"^[1-9]$")] | None = None
    default_width: _Size | None = None
    default_height: _Size | None = None
    default_unit: Literal["um", "px"] = "um"
    attributes: list[AttributeDefinition] = Field([], max_length=_MAX_ATTRIBUTES)
    parent_id: _Id | None = Field(None, description="The type above it in the label tree of the same product.")
    external_id: _ExternalId = ""
    rank: _Rank = ""


class AnnotationTypePatchIn(AnnotationTypeFields):
    """A change of an annotation type; what is left out stays."""

    name: _Name | None = None
    description: _Description | None = None
    shapes: list[Shape] | None = Field(None, min_length=1)
    color: _Color | None = None
    key: Annotated[str, StringConstraints(pattern=r"^[1-9]?$")] | None = Field(None, description="Empty: by position.")
    default_width: _Size | None = None
    default_height: _Size | None = None
    default_unit: Literal["um", "px"] | None = None
    attributes: list[AttributeDefinition] | None = Field(None, max_length=_MAX_ATTRIBUTES)
    is_active: bool | None = Field(None, description="False retires the type: no new shapes, old ones stay.")
    parent_id: _Id | None = Field(None, description="The type above it in the label tree; null puts it at the top.")
    external_id: _ExternalId | None = None
    rank: _Rank | None = None
    reason: Annotated[str, StringConstraints(max_length=500)] = Field("", description="Shown in the type's history.")
    drop_values: bool = Field(
        False, description="Drop values of annotations that changed attributes do not allow; without it they stop it."
    )


class ProductIn(BaseModel):
    """A new product, with its types if wanted."""

    model_config = ConfigDict(extra="forbid")

    team_id: _Id
    name: _Name
    description: _Description = ""
    types: list[AnnotationTypeIn] = Field([], max_length=500)


class ProductPatchIn(BaseModel):
    """A change of a product; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: _Name | None = None
    description: _Description | None = None


class ProductCopyIn(BaseModel):
    """A copy of a product with all active types, to change without touching the original."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    team_id: _Id | None = Field(None, description="The original's team when left out.")


class OrderIn(BaseModel):
    """The types of a product in the order in which they are shown."""

    model_config = ConfigDict(extra="forbid")

    type_ids: list[_Id] = Field(max_length=500)


class ProductIdsIn(BaseModel):
    """The products that an image set uses."""

    model_config = ConfigDict(extra="forbid")

    product_ids: list[_Id] = Field(max_length=200)


class NamedOut(BaseModel):
    """Something with a name."""

    id: int
    name: str


class AnnotationTypeOut(BaseModel):
    """An annotation type."""

    id: int
    product: NamedOut
    name: str
    description: str
    shapes: list[Shape]
    color: str
    sort_order: int
    key: str | None
    default_width: float | None
    default_height: float | None
    default_unit: str
    attributes: list[AttributeDefinition]
    is_active: bool
    example_url: str | None
    parent_id: int | None = Field(description="The type above it in the label tree.")
    external_id: str
    rank: str
    merged_into_id: int | None = Field(description="The type that its annotations were given to.")


class AnnotationTypesOut(BaseModel):
    """Annotation types in the order in which they are shown."""

    items: list[AnnotationTypeOut]


class ProductOut(BaseModel):
    """A product as lists show it."""

    id: int
    name: str
    description: str
    team: NamedOut
    created_at: datetime
    type_count: int
    image_set_count: int
    may_edit: bool


class ProductDetailOut(ProductOut):
    """A product with its types."""

    types: list[AnnotationTypeOut]
    image_sets: list[NamedOut] = Field(description="Image sets that use it, as far as the actor may see them.")


class ProductPageOut(BaseModel):
    """A page of products."""

    items: list[ProductOut]
    next_cursor: str | None


class TypeUsageOut(BaseModel):
    """How much a type is used."""

    type_id: int
    annotations: int
    image_sets: int


class ProductUsageOut(BaseModel):
    """How much each type of a product is used, over the image sets whose annotations the actor may see."""

    items: list[TypeUsageOut]


class AttributesIn(BaseModel):
    """Attributes that a type may get."""

    model_config = ConfigDict(extra="forbid")

    attributes: list[AttributeDefinition] = Field(max_length=_MAX_ATTRIBUTES)

    @field_validator("attributes")
    @classmethod
    def _have_different_names(cls, attributes: list[AttributeDefinition]) -> list[AttributeDefinition]:
        return different_names(attributes)


class AttributeEffectOut(BaseModel):
    """What a change of the definitions does to the values of one attribute that live annotations have."""

    name: str
    change: Literal["added", "removed", "changed", "same"]
    values: int = Field(description="Annotations that have a value.")
    kept: int
    dropped: int
    missing: int = Field(description="Annotations without a value of what is required from now on.")


class AttributeEffectsOut(BaseModel):
    """What a change of a type's attributes would do."""

    annotations: int
    dropped: int
    items: list[AttributeEffectOut]


class MergeIn(BaseModel):
    """Give all annotations of a type to another type, and retire it."""

    model_config = ConfigDict(extra="forbid")

    into_id: _Id
    attributes: dict[str, str] = Field({}, description="Attributes that the other type calls differently: old to new.")
    keep_attributes: bool = Field(False, description="Give the other type the attributes that it lacks.")
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class MergedSetOut(BaseModel):
    """What a merge does in one image set; its number of revision undoes it there."""

    image_set_id: int
    name: str
    annotations: int
    revision: int | None


class MergeOut(BaseModel):
    """What a merge does, or did."""

    annotations: int
    values_kept: int
    values_dropped: int
    dropped: dict[str, int] = Field(description="Values that cannot be kept, by attribute.")
    children: int = Field(description="Types that move below the other type.")
    image_sets: list[MergedSetOut]
    problems: list[str] = Field(description="Why it cannot be done; empty when it can.")


class PersonOut(BaseModel):
    """Somebody who did something."""

    id: int
    name: str


class TypeChangeOut(BaseModel):
    """One change of an annotation type."""

    id: int
    type_id: int
    type_name: str
    action: str
    before: dict[str, Any]
    after: dict[str, Any]
    by: PersonOut | None
    at: datetime
    reason: str


class TypeHistoryOut(BaseModel):
    """Changes of the types of a product, newest first."""

    items: list[TypeChangeOut]
    next_cursor: str | None
