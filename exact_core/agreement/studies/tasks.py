"""What a participant does: open an image, finish it, and grade the work at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exact_core.agreement.studies.design import Design
from exact_core.agreement.studies.preparing import prepare
from exact_core.agreement.studies.service import study_in
from exact_core.annotations.access import rights_in
from exact_core.annotations.writing import Writer
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.storage.models import Image, Study, StudyAnswer, StudyParticipant, StudyTask, now
from exact_core.storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image stands in somebody's study; which arm it is in is not told."""

    study_id: int
    title: str
    position: int
    total: int
    is_open: bool
    is_finished: bool
    is_next: bool

    def to_json(self) -> dict[str, Any]:
        """Start data of the viewer."""
        return {
            "id": self.study_id,
            "title": self.title,
            "position": self.position + 1,
            "total": self.total,
            "is_open": self.is_open,
            "is_finished": self.is_finished,
            "is_next": self.is_next,
        }


def place_of(session: Session, user_id: int, image_id: int) -> Place | None:
    """The running study for which somebody reads an image, if there is one."""
    query = (
        select(StudyTask, Study.title)
        .join(Study, Study.id == StudyTask.study_id)
        .where(StudyTask.user_id == user_id, StudyTask.image_id == image_id, Study.state == "running")
    )
    found = session.execute(query).first()
    if found is None:
        return None
    task, title = found
    own = own_tasks(session, task.study_id, user_id)
    following = next((each for each in own if each.finished_at is None), None)
    return Place(
        task.study_id,
        title,
        task.position,
        len(own),
        task.opened_at is not None,
        task.finished_at is not None,
        following is not None and following.id == task.id,
    )


def own_tasks(session: Session, study_id: int, user_id: int) -> list[StudyTask]:
    """Somebody's tasks in order, of images that are still there."""
    query = (
        select(StudyTask)
        .join(Image, Image.id == StudyTask.image_id)
        .where(StudyTask.study_id == study_id, StudyTask.user_id == user_id, Image.deleted_at.is_(None))
        .order_by(StudyTask.position)
    )
    return list(session.scalars(query))


class Participation:
    """One participant in one study."""

    def __init__(self, session: Session, actor: Actor, image_set_id: int, study_id: int) -> None:
        self._session = session
        self._actor = actor
        self.study = study_in(session, image_set_id, study_id)
        takes_part = session.get(StudyParticipant, (study_id, actor.user_id))
        if takes_part is None or self.study.state == "draft":
            raise NotFound(f"There is no study {study_id} in this image set.")

    def shown(self) -> dict[str, Any]:
        """How far one is, and what comes next."""
        own = own_tasks(self._session, self.study.id, self._actor.user_id)
        following = next((task for task in own if task.finished_at is None), None)
        image = self._session.get(Image, following.image_id) if following else None
        answered = select(func.count()).where(
            StudyAnswer.study_id == self.study.id, StudyAnswer.user_id == self._actor.user_id
        )
        return {
            "id": self.study.id,
            "title": self.study.title,
            "description": self.study.description,
            "state": self.study.state,
            "total": len(own),
            "finished": sum(task.finished_at is not None for task in own),
            "next_image": {"id": image.id, "name": image.name} if image else None,
            "questions": list(Design.of_json(self.study.design).questions),
            "has_answered": bool(self._session.scalar(answered)),
        }

    def finish(self, image_id: int) -> None:
        """Say that one is done with an image; its time stops."""
        task = self._task(image_id)
        self._require_running()
        if task.opened_at is None:
            raise Conflict("This image was not opened yet.")
        task.finished_at = task.finished_at or now()
        self._session.flush()

    def answer(self, grades: Sequence[int]) -> None:
        """Grade the work, once all images are done."""
        self._require_running()
        questions = Design.of_json(self.study.design).questions
        if len(grades) != len(questions):
            raise Invalid(f"grades: there are {len(questions)} questions, and {len(grades)} grades.")
        own = own_tasks(self._session, self.study.id, self._actor.user_id)
        if any(task.finished_at is None for task in own):
            raise Conflict("The questions come at the end, when all images are done.")
        mine = {"study_id": self.study.id, "user_id": self._actor.user_id}
        self._session.execute(delete(StudyAnswer).filter_by(**mine))
        self._session.add_all(
            StudyAnswer(**mine, question=number, grade=grade, at=now()) for number, grade in enumerate(grades)
        )
        self._session.flush()

    def open(self, uow: UnitOfWork, image_id: int) -> StudyTask:
        """Begin an image, the next one only; at the first time what is prepared for its arm is copied."""
        task = self._task(image_id, lock=True)
        self._require_running()
        if task.opened_at is not None:
            return task
        own = own_tasks(self._session, self.study.id, self._actor.user_id)
        following = next((each for each in own if each.finished_at is None), None)
        if following is None or following.id != task.id:
            raise Conflict("This image comes later in your study; read the images in their order.")
        # Made in either arm: it is what checks that the participant may annotate, and now.
        writer = Writer(uow.session, self._actor, image_id, rights_in(uow.session), uow.record)
        task.copied = prepare(writer, Design.of_json(self.study.design).arms[task.arm])
        task.opened_at = now()
        self._session.flush()
        return task

    def _task(self, image_id: int, *, lock: bool = False) -> StudyTask:
        query = select(StudyTask).where(
            StudyTask.study_id == self.study.id,
            StudyTask.user_id == self._actor.user_id,
            StudyTask.image_id == image_id,
        )
        task = self._session.scalar(query.with_for_update() if lock else query)
        if task is None:
            raise NotFound(f"Image {image_id} is not among those that you read for this study.")
        return task

    def _require_running(self) -> None:
        if self.study.state != "running":
            raise Conflict(f"The study {self.study.title!r} is closed.")
