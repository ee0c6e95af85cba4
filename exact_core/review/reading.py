"""What changing shapes means for who reads an image: who may draw there, and that work has begun."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.sharing import Rectangle
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden
from exact_core.review.image_states import own_state, write_state
from exact_core.review.items import ACTIVE, ASSIGNMENTS, ITEMS, take_image
from exact_core.review.settings import ModeSettings
from exact_core.review.verdicts import NewVerdict, write_verdicts
from exact_core.storage.models import now

if TYPE_CHECKING:
    from exact_core.annotations.geometry import Box
    from exact_core.annotations.scope import Can, Frame, ImageFacts
    from exact_core.annotations.states import Change

_FINISHED = "You have finished this {}. Take it up again first, if it is still open."


@dataclass(frozen=True, slots=True)
class Task:
    """An item of an image that is assigned to the reader."""

    assignment_id: int
    kind: str
    state: str
    region: Rectangle | None


def begin_reading(
    session: Session, facts: ImageFacts, actor: Actor, can: Can, *, looks_only: bool = False
) -> Reading | None:
    """What the actor's work on an image means, or None when it means nothing.

    With ``looks_only`` nothing is taken: for previews of changes.

    Raises:
        Forbidden: Somebody else reads this image.
        Conflict: The actor has finished it.
    """
    if not actor.user_id:
        return None
    is_second = facts.mode == "second_opinion"
    settings = ModeSettings.stored(facts.mode_settings) if facts.mode_settings or is_second else None
    verifies = settings is not None and facts.mode == "cooperative" and settings.cooperative.owner_verifies
    tasks = _tasks(session, facts.image_id, actor.user_id) if facts.is_assigned else []
    if is_second and not is_free(actor, facts.image_set_id, can):
        assert settings is not None
        _require_task(session, facts, settings, actor.user_id, tasks, looks_only=looks_only)
        tasks = tasks or _tasks(session, facts.image_id, actor.user_id)
    if not tasks and not verifies:
        return None
    return Reading(session, facts.image_id, facts.mode, actor.user_id, tasks, verifies=verifies)


def is_free(actor: Actor, image_set_id: int, can: Can) -> bool:
    """Managers, adjudicators, and everybody once the set is unblinded, are bound to no assignment."""
    return can(actor, "see_all", image_set_id) or can(actor, "adjudicate", image_set_id)


def _tasks(session: Session, image_id: int, reader_id: int) -> list[Task]:
    return tasks_by_image(session, reader_id, ASSIGNMENTS.c.image_id == image_id).get(image_id, [])


def tasks_by_image(session: Session, reader_id: int, where: ColumnElement[bool]) -> dict[int, list[Task]]:
    """What a reader has been given, of the assignments that a condition names."""
    mine, item = ASSIGNMENTS.c, ITEMS.c
    query = (
        select(
            mine.image_id, mine.id, item.kind, mine.state, item.x0, item.y0, item.x1, item.y1, item.z, item.t, item.c
        )
        .select_from(ASSIGNMENTS.join(ITEMS, item.id == mine.item_id))
        .where(
            where, mine.reader_id == reader_id, mine.state.in_(ACTIVE), mine.role == "reader",
            item.kind != "annotation",
        )
    )  # fmt: skip
    found: dict[int, list[Task]] = {}
    for image_id, id_, kind, state, *place in session.execute(query):
        region = Rectangle(*place) if kind == "region" else None
        found.setdefault(image_id, []).append(Task(id_, kind, state, region))
    return found


def _require_task(
    session: Session,
    facts: ImageFacts,
    settings: ModeSettings,
    reader_id: int,
    tasks: Sequence[Task],
    *,
    looks_only: bool,
) -> None:
    if tasks:
        if all(task.state == "done" for task in tasks):
            raise Conflict(_FINISHED.format("image" if tasks[0].kind == "image" else "region"))
    elif settings.second_opinion.items == "image":
        if not looks_only:
            take_image(session, facts.image_set_id, facts.image_id, settings, reader_id)
    elif settings.second_opinion.items == "region" and facts.is_assigned:
        raise Forbidden("No region of this image is assigned to you.")


class Reading:
    """One reader's work on one image, while it is being changed."""

    def __init__(
        self,
        session: Session,
        image_id: int,
        mode: str,
        reader_id: int,
        tasks: Sequence[Task],
        *,
        verifies: bool,
    ) -> None:
        self._session = session
        self._image_id = image_id
        self._mode = mode
        self._reader_id = reader_id
        self._tasks = tasks
        self._verifies = verifies

    def check(self, places: Iterable[tuple[Box, Frame]]) -> None:
        """Refuse to change what lies in a region that the reader has finished; note the regions that are begun.

        Args:
            places: Where the shapes are, and where they will be.
        """
        self.begin(self.require_open(places))

    @property
    def has_finished_regions(self) -> bool:
        """Whether something may lie where it cannot be changed."""
        return any(task.region is not None and task.state == "done" for task in self._tasks)

    def require_open(self, places: Iterable[tuple[Box, Frame]]) -> set[int]:
        """As :meth:`check`, but note nothing: the assignments that would be begun."""
        regions = [task for task in self._tasks if task.region is not None]
        if not regions:
            return set()
        begun: set[int] = set()
        for box, frame in places:
            x, y = box.center
            inside = [each for each in regions if each.region and each.region.has(x, y, frame.z, frame.t, frame.c)]
            is_finished = inside and all(each.state == "done" for each in inside)
            if is_finished and self._mode == "second_opinion":
                raise Conflict(_FINISHED.format("region"))
            begun |= {each.assignment_id for each in inside if each.state == "open"}
        return begun

    def worked(self, revision: int) -> None:
        """Something changed on the image: what waited is in work now."""
        if not self._tasks:
            return
        images = [task for task in self._tasks if task.kind == "image"]
        self.begin({task.assignment_id for task in images if task.state == "open"})
        state = own_state(self._session, self._image_id, self._reader_id)
        done = [task for task in images if task.state == "done"]
        if done and self._mode != "second_opinion":  # it is not verified as it is now
            values = {"state": "in_work", "done_at": None}
            row = ASSIGNMENTS.c
            own = row.id.in_([task.assignment_id for task in done])
            self._session.execute(update(ASSIGNMENTS).where(own).values(**values))
            items = select(row.item_id).where(own)
            self._session.execute(update(ITEMS).where(ITEMS.c.id.in_(items)).values(state="open", closed_at=None))
        if state == "to_do" or (state == "done" and done):
            write_state(self._session, self._image_id, self._reader_id, "in_work", revision)

    def drew(self, changes: Sequence[Change], revision: int) -> None:
        """Accept the reader's own shapes, where the set is made so."""
        own = [each for each in changes if each.after is not None and each.known.author_id == self._reader_id]
        self.accept([each.known.id for each in own], revision)

    def accept(self, own_ids: Sequence[int], revision: int) -> None:
        """Accept shapes of the reader's that are drawn or changed, where the set is made so."""
        if self._verifies:
            verdicts = [NewVerdict(id_, revision, "accepted") for id_ in own_ids]
            write_verdicts(self._session, self._image_id, self._reader_id, revision, verdicts)

    def begin(self, ids: set[int]) -> None:
        """These assignments are in work now."""
        if ids:
            begun = update(ASSIGNMENTS).where(ASSIGNMENTS.c.id.in_(ids)).values(state="in_work", started_at=now())
            self._session.execute(begun)
