"""Designing, starting and closing studies: for those who manage the set."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.gold import Gold
from exact_core.agreement.readers import names_of, prepared_label
from exact_core.agreement.studies.design import Design, Source
from exact_core.agreement.studies.order import plan
from exact_core.agreement.studies.preparing import source_size
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.storage.models import ChangeSet, Image, Study, StudyAnswer, StudyParticipant, StudyTask, User, now


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one participant is."""

    user_id: int
    name: str
    tasks: int
    finished: int
    has_answered: bool


class Studies:
    """The studies of one set."""

    def __init__(self, session: Session, everything: Everything) -> None:
        self._session = session
        self._everything = everything

    def all(self) -> list[Study]:
        """Newest first."""
        query = select(Study).where(Study.image_set_id == self._everything.image_set_id).order_by(Study.id.desc())
        return list(self._session.scalars(query))

    def get(self, study_id: int) -> Study:
        """One of them."""
        return study_in(self._session, self._everything.image_set_id, study_id)

    def create(
        self, actor: Actor, title: str, description: str, design: Design, participants: Sequence[int], seed: int | None
    ) -> Study:
        """A draft."""
        study = Study(
            image_set_id=self._everything.image_set_id,
            title=title,
            description=description,
            seed=secrets.randbelow(2**31) if seed is None else seed,
            design=design.to_json(),
            created_by_id=actor.user_id or None,
        )
        self._session.add(study)
        self._session.flush()
        self._check(design)
        self._set_participants(study, participants)
        return study

    def change(
        self,
        study_id: int,
        *,
        title: str | None,
        description: str | None,
        design: Design | None,
        participants: Sequence[int] | None,
        seed: int | None,
    ) -> Study:
        """Change what is given; the design of a draft only."""
        study = self.get(study_id)
        study.title = title or study.title
        study.description = study.description if description is None else description
        if design is not None or participants is not None or seed is not None:
            _require(study, "draft", "its design is fixed; copy it into a new one")
        if design is not None:
            self._check(design)
            study.design = design.to_json()
        if seed is not None:
            study.seed = seed
        if participants is not None:
            self._set_participants(study, participants)
        self._session.flush()
        return study

    def start(self, study_id: int) -> Study:
        """Fix the design, give out the tasks, and let participants begin."""
        study = self.get(study_id)
        _require(study, "draft", "it cannot be started again")
        design = Design.of_json(study.design)
        self._check(design)
        people = self.participants(study)
        if not people:
            raise Invalid("participants: a study needs somebody who reads.")
        self._require_annotators(people)
        self._require_free(people, design)
        revision = self._everything.revision
        named = [each.source.reader for each in design.arms if each.source and each.source.reader]
        names = names_of(self._session, named)
        arms = []
        for arm in design.arms:
            if arm.source is None:
                arms.append(arm)
                continue
            source = replace(arm.source, revision=revision if arm.source.revision is None else arm.source.revision)
            if not source_size(self._session, self._everything.image_set_id, design.image_ids, source):
                raise Invalid(
                    f"arms: nothing is prepared for the arm {arm.name!r}: its source has no annotation there."
                )
            who = names.get(source.reader, "") if source.reader else ""
            arms.append(replace(arm, source=source, label=prepared_label(study.id, who or arm.name)))
        design = replace(design, arms=tuple(arms))
        study.design = design.to_json()
        study.state, study.revision, study.started_at = "running", revision, now()
        turns = plan(
            len(design.image_ids),
            len(people),
            len(design.arms),
            assignment=design.assignment,
            order=design.order,
            seed=study.seed,
        )
        self._session.flush()
        rows = [
            {"study_id": study.id, "user_id": user_id, "image_id": design.image_ids[turn.image], "position": position,
             "arm": turn.arm, "copied": 0}
            for user_id, own in zip(people, turns, strict=True)
            for position, turn in enumerate(own)
        ]  # fmt: skip
        self._session.execute(insert(StudyTask), rows)
        return study

    def close(self, study_id: int) -> Study:
        """End a study; what was read stays and can be reported."""
        study = self.get(study_id)
        _require(study, "running", "only a running study can be closed")
        study.state, study.closed_at = "closed", now()
        self._session.flush()
        return study

    def delete(self, study_id: int) -> None:
        """Forget a study with its times and answers; annotations stay. A running one must be closed first."""
        study = self.get(study_id)
        if study.state == "running":
            raise Conflict(f"The study {study.title!r} is running; close it first.")
        self._session.delete(study)
        self._session.flush()

    def participants(self, study: Study) -> list[int]:
        """Who reads, in their order."""
        query = select(StudyParticipant.user_id).where(StudyParticipant.study_id == study.id)
        return list(self._session.scalars(query.order_by(StudyParticipant.position)))

    def progress(self, study: Study) -> list[Progress]:
        """How far everybody is."""
        done = func.count(StudyTask.finished_at)
        counted = (
            select(StudyTask.user_id, func.count(), done)
            .where(StudyTask.study_id == study.id)
            .group_by(StudyTask.user_id)
        )
        tasks = {user_id: (total, finished) for user_id, total, finished in self._session.execute(counted)}
        answered = set(self._session.scalars(select(StudyAnswer.user_id).where(StudyAnswer.study_id == study.id)))
        people = self.participants(study)
        users = {user.id: user for user in self._session.scalars(select(User).where(User.id.in_(people)))}
        return [
            Progress(
                id_, users[id_].display_name or users[id_].name, *tasks.get(id_, (0, 0)), has_answered=id_ in answered
            )
            for id_ in people
        ]

    def warnings(self, study: Study) -> list[str]:
        """What can spoil the comparison."""
        found = []
        if self._everything.mode != "competitive":
            found.append(
                "The set is not blind: participants see each other's shapes, and the arm without prepared ones may see "
                "where they come from."
            )
        design = Design.of_json(study.design)
        if design.assignment == "within" and len(design.image_ids) < len(design.arms):
            found.append("There are fewer images than arms: not every participant reads in every arm.")
        return found

    def _check(self, design: Design) -> None:
        """Refuse what cannot become a study."""
        if len({arm.name.casefold() for arm in design.arms}) < len(design.arms):
            raise Invalid("arms: each needs a name of its own.")
        image_set_id = self._everything.image_set_id
        known = select(Image.id).where(
            Image.image_set_id == image_set_id, Image.deleted_at.is_(None), Image.status == "ready"
        )
        there = set(self._session.scalars(known))
        missing = [image_id for image_id in design.image_ids if image_id not in there]
        if missing:
            raise Invalid(f"image_ids: {len(missing)} of these images are not in this image set, or not ready.")
        for arm in design.arms:
            self._check_source(arm.source)
        if design.gold_id is not None:
            Gold(self._session, self._everything).get(design.gold_id)

    def _check_source(self, source: Source | None) -> None:
        if source is None:
            return
        now_at = self._everything.revision
        if (source.revision or 0) > now_at:
            raise Invalid(f"arms: the image set is at revision {now_at}; it has no {source.revision} yet.")
        if source.change_set is not None:
            found = self._session.get(ChangeSet, (self._everything.image_set_id, source.change_set))
            if found is None:
                raise Invalid(f"arms: there is no import or model run {source.change_set} in this image set.")

    def _set_participants(self, study: Study, user_ids: Sequence[int]) -> None:
        wanted = list(dict.fromkeys(user_ids))
        self._require_annotators(wanted)
        self._session.execute(delete(StudyParticipant).where(StudyParticipant.study_id == study.id))
        self._session.add_all(
            StudyParticipant(study_id=study.id, user_id=user_id, position=place) for place, user_id in enumerate(wanted)
        )
        self._session.flush()

    def _require_annotators(self, user_ids: Sequence[int]) -> None:
        rights = Rights(self._session)
        users = {user.id: user for user in self._session.scalars(select(User).where(User.id.in_(user_ids)))}
        for user_id in user_ids:
            user = users.get(user_id)
            actor = Actor(user_id, user.name, is_admin=user.is_admin) if user and user.is_active else None
            # The same words whether there is no such person or they have no role here.
            if actor is None or not rights.decide(actor, Right.ANNOTATE, self._everything.image_set_id).allowed:
                raise Invalid(f"participants: user {user_id} may not annotate in this image set.")

    def _require_free(self, people: Sequence[int], design: Design) -> None:
        """A person reads an image for one study at a time: time and prepared shapes would mix."""
        busy = (
            select(func.count())
            .select_from(StudyTask)
            .join(Study, Study.id == StudyTask.study_id)
            .where(
                Study.image_set_id == self._everything.image_set_id,
                Study.state == "running",
                StudyTask.user_id.in_(people),
                StudyTask.image_id.in_(design.image_ids),
            )
        )
        if self._session.scalar(busy):
            raise Conflict(
                "Some participants already read some of these images for another running study; close it first."
            )


def study_in(session: Session, image_set_id: int, study_id: int) -> Study:
    """A study of a set."""
    found = session.get(Study, study_id)
    if found is None or found.image_set_id != image_set_id:
        raise NotFound(f"There is no study {study_id} in this image set.")
    return found


def shown(studies: Studies, study: Study) -> dict[str, Any]:
    """The form that the API answers to managers."""
    return {
        "id": study.id,
        "title": study.title,
        "description": study.description,
        "state": study.state,
        "seed": study.seed,
        "revision": study.revision,
        "created_at": study.created_at,
        "started_at": study.started_at,
        "closed_at": study.closed_at,
        **Design.of_json(study.design).to_json(),
        "participants": [
            {"user_id": each.user_id, "name": each.name, "tasks": each.tasks, "finished": each.finished,
             "has_answered": each.has_answered}
            for each in studies.progress(study)
        ],
        "warnings": studies.warnings(study),
    }  # fmt: skip


def _require(study: Study, state: str, why: str) -> None:
    if study.state != state:
        raise Conflict(f"The study {study.title!r} is {study.state}: {why}.")
