"""The whole answer about agreement in a set: readers, classes, rule, figures, tables, and where readers differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.comparison import Compared, compare
from exact_core.agreement.figures import Resampling, all_figures
from exact_core.agreement.items import UNREAD
from exact_core.agreement.models import ModelReader, models_in, with_models
from exact_core.agreement.parts import mark_counts, pair_tables
from exact_core.agreement.readings import Readings, geometries, load
from exact_core.agreement.rules import MatchRule

State = Literal["ready", "too_few_readers", "no_common_images"]

MOST_DISAGREEMENTS = 500


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a set.

    Attributes:
        readers: Keys of readers, in the order in which they are shown; empty means all.
        type_ids: Annotation types; empty means all.
        at: As of this revision; now unless given.
        rule: When two marks are the same thing.
        ordered: Whether classes are grades; found out unless given.
        resampling: How intervals are made.
        models: Models that are compared as further readers.
    """

    readers: tuple[str, ...] = ()
    type_ids: tuple[int, ...] = ()
    at: int | None = None
    rule: MatchRule = field(default_factory=MatchRule)
    ordered: bool | None = None
    resampling: Resampling = field(default_factory=Resampling)
    models: tuple[ModelReader, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values, as a job takes them."""
        return asdict(self)

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Question:
        """The question of :meth:`to_json`."""
        return cls(
            tuple(values["readers"]),
            tuple(values["type_ids"]),
            values["at"],
            MatchRule(**values["rule"]),
            values["ordered"],
            Resampling(**values["resampling"]),
            tuple(ModelReader(**each) for each in values.get("models", ())),
        )


def answer(
    session: Session, everything: Everything, question: Question, progress: Callable[[float], None] = lambda _part: None
) -> dict[str, Any]:
    """Compare the readers of a set and say how far they agree, as plain JSON."""
    readings, predicted = _readings(session, everything, question)
    chosen = _chosen(readings, question)
    state = _state(chosen)
    progress(0.05)
    compared = None
    if state == "ready":
        compared = compare(
            chosen, question.rule, lambda ids: _packed(session, ids, question.at, predicted), ordered=question.ordered
        )
    progress(0.15)
    found = all_figures(compared, question.resampling, progress) if compared and len(compared.items) else []
    return {
        "image_set": {"id": everything.image_set_id, "name": everything.name, "mode": everything.mode},
        "revision": readings.revision,
        "as_of": question.at,
        "state": state,
        "rule": compared.rule.to_json() if compared else None,
        "ordered": compared is not None and compared.values is not None,
        "resampling": asdict(question.resampling),
        "all_readers": [asdict(each) for each in readings.readers[: len(readings.readers) - len(question.models)]],
        "models": models_in(session, everything),
        "all_classes": [asdict(each) for each in readings.classes],
        "readers": [asdict(reader) for reader in chosen.readers],
        "classes": [asdict(each) for each in chosen.classes],
        "images": _image_numbers(chosen),
        "items": len(compared.items) if compared else 0,
        "not_comparable": int((~compared.usable).sum()) if compared else 0,
        "figures": [figure.to_json() for figure in found],
        "counts": _counts(compared) if compared else [],
        "confusion": _confusion(compared) if compared else [],
        **(_disagreements(compared, MOST_DISAGREEMENTS) if compared else {"disagreements": [], "disagreeing": 0}),
    }


def compared_of(session: Session, everything: Everything, question: Question) -> Compared | None:
    """What :func:`answer` rests on, for tables of everything; None where nothing can be compared."""
    readings, predicted = _readings(session, everything, question)
    chosen = _chosen(readings, question)
    if _state(chosen) != "ready":
        return None
    return compare(
        chosen, question.rule, lambda ids: _packed(session, ids, question.at, predicted), ordered=question.ordered
    )


def _readings(session: Session, everything: Everything, question: Question) -> tuple[Readings, Mapping[int, bytes]]:
    """What people marked, and the models that are asked for, with the geometry of what these found."""
    return with_models(session, everything, load(session, everything, at=question.at), question.models)


def _chosen(readings: Readings, question: Question) -> Readings:
    models = [each.key for each in question.models]
    return readings.only([*question.readers, *models] if question.readers else None, question.type_ids)


def _packed(
    session: Session, annotation_ids: Sequence[int], at: int | None, predicted: Mapping[int, bytes]
) -> Sequence[bytes]:
    drawn = [annotation_id for annotation_id in annotation_ids if annotation_id not in predicted]
    found = {**predicted, **geometries(session, drawn, at)} if predicted else geometries(session, drawn, at)
    return [found[annotation_id] for annotation_id in annotation_ids]


def _state(readings: Readings) -> State:
    if len(readings.readers) < 2:
        return "too_few_readers"
    return "ready" if (readings.has_read.sum(axis=1) >= 2).any() else "no_common_images"


def _image_numbers(readings: Readings) -> dict[str, int]:
    read = readings.has_read.sum(axis=1)
    everybody = len(readings.readers)
    return {
        "any": int((read > 0).sum()),
        "two": int((read > 1).sum()),
        "all": int((read == everybody).sum()) if everybody else 0,
    }


def _counts(compared: Compared) -> list[dict[str, Any]]:
    """Marks per reader and class, and on how many images."""
    readings = compared.readings
    counts = mark_counts(readings, compared.usable)
    return [
        {
            "reader": reader.key,
            "class_id": each.id,
            "marks": int(counts[:, place, number].sum()),
            "images": int((counts[:, place, number] > 0).sum()),
        }
        for place, reader in enumerate(readings.readers)
        for number, each in enumerate(readings.classes)
    ]


def _confusion(compared: Compared) -> list[dict[str, Any]]:
    """For each two readers what they said of the same things; the last row and column are "missed"."""
    readings = compared.readings
    found = []
    for first in range(len(readings.readers)):
        for second in range(first + 1, len(readings.readers)):
            tables = pair_tables(compared.items, len(readings.images), first, second, len(readings.classes))
            keys = [readings.readers[first].key, readings.readers[second].key]
            found.append({"readers": keys, "table": tables.sum(axis=0).tolist()})
    return found


def _disagreements(compared: Compared, most: int) -> dict[str, Any]:
    """Things that two readers have seen differently, the most divided first."""
    divided = divided_items(compared)
    order = np.argsort(-divided, kind="stable")
    order = order[divided[order] > 0]
    return {
        "disagreements": [item_json(compared, int(number)) for number in order[:most]],
        "disagreeing": len(order),
    }


def divided_items(compared: Compared) -> NDArray[np.float64]:
    """The share of pairs of readers who differ about each thing; "missed" differs from every class."""
    said = compared.items.said
    raters = (said != UNREAD).sum(axis=1)
    same = np.zeros(len(said))
    for value in range(-1, len(compared.readings.classes)):
        n = (said == value).sum(axis=1)
        same += n * (n - 1)
    pairs = raters * (raters - 1)
    return np.where(pairs > 0, 1 - same / np.maximum(pairs, 1), 0.0)


def item_json(compared: Compared, number: int) -> dict[str, Any]:
    """A thing: where it is, and what everybody said: index of a class, -1 for missed, -2 for unread."""
    readings, items = compared.readings, compared.items
    marks = items.mark[number]
    drawn = marks[marks >= 0]
    image = readings.images[int(items.image[number])]
    is_label = bool(readings.marks.where(drawn[:1]).is_label.all())
    x, y = readings.marks.where(drawn).center.mean(axis=0).tolist()
    z, t, _ = readings.marks.frame[drawn[0]].tolist()
    return {
        "image_id": image.id,
        "image": image.name,
        "is_label": is_label,
        "x": None if is_label else round(x, 1),
        "y": None if is_label else round(y, 1),
        "z": z,
        "t": t,
        "said": items.said[number].tolist(),
        "annotations": [
            int(readings.marks.id[mark]) if mark >= 0 and readings.marks.id[mark] > 0 else None
            for mark in marks.tolist()
        ],
    }
