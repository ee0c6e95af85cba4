"""Taking a model in: checked, moved into its place, and told to the database, all or nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Invalid
from exact_core.auth.model_rights import ModelRight, ModelRights
from exact_core.models import places
from exact_core.models.cards import figures_of
from exact_core.models.checksums import checksum_list
from exact_core.models.files import CARD_TEXT, CHECKSUMS, ModelFolder
from exact_core.models.identities import canonical, uuid7
from exact_core.storage.models import ImageSet, Model, ModelFile, Version
from exact_core.versioning.access import live_version

if TYPE_CHECKING:
    from exact_core.services import Services

MOST_NAME = 200
_KIND = re.compile(r"[a-z][a-z0-9_]{0,62}\.[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class NewModel:
    """What is told of a model beside its files.

    Attributes:
        name: What people read; empty to take ``name`` of the card.
        kind: Full name of its kind; empty to take ``kind`` of the card.
        image_set_id: The set that it learned from.
        team_id: Its team, when it learned from none of our sets.
        version_id: The version that it was trained on.
        notes: Free text.
    """

    name: str = ""
    kind: str = ""
    image_set_id: int | None = None
    team_id: int | None = None
    version_id: int | None = None
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A model that is kept now; ``is_new`` unless its team had the very same files already."""

    uuid: str
    is_new: bool


def keep(services: Services, actor: Actor, folder: ModelFolder, new: NewModel, *, from_job: bool = False) -> Kept:
    """Keep a checked folder as a model of a team; the folder is moved.

    Args:
        services: The parts of the instance.
        actor: Who keeps it.
        folder: Below the data folder, and nobody else's.
        new: What is told of it.
        from_job: Whether a job made it.

    Raises:
        NotFound: The set, the team or the version is not there for the actor.
        Forbidden: The actor may not add models there.
        Invalid: A name or kind is missing or contradicts the card.
        Conflict: The team has these files as a model that the actor may not see.
    """
    home = ""
    try:
        with services.database.write() as session:
            rights = ModelRights(session, actor)
            version = None if new.version_id is None else live_version(session, actor, new.version_id)
            image_set_id = _set_of(new, version)
            team_id = rights.require_keeping(image_set_id, new.team_id, from_job=from_job)
            made = _row(session, folder, new, team_id, image_set_id, version)
            made.created_by_id, made.created_by_name = actor.user_id or None, actor.display_name or actor.name
            model = _same(session, made) or _inserted(session, made, folder)
            if model is not made:
                _require_known(rights, model)
            if model is made or model.purged_at is not None:
                home = places.home_of(model.uuid)
                _move(services, folder, model.uuid)
            model.deleted_at, model.deleted_by_name, model.deleted_reason, model.purged_at = None, "", "", None
            return Kept(model.uuid, model is made)
    except BaseException:
        if home:
            services.blobs.remove(home)
        raise


def checked_name(name: str) -> str:
    """A name as it is kept.

    Raises:
        Invalid: It is empty, too long or not printable.
    """
    name = name.strip()
    if not name or len(name) > MOST_NAME or not name.isprintable():
        raise Invalid(f"The name of a model has 1 to {MOST_NAME} printable characters.")
    return name


def _set_of(new: NewModel, version: Version | None) -> int | None:
    if version is None:
        return new.image_set_id
    if new.image_set_id not in (None, version.image_set_id):
        raise Invalid(f"version_id: the version {version.name!r} is of another image set.")
    return version.image_set_id


def _row(
    session: Session,
    folder: ModelFolder,
    new: NewModel,
    team_id: int,
    image_set_id: int | None,
    version: Version | None,
) -> Model:
    text = folder.path / CARD_TEXT
    image_set = None if image_set_id is None else session.get_one(ImageSet, image_set_id)
    return Model(
        uuid=_identity(session, folder.card),
        team_id=team_id,
        image_set_id=image_set_id,
        image_set_name=image_set.name if image_set else "",
        version_id=version.id if version else None,
        version_name=version.name if version else "",
        parent_uuid=canonical(folder.card.get("parent_model_id")),
        name=checked_name(new.name or _text(folder.card, "name") or _text(folder.card, "title")),
        kind=_kind(new.kind, _text(folder.card, "kind") or _text(folder.description, "kind")),
        labels=list(folder.labels),
        sha256=folder.sha256,
        size_bytes=sum(each.size for each in folder.files),
        card=dict(folder.card),
        card_text=text.read_text("utf-8").replace("\0", "") if text.is_file() else "",
        figures=[[each.name, each.value, each.low, each.high] for each in figures_of(folder.card)],
        notes=new.notes.strip(),
    )


def _identity(session: Session, card: Mapping[str, object]) -> str:
    """The identity that the card tells, so that it is the same on every instance; a new one where that is taken."""
    told = canonical(card.get("model_id"))
    is_free = told and not session.scalar(select(exists().where(Model.uuid == told)))
    return told if is_free else uuid7()


def _kind(told: str, of_files: str) -> str:
    kind = told or of_files
    if not kind:
        raise Invalid("Say the kind of the model, '<plugin>.<name>': its files do not. /api/v2/model-kinds has them.")
    if of_files and of_files != kind:
        raise Invalid(f"kind: the model itself says {of_files[:130]!r}, not {kind[:130]!r}.")
    if not _KIND.fullmatch(kind):
        raise Invalid(f"kind: {kind[:130]!r} does not read '<plugin>.<name>'.")
    return kind


def _text(card: Mapping[str, object], key: str) -> str:
    value = card.get(key, "")
    return value.strip() if isinstance(value, str) else ""


def _same(session: Session, made: Model) -> Model | None:
    """The model of the team that has these files."""
    same = (Model.team_id == made.team_id, Model.sha256 == made.sha256)
    return session.scalar(select(Model).where(*same).with_for_update())


def _inserted(session: Session, made: Model, folder: ModelFolder) -> Model:
    """The row, or that of somebody who was quicker with the same files."""
    try:
        with session.begin_nested():
            session.add(made)
            session.flush()
    except IntegrityError:
        found = _same(session, made)
        if found is None:
            raise Conflict("Another model took this identity at the same moment; send the model again.") from None
        return found
    session.add_all(
        ModelFile(model_id=made.id, name=each.name, size_bytes=each.size, sha256=each.sha256) for each in folder.files
    )
    return made


def _require_known(rights: ModelRights, model: Model) -> None:
    if not rights.may(ModelRight.SEE, model):
        raise Conflict(
            "The team has this very model already, from an image set that you may not see; ask a lead of the team."
        )


def _move(services: Services, folder: ModelFolder, uuid: str) -> None:
    """Put the files where they belong; what lies there was left by somebody who did not come to the end."""
    (folder.path / CHECKSUMS).write_bytes(checksum_list(folder.files))  # in its one order: archives are the same
    target = places.files_of(services, uuid)
    services.blobs.remove(places.home_of(uuid))
    target.parent.mkdir(parents=True)
    shutil.move(folder.path, target)
