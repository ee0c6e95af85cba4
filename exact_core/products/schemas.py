"""The JSON of products and annotation types at the edge."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from exact_core.api.contributions import Shape
from exact_core.products.attributes import checked

_MAX_ATTRIBUTES = 50
_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")
]
_Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4_000, pattern=r"^[^\x00]*$")]
_Color = Annotated[str, StringConstraints(to_lower=True, pattern=r"^#[0-9a-fA-F]{6}$")]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Size = Annotated[float, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
_Id = Annotated[int, Field(ge=1, le=2**53)]


class AttributeDefinition(BaseModel):
    """A typed attribute that shapes of a type can have."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,49}$")]
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)] = ""
    description: _Description = ""
    kind: Literal["text", "number", "boolean", "choice"]
    unit: Annotated[str, StringConstraints(strip_whitespace=True, max_length=20)] = ""
    min: _Number | None = None
    max: _Number | None = None
    choices: list[_Name] = Field([], max_length=200)
    default: Any = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind != "number" and (self.unit or self.min is not None or self.max is not None):
            raise ValueError(f"only a number has unit, min and max; {self.name!r} is a {self.kind}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min of {self.name!r} is greater than its max")
        if (self.kind == "choice") != bool(self.choices):
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
        names = [attribute.name for attribute in attributes or []]
        if len(set(names)) != len(names):
            raise ValueError("two attributes have the same name")
        return attributes


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
