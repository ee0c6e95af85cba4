"""What changing shapes on many images at once means for who reads them: the rules of :mod:`review.reading`, in bulk.

A change of a whole set makes nobody a reader of an image: what one has not been given, or has finished, stays.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, not_, or_, select
from sqlalchemy.orm import Session

from exact_core.annotations import number_tables
from exact_core.annotations.scope import ROWS, Can
from exact_core.api.context import Actor
from exact_core.review.items import ASSIGNMENTS
from exact_core.review.reading import Reading, Task, is_free, tasks_by_image
from exact_core.review.settings import ModeSettings
from exact_core.storage.models import ImageSet

if TYPE_CHECKING:
    from exact_core.annotations.set_writing import RowKeys

FINISHED = "on images or regions that you have finished"
NOT_GIVEN = "on images or regions that are not given to you"
_CHUNK = 20_000


class SetReading:
    """One reader's work on the images of a set, while many of them are changed."""

    def __init__(self, session: Session, actor: Actor, image_set: ImageSet, can: Can) -> None:
        self._session = session
        self._reader_id = actor.user_id
        self._set_id, self._mode = image_set.id, image_set.mode
        settings = ModeSettings.stored(image_set.mode_settings)
        self._items = settings.second_opinion.items
        self._is_bound = (
            bool(actor.user_id) and self._mode == "second_opinion" and not is_free(actor, image_set.id, can)
        )
        self._verifies = self._mode == "cooperative" and settings.cooperative.owner_verifies

    @cached_property
    def _tasks(self) -> dict[int, list[Task]]:
        """What the reader has been given, by image."""
        mine = ASSIGNMENTS.c.image_set_id == self._set_id
        return tasks_by_image(self._session, self._reader_id, mine) if self._reader_id else {}

    def refused(self, keys: RowKeys) -> list[tuple[NDArray[np.bool_], str]]:
        """Which rows the reader may not change, and why."""
        if not self._is_bound or not len(keys):
            return []
        finished = np.zeros(len(keys), bool)
        foreign = np.zeros(len(keys), bool)
        for image_id in np.unique(keys.image_id).tolist():
            tasks, here = self._tasks.get(image_id, []), keys.image_id == image_id
            if tasks and all(task.state == "done" for task in tasks):
                finished |= here
            elif any(task.state == "done" and task.region is not None for task in tasks):
                finished[here] = np.isin(keys.annotation_id[here], self._in_finished(tasks, keys.annotation_id[here]))
            elif not tasks and self._is_closed(image_id):
                foreign |= here
        return [(finished, FINISHED), (foreign, NOT_GIVEN)]

    def changed(self, keys: RowKeys, author_ids: NDArray[np.int64], revision: int, *, draws: bool) -> None:
        """Rows were changed: what waited is in work now, and one's own shapes are accepted where the set is made so.

        Args:
            keys: The rows.
            author_ids: Who drew each, 0 for none.
            revision: The revision of the change.
            draws: Whether the new states are the reader's own word, not a former one that comes back.
        """
        if not self._reader_id:
            return
        for image_id in np.unique(keys.image_id).tolist():
            tasks = self._tasks.get(image_id, [])
            if not tasks and not self._verifies:
                continue
            here = keys.image_id == image_id
            reading = Reading(self._session, image_id, self._mode, self._reader_id, tasks, verifies=self._verifies)
            regions = [task for task in tasks if task.region is not None and task.state == "open"]
            ids = keys.annotation_id[here]
            reading.begin({task.assignment_id for task in regions if self._among(ids, _holds([task]))})
            reading.worked(revision)
            if draws:
                reading.accept(ids[author_ids[here] == self._reader_id].tolist(), revision)

    def _is_closed(self, image_id: int) -> bool:
        """Whether somebody without a task may change nothing there."""
        if self._items != "region":
            return self._items == "image"
        given = select(ASSIGNMENTS.c.id).where(ASSIGNMENTS.c.image_id == image_id).limit(1)
        return self._session.scalar(given) is not None

    def _in_finished(self, tasks: list[Task], ids: NDArray[np.int64]) -> list[int]:
        """Annotations that lie in finished regions only."""
        done = [task for task in tasks if task.state == "done"]
        other = [task for task in tasks if task.state != "done"]
        return self._among(ids, and_(_holds(done), not_(_holds(other))) if other else _holds(done))

    def _among(self, ids: NDArray[np.int64], condition: ColumnElement[bool]) -> list[int]:
        """Those of the annotations whose newest state fulfils a condition."""
        found: list[int] = []
        dialect = self._session.get_bind().dialect.name
        for start in range(0, len(ids), _CHUNK):
            chosen = number_tables.table(dialect, "ids", {"id": ids[start : start + _CHUNK]})
            rows = select(ROWS.c.annotation_id).where(ROWS.c.annotation_id.in_(select(chosen.c.id)), condition)
            found += self._session.scalars(rows.distinct())
        return found


def _holds(tasks: list[Task]) -> ColumnElement[bool]:
    return or_(*(task.region.holds(ROWS) for task in tasks if task.region is not None))
