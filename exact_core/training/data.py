"""What a training job reads: its version, classes and split, checked to be what they were when it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from exact_core.api.errors import Invalid, NotFound
from exact_core.api.training import TrainingSet
from exact_core.storage.models import TrainingRun, Version, VersionSplit
from exact_core.training.curves import forget_points
from exact_core.training.material import PARTS, parts_of
from exact_core.training.runs import run_of_job
from exact_core.versioning.manifest_job import check_version
from exact_core.versioning.splits.service import images_of

if TYPE_CHECKING:
    from exact_core.services import Services


def training_set_of(services: Services, job_id: int) -> TrainingSet:
    """The training set of a job; curves of an earlier attempt are forgotten.

    Raises:
        NotFound: The version was deleted.
        Invalid: Its manifest, or the split, is not what it was.
    """
    with services.database.write() as session:
        run = run_of_job(session, job_id)
        forget_points(session, run.id)
        version, split = _version(session, run), _split(session, run)
        found = check_version(services, version.id)
        if not found.holds:
            raise Invalid(f"The manifest of the version {version.name!r} does not hold; have it written again.")
        return TrainingSet(
            version_id=version.id,
            version_name=version.name,
            manifest=services.blobs.path(version.manifest_path),
            manifest_sha256=version.manifest_digest,
            labels=tuple(each["label"] for each in run.classes),
            label_of={type_id: index for index, each in enumerate(run.classes) for type_id in each["type_ids"]},
            parts={name: images for name, images in parts_of(split).items() if name in PARTS},
            groups=groups_of(session, version.id, split.group_by),
            split=split.name,
        )


def _version(session: Session, run: TrainingRun) -> Version:
    version = session.get_one(Version, run.version_id)
    if version.deleted_at is not None:
        raise NotFound(f"The version {version.id} was deleted by {version.deleted_by_name}: {version.deleted_reason}")
    return version


def _split(session: Session, run: TrainingRun) -> VersionSplit:
    split = session.get(VersionSplit, run.split_id) if run.split_id is not None else None
    if split is None:
        raise Invalid(f"The split {run.split_name!r} was removed; start the training with another one.")
    if split.digest != run.split_digest:
        raise Invalid(f"The split {split.name!r} is not the one that the training was started with.")
    return split


def groups_of(session: Session, version_id: int, group_by: str) -> dict[int, str]:
    """Which images hang together: by the kind of tag of the split, and copies of one file always."""
    found: dict[int, str] = {}
    by_checksum: dict[str, str] = {}
    for image in images_of(session, version_id):
        values = image.values(group_by) if group_by else ()
        group = f"{group_by}:{min(values)}" if values else f"image:{image.image_id}"
        found[image.image_id] = by_checksum.setdefault(image.checksum, group) if image.checksum else group
    return found
