"""Models as readers: what a model found in the images of a set, above a threshold, beside what people marked.

A model has read the images of which there is a run over the whole image; the newest of each counts. A label stands for
the annotation type that most of its accepted predictions became in the set, else for the type of the same name; labels
that stand for no type are left out. The marks of a model have negative numbers: they are no annotations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.readers import Reader
from exact_core.agreement.readings import Ints, Marks, ReadClass, Readings
from exact_core.api.errors import Invalid, NotFound
from exact_core.predictions.chunks import Shapes
from exact_core.predictions.reading import Wanted, shapes_of
from exact_core.storage.models import (
    AnnotationType,
    ImageSetProduct,
    PredictionDecision,
    PredictionRun,
    Product,
)

_LABEL_FRAME = (0, 0, -1)  # predictions lie in the first plane and time, in every channel


@dataclass(frozen=True, slots=True)
class ModelReader:
    """A model as one more reader: its ``uuid``, and the ``least`` score of what counts as marked."""

    uuid: str
    least: float

    @property
    def key(self) -> str:
        """The key of the reader in the answer."""
        return f"model:{self.uuid}@{self.least:g}"

    @classmethod
    def parse(cls, text: str) -> ModelReader:
        """Read ``<uuid>@<least score>``."""
        uuid, at, least = text.partition("@")
        try:
            score = float(least) if at else 0.5
        except ValueError:
            score = -1.0
        if not 0 <= score <= 1 or len(uuid) != 36:
            raise Invalid(f"{text[:60]!r} is no model; write its uuid, @ and the least score, 0 to 1.")
        return cls(uuid.lower(), score)


def models_in(session: Session, everything: Everything) -> list[dict[str, object]]:
    """Models with runs over whole images of a set: uuid, name and number of images, to choose from."""
    run = PredictionRun
    query = (
        select(run.model_uuid, func.max(run.model_name), func.count(run.image_id.distinct()))
        .where(*_whole(everything))
        .group_by(run.model_uuid)
        .order_by(func.max(run.model_name), run.model_uuid)
    )
    return [{"uuid": uuid, "name": name, "images": images} for uuid, name, images in session.execute(query)]


def with_models(
    session: Session, everything: Everything, readings: Readings, asked: Sequence[ModelReader]
) -> tuple[Readings, Mapping[int, bytes]]:
    """The readings with models as further readers, and the packed geometry of their marks.

    Raises:
        NotFound: A model has no run over a whole image of the set.
    """
    packed: dict[int, bytes] = {}
    for reader in asked:
        readings = _with_one(session, everything, readings, reader, packed)
    return readings, packed


def _with_one(
    session: Session, everything: Everything, readings: Readings, reader: ModelReader, packed: dict[int, bytes]
) -> Readings:
    runs = _newest(session, everything, reader.uuid)
    if not runs:
        raise NotFound(f"The model {reader.uuid} has no run over a whole image of this set.")
    types = _types(session, everything, runs)
    readings = _with_classes(session, readings, set(types.values()))
    places = {image.id: number for number, image in enumerate(readings.images)}
    classes = {each.id: number for number, each in enumerate(readings.classes)}
    number = len(readings.readers)
    parts = [readings.marks]
    has_read = np.zeros(len(readings.images), bool)
    for run in runs:
        place = places.get(run.image_id)
        if place is None:
            continue  # nobody else has read it, so that there is nothing to compare
        has_read[place] = True
        known = [classes.get(types.get(label, 0), -1) for label in run.labels]
        found = shapes_of(session, run, Wanted(least=reader.least))
        found = found.where(np.isin(found.label, [label for label, class_ in enumerate(known) if class_ >= 0]))
        parts.append(_marks(found, place, number, np.array(known), packed))
    marks = _joined(parts)
    name = f"{runs[0].model_name} ≥ {reader.least:g}"
    counted = int((marks.reader == number).sum())
    one = Reader(reader.key, name, counted, int(has_read.sum()))
    return replace(
        readings,
        readers=(*readings.readers, one),
        marks=marks,
        has_read=np.column_stack([readings.has_read, has_read]),
    )


def _whole(everything: Everything) -> tuple[ColumnElement[bool], ...]:
    run = PredictionRun
    return (run.image_set_id == everything.image_set_id, run.state == "ready", run.area.is_(None))


def _newest(session: Session, everything: Everything, uuid: str) -> list[PredictionRun]:
    run = PredictionRun
    query = select(run).where(*_whole(everything), run.model_uuid == uuid).order_by(run.id)
    return list({each.image_id: each for each in session.scalars(query)}.values())


def _types(session: Session, everything: Everything, runs: Sequence[PredictionRun]) -> dict[str, int]:
    """The annotation type of each label."""
    labels = {label for run in runs for label in run.labels}
    named = (
        select(AnnotationType.name, AnnotationType.id)
        .join(ImageSetProduct, ImageSetProduct.product_id == AnnotationType.product_id)
        .where(ImageSetProduct.image_set_id == everything.image_set_id)
    )
    by_name = {name.casefold(): id_ for name, id_ in session.execute(named)}
    found = {label: by_name[label.casefold()] for label in labels if label.casefold() in by_name}
    decision = PredictionDecision
    accepted = (
        select(decision.run_id, decision.label, decision.type_id, func.count())
        .where(decision.run_id.in_([run.id for run in runs]), decision.type_id.is_not(None))
        .where(decision.withdrawn_at.is_(None))
        .group_by(decision.run_id, decision.label, decision.type_id)
        .order_by(func.count(), decision.type_id)
    )
    by_run = {run.id: run for run in runs}
    votes: dict[tuple[str, int], int] = {}
    for run_id, place, type_id, count in session.execute(accepted):
        assert type_id is not None
        key = by_run[run_id].labels[place], type_id
        votes[key] = votes.get(key, 0) + count
    found |= {label: type_id for (label, type_id), _ in sorted(votes.items(), key=lambda item: item[1])}
    return found


def _with_classes(session: Session, readings: Readings, type_ids: set[int]) -> Readings:
    """The readings with types that nobody marked yet."""
    new = type_ids - {each.id for each in readings.classes}
    query = (
        select(AnnotationType.id, AnnotationType.name, Product.id, Product.name, AnnotationType.color)
        .join(Product, Product.id == AnnotationType.product_id)
        .where(AnnotationType.id.in_(new))
        .order_by(AnnotationType.id)
    )
    first = 1 + max((each.place for each in readings.classes), default=-1)
    added = [ReadClass(*row, first + number) for number, row in enumerate(session.execute(query))]
    return replace(readings, classes=(*readings.classes, *added))


def _marks(found: Shapes, image: int, reader: int, classes: Ints, packed: dict[int, bytes]) -> Marks:
    ids = -1 - len(packed) - np.arange(len(found))
    packed.update(zip(ids.tolist(), found.packed, strict=True))
    boxes = found.boxes()
    count = len(found)
    shape = found.steps().shape.astype(np.int64) if count else np.zeros(0, np.int64)
    return Marks(
        ids,
        np.full(count, image),
        np.full(count, reader),
        classes[found.label] if count else np.zeros(0, np.int64),
        shape,
        np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1).astype(np.int64),
        np.tile(np.array(_LABEL_FRAME), (count, 1)),
    )


def _joined(parts: Sequence[Marks]) -> Marks:
    return Marks(*(np.concatenate([getattr(each, name) for each in parts]) for name in Marks.__slots__))
