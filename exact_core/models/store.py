"""Models for jobs: opened with the rights of the job's owner, and kept when a job has trained one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.api.contributions import ArtefactKind
from exact_core.api.errors import Conflict, Invalid, NotFound, Unavailable
from exact_core.api.models import StoredModel
from exact_core.auth.model_rights import ModelRight
from exact_core.exchange.import_jobs import actor_of
from exact_core.models import places
from exact_core.models.built_in import keep_built_in
from exact_core.models.checksums import file_of
from exact_core.models.files import CHECKSUMS
from exact_core.models.keeping import NewModel
from exact_core.models.kinds import CORE
from exact_core.models.receiving import keep_folder
from exact_core.models.service import files_in, live_model
from exact_core.storage.models import Model, VersionArtefact
from exact_core.versioning import artefacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from exact_core.services import Services


def open_for_job(services: Services, owner_id: int | None, image_set_id: int | None, uuid: str) -> StoredModel:
    """A model that the owner of a job may use; its files are checked against their checksums once more.

    Args:
        services: The parts of the instance.
        owner_id: Who asked for the job; None for the system.
        image_set_id: The set that the job works on; None for none.
        uuid: The model.

    Raises:
        NotFound: There is none that the owner may see, or it was deleted.
        Forbidden: The owner may know of it, but not run it.
        Conflict: Its plugin is off in the image set.
        Unavailable: Its files are not on this machine, or are not what was uploaded.
    """
    keep_built_in(services)
    with services.database.read() as session:
        row = live_model(session, _owner(session, owner_id), uuid, ModelRight.OPEN)
        model = stored(row, places.files_of(services, row.uuid) if row.sha256 else None)
        told = {each.name: each.sha256 for each in files_in(session, row)} | {CHECKSUMS: row.sha256}
    if image_set_id is not None:
        _require_plugin(services, model, image_set_id)
    if model.folder is not None:
        _require_unchanged(model.name, model.folder, told)
    return model


def stored(model: Model, folder: Path | None) -> StoredModel:
    """A row as jobs and drivers know it."""
    return StoredModel(
        uuid=model.uuid,
        name=model.name,
        kind=model.kind,
        labels=tuple(model.labels),
        version_id=model.version_id,
        sha256=model.sha256,
        card=model.card,
        folder=folder,
    )


def keep_for_job(
    services: Services,
    owner_id: int | None,
    image_set_id: int | None,
    folder: Path,
    name: str,
    kind: str,
    version_id: int | None = None,
) -> StoredModel:
    """Keep what a job has trained, with the rights of its owner; the folder stays where it is.

    A job that another worker takes over and that comes to the same bytes finds its model kept already.

    Raises:
        Invalid: A file is not acceptable, or the job is about no image set.
        Forbidden: The owner may not keep models there.
    """
    if image_set_id is None:
        raise Invalid("The job is about no image set, so that its model would belong to nobody.")
    with services.database.read() as session:
        owner = _owner(session, owner_id)
    new = NewModel(name, kind, image_set_id=image_set_id, version_id=version_id)
    kept = keep_folder(services, owner, new, folder, from_job=True)
    with services.database.read() as session:
        model = session.scalars(select(Model).where(Model.uuid == kept.uuid)).one()
        return stored(model, places.files_of(services, model.uuid))


def attach_for_job(
    services: Services,
    owner_id: int | None,
    image_set_id: int | None,
    version_id: int,
    path: Path,
    *,
    name: str,
    kind: ArtefactKind,
    media_type: str,
    description: str = "",
) -> None:
    """Keep a file with a version of a job's image set; the same file of the same name is kept once.

    Raises:
        NotFound: There is no such version in the job's image set.
        Forbidden: The owner may not attach files.
    """
    known = artefacts.checked(artefacts.NewArtefact(name, str(kind), media_type, description))
    fact = file_of(path, known.name)
    relative = artefacts.new_place(version_id)
    try:
        with services.database.write() as session:
            owner = _owner(session, owner_id)
            version = artefacts.require_attach(session, owner, version_id)
            if version.image_set_id != image_set_id:
                raise NotFound(f"There is no version {version_id} in the image set of this job.")
            table = VersionArtefact
            same = (table.version_id == version_id, table.name == known.name, table.sha256 == fact.sha256)
            if session.scalar(select(table.id).where(*same).limit(1)) is not None:
                return
            with path.open("rb") as file:
                services.blobs.write(relative, file)
            artefacts.attach(session, owner, version_id, known, relative, fact.sha256, fact.size)
    except BaseException:
        artefacts.discard(services, relative)
        raise


def _owner(session: Session, owner_id: int | None) -> Actor:
    return Actor.system() if owner_id is None else actor_of(session, owner_id)


def _require_plugin(services: Services, model: StoredModel, image_set_id: int) -> None:
    plugin = model.kind.partition(".")[0]
    if plugin != CORE and plugin not in services.kernel.activation.enabled(image_set_id):
        raise Conflict(
            f"The model {model.name!r} needs the plugin {plugin!r}, which is off in this image set or does not run;"
            " who manages the set can switch it on."
        )


def _require_unchanged(model: str, folder: Path, told: Mapping[str, str]) -> None:
    """What lies on this machine is what was checked when it came, byte for byte, and nothing beside it."""
    try:
        names = sorted(
            (Path(place) / each).relative_to(folder).as_posix() for place, _, found in os.walk(folder) for each in found
        )
        found = [file_of(folder / name, name) for name in names]
    except OSError as error:
        raise Unavailable(f"The files of the model {model!r} cannot be read here: {error}.") from None
    if {each.name: each.sha256 for each in found} != told:
        raise Unavailable(
            f"The files of the model {model!r} on this server are missing or were changed after they had been"
            " checked; an administrator can restore them from a backup, or upload the model again."
        )
