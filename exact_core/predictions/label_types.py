"""Which annotation type a label of a model becomes, and in which of its forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.annotations.outlines import Outlines
from exact_core.annotations.packing import Columns
from exact_core.annotations.rules import TypeRule
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.storage.models import AnnotationType, ImageSetProduct, PredictionRun, PredictionType

_STAND_IN = (Shape.BOX, Shape.POINT)
"""What stands for a form that a type does not allow, in this order."""


def types_for(session: Session, run: PredictionRun, user_id: int) -> dict[str, int]:
    """The annotation type of each label: what the user chose last, else the active type of that name."""
    named = (
        select(AnnotationType.name, AnnotationType.id)
        .join(ImageSetProduct, ImageSetProduct.product_id == AnnotationType.product_id)
        .where(ImageSetProduct.image_set_id == run.image_set_id, AnnotationType.is_active)
        .order_by(AnnotationType.id.desc())
    )
    rows = session.execute(named).all()
    by_name = {name.casefold(): id_ for name, id_ in rows}
    active = {id_ for _, id_ in rows}
    row = PredictionType
    chosen = select(row.label, row.type_id).where(
        row.user_id == user_id, row.image_set_id == run.image_set_id, row.model_kind == run.model_kind
    )
    found = {label: by_name[label.casefold()] for label in run.labels if label.casefold() in by_name}
    remembered = dict(session.execute(chosen).all())
    return found | {label: id_ for label, id_ in remembered.items() if id_ in active and label in run.labels}


def remember(session: Session, run: PredictionRun, user_id: int, chosen: Mapping[str, int]) -> None:
    """Keep what the user chose, for the next run of this kind of model in the set."""
    for label, type_id in chosen.items():
        session.merge(
            PredictionType(
                user_id=user_id,
                image_set_id=run.image_set_id,
                model_kind=run.model_kind,
                label=label,
                type_id=type_id,
            )
        )


def as_allowed(columns: Columns, rules: Sequence[TypeRule]) -> Outlines:
    """Shapes in a form that the type of each allows: their own, else their box, else its middle.

    Args:
        columns: The shapes.
        rules: The type of each.

    Raises:
        Invalid: A type allows none of them.
    """
    xy = columns.xy
    begin = columns.ring_vertex
    shapes: list[tuple[Shape, Sequence[NDArray[np.float64]], Sequence[bool]]] = []
    for number, rule in enumerate(rules):
        own = range(int(columns.ring_start[number]), int(columns.ring_start[number + 1]))
        rings = [xy[begin[ring] : begin[ring + 1]] for ring in own]
        holes = [bool(columns.ring_hole[ring]) for ring in own]
        shape = Shape.from_number(int(columns.shape[number]))
        if shape.value in rule.shapes:
            shapes.append((shape, rings, holes))
        else:
            shapes.append((*_stand_in(shape, rings, rule), [False]))
    return Outlines.of(shapes)


def _stand_in(
    shape: Shape, rings: Sequence[NDArray[np.float64]], rule: TypeRule
) -> tuple[Shape, list[NDArray[np.float64]]]:
    if rings:
        low, high = rings[0].min(axis=0), rings[0].max(axis=0)
        forms = {Shape.BOX: np.array([low, high]), Shape.POINT: np.array([(low + high) / 2])}
        for form in _STAND_IN:
            if form.value in rule.shapes and (form is Shape.POINT or bool((high > low).all())):
                return form, [forms[form]]
    rule.require_shape(shape)
    raise Invalid(f"{rule.name} cannot take this shape.")
