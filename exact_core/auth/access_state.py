"""One state of all rights in memory, and the files of images, as the access snapshot holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.contributions import Role
from exact_core.auth.recent import Recent
from exact_core.auth.rights import Grant, SetFacts, adjudicators_in, strongest
from exact_core.storage.models import Image, ImageSet, ImageSetMember, TeamMember, Version, VersionImage

KEPT_IMAGES = 20_000
KEPT_ACTORS = 5_000
KEPT_ANSWERS = 50_000

Headers = str | tuple[str | None, str] | None
Question = tuple[int, bool, str, frozenset[str], str, int]


@dataclass(frozen=True, slots=True)
class ImageAccess:
    """Where an image's pixels are. Paths are absolute; an empty one is None."""

    image_id: int
    image_set_id: int
    status: str
    file_path: Path
    pyramid_path: Path | None
    tile_index_path: Path | None
    content_version: str
    driver: str
    width: int
    height: int
    size_z: int
    size_t: int
    size_c: int


@dataclass(frozen=True, slots=True)
class AccessState:
    """Everything that decisions rest on, as of one epoch, and answers remembered for as long as it holds."""

    access_epoch: int | None
    images_epoch: int | None
    sets: Mapping[int, SetFacts]
    teams: Mapping[int, Mapping[int, bool]]
    """User to team to whether they lead it."""
    roles: Mapping[int, Mapping[tuple[str, int], Role]]
    """Image set to ("user" or "team", id) to role."""
    actors: Recent[Headers, tuple[Actor, float]] = field(default_factory=lambda: Recent(KEPT_ACTORS))
    answers: Recent[Question, bool] = field(default_factory=lambda: Recent(KEPT_ANSWERS))
    images: Recent[int, ImageAccess] = field(default_factory=lambda: Recent(KEPT_IMAGES))

    def without_images(self, epoch: int | None) -> AccessState:
        """The same rights, with every image to be looked up again."""
        return replace(self, images_epoch=epoch, images=Recent(KEPT_IMAGES))

    def grant(self, user_id: int, facts: SetFacts) -> Grant | None:
        """The strongest role of a user in a set."""
        teams = self.teams.get(user_id, {})
        found = []
        if facts.team_id in teams:
            role = Role.MANAGER if teams[facts.team_id] else Role.ANNOTATOR
            found.append(Grant(role, "through the team"))
        for (kind, holder), role in self.roles.get(facts.id, {}).items():
            if holder == user_id if kind == "user" else holder in teams:
                found.append(Grant(role, "in this image set"))
        return strongest(found)


def load_state(session: Session, epochs: Mapping[str, int]) -> AccessState:
    """Read all rights of the instance."""
    sets = {
        row.id: SetFacts(
            row.id,
            row.team_id,
            row.is_locked,
            row.deleted_at is not None,
            row.mode,
            row.unblinded_at is not None,
            adjudicators_in(row.mode_settings),
        )
        for row in session.execute(
            select(
                ImageSet.id,
                ImageSet.team_id,
                ImageSet.is_locked,
                ImageSet.deleted_at,
                ImageSet.mode,
                ImageSet.unblinded_at,
                ImageSet.mode_settings,
            )
        )
    }
    teams: dict[int, dict[int, bool]] = {}
    for team in session.execute(select(TeamMember.user_id, TeamMember.team_id, TeamMember.is_lead)):
        teams.setdefault(team.user_id, {})[team.team_id] = team.is_lead
    roles: dict[int, dict[tuple[str, int], Role]] = {}
    member = ImageSetMember
    for row in session.execute(select(member.image_set_id, member.user_id, member.team_id, member.role)):
        holder = ("user", row.user_id) if row.user_id is not None else ("team", row.team_id)
        roles.setdefault(row.image_set_id, {})[holder] = Role(row.role)
    return AccessState(epochs.get("access"), epochs.get("images"), sets, teams, roles)


def has_shown_pixels(session: Session, image: Image) -> bool:
    """Whether the picture of an image may be looked at, by those who may view its set.

    It stays so for an image in the bin that a version has: who may open the version may look at it there, read only.
    Its present, which is none, is not given out.
    """
    if image.deleted_at is None:
        return True
    if image.purged_at is not None:
        return False
    kept = (VersionImage.image_id == image.id, Version.deleted_at.is_(None))
    held = select(Version.id).join(VersionImage, VersionImage.version_id == Version.id).where(*kept)
    return session.scalar(held.limit(1)) is not None


def load_image(session: Session, image_id: int, data: Path) -> ImageAccess | None:
    """Where the files of an image are; None when there is none, or it is deleted and no version shows it."""
    image = session.get(Image, image_id) if -(2**63) <= image_id < 2**63 else None
    if image is None or not has_shown_pixels(session, image):
        return None
    return ImageAccess(
        image.id,
        image.image_set_id,
        image.status,
        data / image.file_path,  # an absolute path, of a file used in place, stays itself
        data / image.pyramid_path if image.pyramid_path else None,
        data / image.tile_index_path if image.tile_index_path else None,
        image.content_version,
        image.source_driver,
        image.width,
        image.height,
        image.size_z,
        image.size_t,
        image.size_c,
    )
