"""What an import would do, told before it is done: read from what was set aside, nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.api.contributions import Shape
from exact_core.api.errors import ExactError, Forbidden
from exact_core.exchange.axes import Mend
from exact_core.exchange.catalog import types_of
from exact_core.exchange.document import ExchangeImage, ExchangeType
from exact_core.exchange.image_store import ImageStore
from exact_core.exchange.matching import Labels, types_of_labels
from exact_core.exchange.planning import (
    Options,
    Stored,
    Target,
    carried_over,
    images_for,
    mend_for,
    require_annotate,
    words_about_unknown,
)
from exact_core.exchange.reading import Content
from exact_core.exchange.sinks import Rehearsal
from exact_core.exchange.staging import Staging
from exact_core.exchange.storing import new_type_values
from exact_core.products import service as products
from exact_core.storage.models import ImageSetProduct

_MADE = 1 << 50  # numbers of types that are not made yet
_SHOWN = 500  # images and labels that a preview lists


@dataclass(slots=True)
class Preview:
    """What an import would do.

    Attributes:
        content: What the file holds.
        stored: What would be added, changed and left out.
        images: The image for each name in the file.
        mends: What would be done to the coordinates, by the number of the name.
        labels: The type for each label.
        problems: Why the import would be refused as it is asked for.
    """

    content: Content
    stored: Stored
    images: Mapping[str | None, ExchangeImage] = field(default_factory=dict)
    mends: dict[str | None, Mend] = field(default_factory=dict)
    labels: Labels = field(default_factory=lambda: Labels({}, {}))
    problems: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        report = self.stored.report.to_json()
        return {
            "format": self.content.format,
            "shapes": self.content.shapes,
            "images": [self._image(name, n) for name, n in list(self.content.images.items())[:_SHOWN]],
            "image_count": len(self.content.images),
            "labels": [self._label(label) for label in list(self.content.labels)[:_SHOWN]],
            "label_count": len(self.content.labels),
            "added": self.stored.added,
            "updated": self.stored.updated,
            "unchanged": self.stored.unchanged,
            "skipped": self.stored.skipped,
            "left_out": self.stored.left_out,
            "problems": self.problems,
            "report": report,
        }

    def _image(self, name: str | None, shapes: int) -> dict[str, Any]:
        image = self.images.get(name)
        mend = self.mends.get(name)
        return {
            "name": name,
            "shapes": shapes,
            "image_id": image.id if image else None,
            "image_name": image.name if image else None,
            "mend": mend.words if mend else "",
        }

    def _label(self, label: str) -> dict[str, Any]:
        facts, kind = self.content.labels[label], self.labels.types.get(label)
        is_made = kind is not None and kind.id >= _MADE
        return {
            "label": label,
            "count": facts.count,
            "shapes": dict(facts.shapes),
            "color": facts.color,
            "type_id": None if kind is None or is_made else kind.id,
            "type_name": kind.name if kind else None,
            "is_made": is_made,
            "is_left_out": label in self.labels.types and kind is None,
            "problem": self.labels.unknown.get(label, ""),
        }


def preview(
    target: Target,
    staging: Staging,
    content: Content,
    options: Options,
    *,
    told: Callable[[float], None] = lambda _: None,
) -> Preview:
    """Go through an import without writing; raises for who may not import at all."""
    found = Preview(content, Stored(carried_over(content.report, skip_bad=True)))
    with target.database.read() as session:
        require_annotate(session, target)
        try:
            images = images_for(session, target, staging.names, found.stored.report)
            found.labels = _labels(session, target, content, options, found)
        except ExactError as error:
            found.problems.append(error.message)
            return found
        found.images = {staging.names[number]: image for number, image in images.items()}
        _rehearse(session, target, staging, options, images, found, told)
    unlabelled = sum(content.labels[label].count for label in found.labels.unknown)
    count = found.stored.report.refused_count - unlabelled
    if count > 0 and not options.skip_bad:
        found.problems.append(f"{count:,} shapes cannot be kept; leave them out, or mend the file.")
    return found


def _rehearse(
    session: Session,
    target: Target,
    staging: Staging,
    options: Options,
    images: Mapping[int, ExchangeImage],
    found: Preview,
    told: Callable[[float], None],
) -> None:
    total, done = max(found.content.shapes, 1), 0
    stores: dict[int, ImageStore] = {}
    for number, image in images.items():
        try:
            mend = mend_for(staging, number, image, options, found.stored.report)
            if image.id not in stores:
                sink = Rehearsal(session, target.actor, image.id, rights_in(session))
                updates = options.on_duplicate == "update"
                stores[image.id] = ImageStore(sink, found.labels, found.stored, updates=updates)
        except ExactError as error:
            found.problems.append(error.message)
            continue
        found.mends[staging.names[number]] = mend
        for piece in staging.pieces(number):
            stores[image.id].add(piece, mend)
            done += len(piece)
            told(done / total)


def _labels(session: Session, target: Target, content: Content, options: Options, found: Preview) -> Labels:
    """The types of labels, those that would be made among them."""
    types = types_of(session, target.image_set_id, only_active=True)
    labels = types_of_labels(content.labels, types, options.labels)
    if options.create_types_in is not None:
        product = products.find_to_edit(session, target.actor, options.create_types_in)
        if session.get(ImageSetProduct, (target.image_set_id, product.id)) is None:
            raise Forbidden(f"The product {product.name!r} is not used by this image set; add it first.")
        wanted = [label for label in labels.unknown if label and label not in options.labels]
        types += [_made(content, label, _MADE + place, product.name) for place, label in enumerate(wanted)]
        found.stored.created_types = wanted
        labels = types_of_labels(content.labels, types, options.labels)
    if labels.unknown and not options.skip_bad:
        found.problems.append(words_about_unknown(labels))
    return labels


def _made(content: Content, label: str, number: int, product: str) -> ExchangeType:
    values: dict[str, Any] = new_type_values(content, label)
    shapes = tuple(Shape(shape) for shape in values["shapes"])
    return ExchangeType(number, label, product, values["color"] or "#888888", shapes, tuple(values["attributes"]))
