"""What becomes of the images, labels and coordinates of a file: decided the same way for a preview and an import."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.orm import Session

from exact_core.annotations.service import AnnotationHooks
from exact_core.api.context import Actor
from exact_core.api.errors import Invalid
from exact_core.auth.rights import Right, Rights
from exact_core.exchange.axes import Mend, Unit, YAxis, growth_of, mend_of
from exact_core.exchange.catalog import images_of
from exact_core.exchange.document import ExchangeImage, Report
from exact_core.exchange.matching import Labels, images_of_file
from exact_core.exchange.slide_files import SlideFiles
from exact_core.exchange.staging import Staging
from exact_core.storage.database import Database

NAMED = 12
"""Labels and images that a refusal names."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to import what a file holds.

    Attributes:
        labels: Decided by hand: number or name of the type for a label, None to leave its shapes out.
        create_types_in: The product that gets types for labels that have none.
        on_duplicate: What happens to annotations that the image has already, in another state.
        skip_bad: Leave out shapes that cannot be kept, instead of refusing all.
        unit: Of the file's coordinates.
        y_axis: Where it points to.
        run: What the import is called in the history: the run of a model, for example.
    """

    labels: Mapping[str, int | str | None] = field(default_factory=dict)
    create_types_in: int | None = None
    on_duplicate: Literal["skip", "update"] = "skip"
    skip_bad: bool = False
    unit: Unit = "auto"
    y_axis: YAxis = "auto"
    run: str = ""


@dataclass(slots=True)
class Stored:
    """What an import did, or would do.

    Attributes:
        added: New annotations.
        updated: Annotations that were there and got the file's state.
        unchanged: Annotations that were there as the file says.
        skipped: Annotations that were there and were left as they are, though the file says something else.
        left_out: Shapes whose label was to be left out.
        created_types: Names of new annotation types.
        revisions: The revision of each image that was changed, by its number.
        report: What was lost, mended and refused.
    """

    report: Report
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    left_out: int = 0
    created_types: list[str] = field(default_factory=list)
    revisions: dict[int, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The form that the API and ``--json`` answer."""
        return {
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "skipped": self.skipped,
            "left_out": self.left_out,
            "created_types": self.created_types,
            "images": [{"image_id": image, "revision": revision} for image, revision in self.revisions.items()],
            "report": self.report.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Target:
    """Where an import goes: a set, or one image of it, for one actor; ``slides`` reads what their own files say."""

    database: Database
    hooks: AnnotationHooks
    actor: Actor
    image_set_id: int
    image_id: int | None = None
    file_name: str = ""
    slides: SlideFiles | None = None


def require_annotate(session: Session, target: Target) -> None:
    """Refuse who may not annotate in the set."""
    Rights(session).require(target.actor, Right.ANNOTATE, target.image_set_id)


def carried_over(read: Report, *, skip_bad: bool) -> Report:
    """What reading told, at the head of what storing tells."""
    if read.refused and not skip_bad:
        place, reason = read.refused[0]
        more = f" {read.refused_count - 1:,} more cannot be read." if read.refused_count > 1 else ""
        raise Invalid(f"{place}: {reason}{more} Nothing was imported; bad shapes can be skipped.")
    report = Report(skip_bad=skip_bad)
    report.losses = Counter(read.losses)
    report.warnings = list(read.warnings)
    report.refused, report.refused_count = list(read.refused), read.refused_count
    return report


def images_for(
    session: Session, target: Target, names: Sequence[str | None], report: Report
) -> dict[int, ExchangeImage]:
    """The image for each name in the file, by its number; shapes of others are refused."""
    rights = Rights(session)
    private = rights.decide(target.actor, Right.PRIVATE_NAMES, target.image_set_id).allowed
    chosen = None if target.image_id is None else [target.image_id]
    images = images_of(session, target.image_set_id, chosen, with_file_names=private)
    warnings: list[str] = []
    found = images_of_file(names, images, is_chosen=chosen is not None, file_name=target.file_name, warn=warnings)
    for warning in warnings:
        report.warn(warning)
    missing = [name for number, name in enumerate(names) if number not in found]
    if missing and not found:
        raise Invalid(_no_image(missing, target))
    for name in missing:
        words = f"image {name!r}" if name is not None else "shapes without an image"
        report.refuse(words, "this image set has no image of that name")
    return found


def _no_image(missing: Sequence[str | None], target: Target) -> str:
    place = "the chosen image" if target.image_id is not None else "any image of this set"
    named = [name for name in missing if name is not None][:NAMED]
    if not named:
        return "The file does not say which image its shapes belong to; import it for one image."
    return f"The file's images are not {place}: {', '.join(named)}. Choose the image that it is for."


def words_about_unknown(labels: Labels) -> str:
    """What is told about labels without a type; empty when there is none."""
    if not labels.unknown:
        return ""
    listed = [f"{label or '(none)'!s}: {why}" for label, why in list(labels.unknown.items())[:NAMED]]
    if len(labels.unknown) == 1:
        return (
            f"One label of the file has no annotation type: {listed[0]}. Say which type it is, leave it out, or let a"
            " type be made for it."
        )
    return (
        f"{len(labels.unknown)} labels of the file have no annotation type: {'; '.join(listed)}. Say which types "
        "they are, leave them out, or let types be made for them."
    )


def mend_for(staging: Staging, number: int, image: ExchangeImage, options: Options, report: Report) -> Mend:
    """What to do to the coordinates of the shapes of one image; told as a warning when it is something."""
    size = staging.sizes[number]
    growth = growth_of(image, size)
    if growth is None and size is not None:
        told = f"{size[0]} × {size[1]}"
        report.warn(f"{image.name}: the file says it has {told} pixels, and it has {image.width} × {image.height}")
    mend = mend_of(staging.boxes(number), image, unit=options.unit, y_axis=options.y_axis, growth=growth or (1.0, 1.0))
    if mend.words:
        report.warn(f"{image.name}: {mend.words}")
    return mend
