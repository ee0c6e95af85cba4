"""Imports, exports and templates as ``/api/v2`` speaks of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from exact_core.api.contributions import Shape
from exact_core.exchange.exports import ExportWish
from exact_core.exchange.planning import Options

Id = Annotated[int, Field(ge=1, le=2**53)]


class FormatOut(BaseModel):
    """A format of annotation files that is offered in an image set."""

    name: str
    title: str
    extension: str
    can_import: bool
    can_export: bool
    one_image: bool = Field(description="A file is of one image; several images make an archive.")
    plugin: str = Field(description="Which plugin brings it; empty for the core's own.")


class LossOut(BaseModel):
    """Something that was not carried over, and how often."""

    what: str
    count: int


class RefusedOut(BaseModel):
    """A shape that cannot be kept, where it stands in the file, and why."""

    place: str
    reason: str


class ReportOut(BaseModel):
    """What was not carried over, what was recognised, and what was refused."""

    losses: list[LossOut] = []
    warnings: list[str] = []
    refused: list[RefusedOut] = Field(default=[], description="The first ones; refused_count counts all.")
    refused_count: int = 0


class ImportOptions(BaseModel):
    """How to import what a file holds."""

    model_config = ConfigDict(extra="forbid")

    labels: dict[Annotated[str, Field(max_length=200)], Id | Annotated[str, Field(max_length=200)] | None] = Field(
        default_factory=dict,
        max_length=5_000,
        description="By hand: number or name of the type for a label of the file; null leaves its shapes out.",
    )
    create_types_in: Id | None = Field(None, description="A product that gets types for labels that have none.")
    on_duplicate: Literal["skip", "update"] = Field(
        "skip", description="What becomes of annotations that are here already, in another state."
    )
    skip_bad: bool = Field(False, description="Leave out what cannot be kept, instead of refusing all.")
    unit: Literal["auto", "px", "um"] = "auto"
    y_axis: Literal["auto", "down", "up"] = "auto"
    run: str = Field("", max_length=200, description="What the import is called in the history, such as a model's run.")

    def options(self) -> Options:
        """The form that imports use."""
        return Options(**self.model_dump())


class PreviewIn(ImportOptions):
    """Look at the file again, with other options, for another image, or as another format."""

    image_id: Id | None = Field(None, description="The image that all shapes are for; null for those the file names.")
    format: str = Field("", max_length=80, description="Empty to find it out.")

    def options(self) -> Options:
        """The form that imports use."""
        return Options(**self.model_dump(exclude={"image_id", "format"}))


class ImportOut(BaseModel):
    """A file of annotations on its way in."""

    id: int
    image_set_id: int
    image_id: int | None
    owner_id: int | None
    state: Literal["reading", "ready", "storing", "done", "undoing", "undone", "failed"]
    message: str = Field(description="Why it failed.")
    progress: float
    doing: str
    job_id: int | None
    file_name: str
    size_bytes: int
    asked_format: str
    options: dict[str, Any]
    preview: dict[str, Any] = Field(description="What it would do; empty until the file was looked at.")
    result: dict[str, Any] = Field(description="What it did, and under 'undo' what was taken back.")
    created_at: datetime
    done_at: datetime | None


class ExportIn(BaseModel):
    """What to export, and how."""

    model_config = ConfigDict(extra="forbid")

    format: str = Field("", max_length=80, description="Name of a format; empty with a template.")
    template_id: Id | None = None
    version_id: Id | None = Field(None, description="As of this version, with the images that it had; null for now.")
    image_ids: list[Id] | None = Field(None, max_length=100_000, description="Null for all images.")
    type_ids: list[Id] = Field(default=[], max_length=5_000)
    author_ids: list[Id] = Field(default=[], max_length=5_000)
    shapes: list[Shape] = Field(default=[], max_length=20)
    private_names: bool = Field(False, description="Call images by their original names; needs the right to them.")

    def wish(self) -> ExportWish:
        """The form that exports use."""
        return ExportWish(
            self.format,
            self.template_id,
            self.version_id,
            None if self.image_ids is None else tuple(self.image_ids),
            tuple(self.type_ids),
            tuple(self.author_ids),
            tuple(shape.value for shape in self.shapes),
            self.private_names,
        )


class ExportOut(BaseModel):
    """A file of annotations on its way out."""

    id: int
    image_set_id: int
    state: Literal["writing", "done", "failed"]
    message: str
    progress: float
    job_id: int | None
    wanted: dict[str, Any]
    report: ReportOut
    file_name: str
    media_type: str
    size_bytes: int
    created_at: datetime


class TemplateIn(BaseModel):
    """A format of one's own: text with placeholders."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    description: str = Field("", max_length=500)
    extension: str = Field(".txt", pattern=r"^(\.[A-Za-z0-9]{1,12}){1,2}$")
    scope: Literal["image", "set"] = Field("set", description="One file for each image, or one for the whole set.")
    escape: Literal["none", "json", "csv", "xml"] = Field("none", description="How placeholders are written.")
    header: str = Field("", max_length=20_000)
    image_header: str = Field("", max_length=20_000)
    body: str = Field(max_length=20_000, description="Written for every annotation.")
    separator: str = Field("", max_length=200, description="Plain text between two annotations.")
    image_footer: str = Field("", max_length=20_000)
    footer: str = Field("", max_length=20_000)


class TemplateOut(TemplateIn):
    """A template of an image set or of a product."""

    id: int
    image_set_id: int | None
    product_id: int | None
    may_edit: bool
    created_at: datetime
    changed_at: datetime


class TemplatePreviewIn(TemplateIn):
    """A template to try, and on what."""

    name: str = Field("preview", max_length=100)
    image_id: Id | None = Field(None, description="Of annotations of this image; null for the first that has some.")


class TemplateProblem(BaseModel):
    """What is wrong with a template, and where."""

    part: str
    line: int | None
    message: str


class TemplatePreviewOut(BaseModel):
    """What a template gives for a few annotations."""

    text: str
    annotations: int
    problem: TemplateProblem | None = None
    is_cut: bool = Field(False, description="Only the first part is shown.")
