"""Prepared annotations: copied into a participant's own work when they first open the image.

They are then the participant's to keep, change or delete, and nobody else sees them: what blind sets hide stays hidden.
The claimed author says where they came from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from exact_core.agreement.readers import NOBODY, claimed_of, user_of
from exact_core.agreement.studies.design import Arm, Source
from exact_core.annotations.bulk import NewShapes, add
from exact_core.annotations.packing import unpack_many
from exact_core.annotations.scope import ROWS, Frame, ReadScope, holds
from exact_core.annotations.streaming import StreamedAnnotation, stream
from exact_core.annotations.writing import Writer
from exact_core.storage.models import Annotation, Image


def prepare(writer: Writer, arm: Arm) -> int:
    """Copy what the arm's source has on the writer's image; gives how many there are."""
    if arm.source is None:
        return 0
    # Not the participant's own view: whoever manages the set chose what they are given.
    scope = ReadScope(writer.facts, None, arm.source.revision)
    by_frame: dict[Frame, list[StreamedAnnotation]] = defaultdict(list)
    for each in stream(writer.session, scope, conditions=_conditions(arm.source)):
        if each.type_id in writer.types:
            by_frame[each.frame].append(each)
    copied = 0
    for frame, found in by_frame.items():
        shapes = NewShapes(
            columns=unpack_many([each.packed for each in found]),
            type_ids=np.array([each.type_id for each in found], np.int64),
            frame=frame,
            texts=[each.text for each in found],
            attributes=[each.attributes for each in found],
            claimed_author=arm.label,
        )
        added = add(writer, shapes, kind="import", reason="Prepared for a study", skip_bad=True)
        copied += int((added.ids > 0).sum())
    return copied


def source_size(session: Session, image_set_id: int, image_ids: Sequence[int], source: Source) -> int:
    """How many annotations a source has on some images."""
    query = (
        select(func.count())
        .select_from(ROWS)
        .join(Image, Image.id == ROWS.c.image_id)
        .where(
            Image.image_set_id == image_set_id,
            ROWS.c.image_id.in_(image_ids),
            *holds(ROWS, source.revision),
            *_conditions(source),
        )
    )
    return session.scalar(query) or 0


def _conditions(source: Source) -> list[ColumnElement[bool]]:
    row = ROWS.c
    identity = aliased(Annotation)  # a name of its own: the query around may read the table too
    found: list[ColumnElement[bool]] = []
    if source.reader is not None:
        claimed, user = claimed_of(source.reader), user_of(source.reader)
        drawn = select(identity.id).where(identity.id == row.annotation_id, identity.claimed_author == claimed)
        found.append(drawn.exists())
        if user is not None:
            found.append(row.author_id == user)
        elif source.reader == NOBODY:
            found.append(row.author_id.is_(None))
    if source.change_set is not None:
        added, earlier = ROWS.alias("added").c, ROWS.alias("earlier").c
        began = added.annotation_id == row.annotation_id, added.valid_from == source.change_set
        before = earlier.annotation_id == row.annotation_id, earlier.valid_from < source.change_set
        found.append(select(added.annotation_id).where(*began).exists())
        found.append(~select(earlier.annotation_id).where(*before).exists())
    return found
