"""The second half of an import: what was set aside becomes annotations, all of it in one transaction or nothing.

Each image gets one revision of its set, however many shapes come to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.service import AnnotationHooks
from exact_core.annotations.writing import Writer
from exact_core.api.context import Actor
from exact_core.api.errors import Forbidden, Invalid
from exact_core.auth.rights import Right, Rights
from exact_core.exchange.axes import Mend, Unit, YAxis, growth_of, mend_of
from exact_core.exchange.catalog import images_of, type_of, types_of
from exact_core.exchange.document import ExchangeImage, ExchangeType, Report
from exact_core.exchange.image_store import ImageStore
from exact_core.exchange.matching import Labels, images_of_file, types_of_labels
from exact_core.exchange.reading import Content
from exact_core.exchange.staging import Staging
from exact_core.exchange.values import definitions_of
from exact_core.products import service as products
from exact_core.products import types as product_types
from exact_core.storage.database import Database
from exact_core.storage.models import ImageSetProduct
from exact_core.storage.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from exact_core.storage.models import Product

_NAMED = 12  # labels and images that a refusal names


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
    """What an import did.

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
    """Where an import goes: a set, or one image of it, for one actor."""

    database: Database
    hooks: AnnotationHooks
    actor: Actor
    image_set_id: int
    image_id: int | None = None
    file_name: str = ""


def store(
    target: Target,
    staging: Staging,
    content: Content,
    options: Options,
    *,
    told: Callable[[float], None] = lambda _: None,
    before_commit: Callable[[Session, Stored], None] = lambda _session, _stored: None,
) -> Stored:
    """Make annotations of everything that was set aside.

    Args:
        target: Where to, and for whom.
        staging: The shapes.
        content: What reading found out about them.
        options: How.
        told: Hears how far it is; called inside of the transaction, may raise to take everything back.
        before_commit: Called at the end of the transaction with what was done.
    """
    report = _carried_over(content.report, skip_bad=options.skip_bad)
    stored = Stored(report)
    with UnitOfWork(target.database, target.hooks, target.actor) as uow:
        _require_annotate(uow.session, target)
        images = _images(uow.session, target, staging, report)
        labels = _labels(uow.session, target, content, options, stored)
        record = uow.record if target.hooks.hears_annotations(target.image_set_id) else None
        total, done, run = max(content.shapes, 1), 0, ""
        for number, image in images.items():
            mend = _mend(staging, number, image, options, report)
            writer = Writer(uow.session, target.actor, image.id, rights_in(uow.session), record)
            reason = options.run or content.format
            # All images of a file are one run, so that they are reverted together.
            run = run or options.run or f"import {writer.facts.revision + 1}"
            updates = options.on_duplicate == "update"
            image_store = ImageStore(writer, labels, mend, stored, reason, run, updates=updates)
            for piece in staging.pieces(number):
                image_store.add(piece)
                done += len(piece)
                told(done / total)
            image_store.finish()
        before_commit(uow.session, stored)
    return stored


def _carried_over(read: Report, *, skip_bad: bool) -> Report:
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


def _require_annotate(session: Session, target: Target) -> None:
    Rights(session).require(target.actor, Right.ANNOTATE, target.image_set_id)


def _images(session: Session, target: Target, staging: Staging, report: Report) -> dict[int, ExchangeImage]:
    """The image for each name in the file; shapes of others are refused."""
    rights = Rights(session)
    private = rights.decide(target.actor, Right.PRIVATE_NAMES, target.image_set_id).allowed
    chosen = None if target.image_id is None else [target.image_id]
    images = images_of(session, target.image_set_id, chosen, with_file_names=private)
    warnings: list[str] = []
    found = images_of_file(
        staging.names, images, is_chosen=chosen is not None, file_name=target.file_name, warn=warnings
    )
    for warning in warnings:
        report.warn(warning)
    missing = [name for number, name in enumerate(staging.names) if number not in found]
    if missing and not found:
        raise Invalid(_no_image(missing, target))
    for name in missing:
        words = f"image {name!r}" if name is not None else "shapes without an image"
        report.refuse(words, "this image set has no image of that name")
    return found


def _no_image(missing: Sequence[str | None], target: Target) -> str:
    place = "the chosen image" if target.image_id is not None else "any image of this set"
    named = [name for name in missing if name is not None][:_NAMED]
    if not named:
        return "The file does not say which image its shapes belong to; import it for one image."
    return f"The file's images are not {place}: {', '.join(named)}. Choose the image that it is for."


def _labels(session: Session, target: Target, content: Content, options: Options, stored: Stored) -> Labels:
    types = types_of(session, target.image_set_id, only_active=True)
    found = types_of_labels(content.labels, types, options.labels)
    if options.create_types_in is not None:
        wanted = [label for label in found.unknown if label and label not in options.labels]
        types += _create_types(session, target, content, options.create_types_in, wanted, stored)
        found = types_of_labels(content.labels, types, options.labels)
    if found.unknown and not stored.report.skips_bad:
        listed = [f"{label or '(none)'!s}: {why}" for label, why in list(found.unknown.items())[:_NAMED]]
        raise Invalid(
            f"{len(found.unknown)} labels of the file have no annotation type: {'; '.join(listed)}. Say which types "
            "they are, leave them out, or let types be made for them."
        )
    return found


def _create_types(
    session: Session, target: Target, content: Content, product_id: int, labels: Sequence[str], stored: Stored
) -> list[ExchangeType]:
    """New types of a product that the set uses and the actor may change."""
    product = products.find_to_edit(session, target.actor, product_id)
    if session.get(ImageSetProduct, (target.image_set_id, product_id)) is None:
        raise Forbidden(f"The product {product.name!r} is not used by this image set; add it first.")
    return [_create_type(session, product, label, content, stored) for label in labels]


def _create_type(session: Session, product: Product, label: str, content: Content, stored: Stored) -> ExchangeType:
    facts = content.labels[label]
    values = {
        "name": label,
        "shapes": [shape for shape, _ in facts.shapes.most_common()],
        "color": facts.color,
        "attributes": definitions_of(facts.attributes),
    }
    kind = product_types.create(session, product, values)
    stored.created_types.append(label)
    return type_of(kind, product.name)


def _mend(staging: Staging, number: int, image: ExchangeImage, options: Options, report: Report) -> Mend:
    size = staging.sizes[number]
    growth = growth_of(image, size)
    if growth is None and size is not None:
        told = f"{size[0]} × {size[1]}"
        report.warn(f"{image.name}: the file says it has {told} pixels, and it has {image.width} × {image.height}")
    mend = mend_of(staging.boxes(number), image, unit=options.unit, y_axis=options.y_axis, growth=growth or (1.0, 1.0))
    if mend.words:
        report.warn(f"{image.name}: {mend.words}")
    return mend
