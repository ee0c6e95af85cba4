"""Starting trainings, and reading what became of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exact_core.annotations.digest import canonical_json
from exact_core.annotations.scope import Can
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Invalid, NotFound
from exact_core.jobs.registry import training_type
from exact_core.storage.models import Job, TrainingRun, Version, VersionSplit
from exact_core.training.kinds import find_trainable, training_settings
from exact_core.training.material import TEST, TRAIN, amounts_of, by_part, parts_of
from exact_core.versioning.access import live_version, require_all
from exact_core.versioning.artefacts import require_attach
from exact_core.versioning.freezing import frozen_of
from exact_core.versioning.splits.service import find_split

if TYPE_CHECKING:
    from exact_core.services import Services


@dataclass(frozen=True, slots=True)
class ClassWanted:
    """One class of a model: what it is called, and the annotation types that count as it."""

    label: str
    type_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A training as somebody asks for it.

    Attributes:
        kind: Full name of a kind of model that can be trained.
        name: What the model will be called.
        classes: At least one, in the order of the model's output.
        split_id: A split of the version with the parts ``train`` and ``test``; ``validation`` may be missing.
        settings: Those that differ from the defaults.
    """

    kind: str
    name: str
    classes: tuple[ClassWanted, ...]
    split_id: int
    settings: dict[str, Any] = field(default_factory=dict)


def start(services: Services, session: Session, actor: Actor, version_id: int, wanted: Wanted) -> TrainingRun:
    """Ask for a training; for reviewers and managers who may know of everybody's work in the set.

    A training that is the same in everything, and has not failed, is given instead of a second one.
    """
    version = require_attach(session, actor, version_id)
    if version.manifest_state != "ready":
        raise Conflict(
            f"The manifest of the version {version.name!r} is {version.manifest_state}; a training reads that."
            " Wait until it is ready, or have it written again."
        )
    kind = find_trainable(services.kernel, wanted.kind, version.image_set_id)
    settings = training_settings(kind, wanted.settings)
    split = find_split(session, actor, version_id, wanted.split_id)
    _check_classes(session, version, split, wanted.classes)
    job = services.jobs.enqueue(
        session,
        training_type(kind.plugin, kind.card.name),
        owner=actor,
        image_set_id=version.image_set_id,
        params={"name": wanted.name, "settings": settings},
        key=_key(version, wanted, split, settings),
    )
    earlier = session.scalar(select(TrainingRun).where(TrainingRun.job_id == job.id))
    if earlier is not None:
        return earlier
    run = TrainingRun(
        image_set_id=version.image_set_id,
        version_id=version_id,
        job_id=job.id,
        kind=kind.name,
        name=wanted.name,
        classes=[{"label": each.label, "type_ids": list(each.type_ids)} for each in wanted.classes],
        split_id=split.id,
        split_name=split.name,
        split_digest=split.digest,
        settings=settings,
        created_by_id=actor.user_id or None,
        created_by_name=actor.display_name or actor.name,
    )
    session.add(run)
    session.flush()
    return run


def _check_classes(session: Session, version: Version, split: VersionSplit, classes: Sequence[ClassWanted]) -> None:
    """Refuse all but known types, each in one class, with something of every class to learn from."""
    names = frozen_of(session, version.id).type_names
    labels = [each.label.casefold() for each in classes]
    if len(set(labels)) != len(labels):
        raise Invalid("classes: two of them have the same name.")
    used: dict[int, str] = {}
    for each in classes:
        if not each.type_ids:
            raise Invalid(f"classes: {each.label!r} names no annotation type.")
        for type_id in each.type_ids:
            if type_id not in names:
                raise Invalid(f"classes: the version has no annotation type {type_id}.")
            if type_id in used:
                raise Invalid(f"classes: {names[type_id]!r} is in {used[type_id]!r} and in {each.label!r}.")
            used[type_id] = each.label
    parts = parts_of(split)
    for part in (TRAIN, TEST):
        if not parts.get(part):
            raise Invalid(f"split_id: the split {split.name!r} has no images in a part called {part!r}.")
    there = by_part(amounts_of(session, version), parts)
    for each in classes:
        if not any(there.get(type_id, {}).get(TRAIN) for type_id in each.type_ids):
            raise Invalid(
                f"classes: there is no annotation of {each.label!r} in the part {TRAIN!r} of {split.name!r};"
                " leave the class out, or split the images in another way."
            )


def _key(version: Version, wanted: Wanted, split: VersionSplit, settings: dict[str, Any]) -> str:
    content = {
        "version": version.content_digest,
        "kind": wanted.kind,
        "name": wanted.name,
        "classes": [[each.label, sorted(each.type_ids)] for each in wanted.classes],
        "split": split.digest,
        "settings": settings,
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def runs_of(session: Session, actor: Actor, version_id: int, can: Can) -> list[tuple[TrainingRun, Job | None]]:
    """The trainings of a version, newest first, with their jobs."""
    version = live_version(session, actor, version_id, can)
    require_all(session, actor, version.image_set_id, can)
    query = (
        select(TrainingRun, Job)
        .outerjoin(Job, Job.id == TrainingRun.job_id)
        .where(TrainingRun.version_id == version_id)
        .order_by(TrainingRun.id.desc())
    )
    return [(run, job) for run, job in session.execute(query)]


def find_run(session: Session, actor: Actor, run_id: int, can: Can) -> tuple[TrainingRun, Job | None]:
    """A training of a version that the actor may read all of."""
    missing = NotFound(f"There is no training {run_id} that you may see.")
    run = session.get(TrainingRun, run_id) if 0 < run_id < 2**63 else None
    if run is None:
        raise missing
    try:
        version = live_version(session, actor, run.version_id, can)
    except NotFound:
        raise missing from None
    require_all(session, actor, version.image_set_id, can)
    return run, session.get(Job, run.job_id) if run.job_id is not None else None


def run_of_job(session: Session, job_id: int) -> TrainingRun:
    """The training that a job works on."""
    run = session.scalar(select(TrainingRun).where(TrainingRun.job_id == job_id))
    if run is None:
        raise NotFound(f"The job {job_id} is no training, or the training is gone.")
    return run


def remember_model(services: Services, job_id: int, model_uuid: str) -> None:
    """Write down which model came out of a training; jobs of other kinds keep models too, and change nothing here."""
    with services.database.write() as session:
        session.execute(update(TrainingRun).where(TrainingRun.job_id == job_id).values(model_uuid=model_uuid))
