"""Making, changing, deleting and restoring image sets; their tags and pins."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, NotFound
from exact_core.auth.accounts import folded
from exact_core.auth.rights import Right, Rights
from exact_core.auth.teams import Teams
from exact_core.review.modes import mode_changed
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Branch, ImageSet, ImageSetPin, ImageSetTag, Tag, now

_CHANGEABLE = frozenset({"name", "description", "mode", "is_locked", "team_id"})


class ImageSets:
    """What an actor can do with image sets, in one transaction."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session = session
        self._actor = actor
        self._rights = Rights(session)

    def get(self, image_set_id: int, right: Right = Right.VIEW) -> ImageSet:
        """The image set, when the actor has the right in it."""
        self._rights.require(self._actor, right, image_set_id)
        image_set = self._session.get(ImageSet, image_set_id)
        assert image_set is not None
        return image_set

    def create(self, *, team_id: int, name: str, description: str = "", mode: str = "cooperative") -> ImageSet:
        """A new image set of a team; for its leads."""
        Teams(self._session, self._actor).require_lead(team_id)
        image_set = ImageSet(
            team_id=team_id,
            name=name,
            description=description,
            mode=mode,
            created_by_id=self._actor.user_id or None,
        )
        self._save(image_set)
        return image_set

    def change(self, image_set_id: int, changes: dict[str, object], reason: str = "") -> ImageSet:
        """Change an image set; who gives it to another team must lead that team too, who ends blindness says why."""
        image_set = self.get(image_set_id, Right.MANAGE)
        assert _CHANGEABLE.issuperset(changes)
        _require_made(self._session, image_set_id)
        team_id = changes.get("team_id")
        if isinstance(team_id, int) and team_id != image_set.team_id:
            teams = Teams(self._session, self._actor)
            teams.require_lead(team_id)
        mode = changes.pop("mode", None)
        if isinstance(mode, str):
            mode_changed(self._session, self._actor, image_set, mode, reason)
        for name, value in changes.items():
            setattr(image_set, name, value)
        self._save(image_set)
        return image_set

    def delete(self, image_set_id: int) -> None:
        """Hide an image set from everybody; it can be restored. Its name becomes free."""
        image_set = self.get(image_set_id, Right.DELETE_SET)
        if image_set.deleted_at is not None:
            raise NotFound(f"There is no image set {image_set_id} that you may see.")
        image_set.deleted_at = now()
        image_set.name = f"{image_set.name}{_mark(image_set)}"
        self._save(image_set)

    def restore(self, image_set_id: int) -> ImageSet:
        """Bring a deleted image set back, with everything that was in it."""
        image_set = self.get(image_set_id, Right.DELETE_SET)
        if image_set.deleted_at is None:
            raise Conflict(f"The image set {image_set.name!r} is not deleted.")
        image_set.deleted_at = None
        image_set.name = image_set.name.removesuffix(_mark(image_set))
        self._save(image_set)
        return image_set

    def set_tags(self, image_set_id: int, names: Iterable[str]) -> ImageSet:
        """Give an image set these tags and no others."""
        image_set = self.get(image_set_id, Right.MANAGE)
        ids = tag_ids(self._session, names)
        self._session.execute(delete(ImageSetTag).where(ImageSetTag.image_set_id == image_set_id))
        self._session.add_all(ImageSetTag(image_set_id=image_set_id, tag_id=tag_id) for tag_id in ids)
        self._session.flush()
        return image_set

    def pin(self, image_set_id: int, is_pinned: bool) -> None:
        """Keep a set on top of the actor's own list, or not any more."""
        self.get(image_set_id)
        key = {"image_set_id": image_set_id, "user_id": self._actor.user_id}
        if is_pinned:
            dialect = sqlite if self._session.get_bind().dialect.name == "sqlite" else postgresql
            self._session.execute(dialect.insert(ImageSetPin).values(**key).on_conflict_do_nothing())
        else:
            self._session.execute(delete(ImageSetPin).filter_by(**key))

    def _save(self, image_set: ImageSet) -> None:
        name = image_set.name
        try:
            with self._session.begin_nested():
                self._session.add(image_set)
                self._session.flush()
        except IntegrityError:
            raise Conflict(f"The team already has an image set {name!r}; choose another name.") from None
        raise_epoch(self._session, "access")


def _mark(image_set: ImageSet) -> str:
    return f" (deleted {image_set.id})"


def _require_made(session: Session, image_set_id: int) -> None:
    """Refuse to change a branch, or to unlock it, while it is being filled."""
    making = select(Branch.image_set_id).where(Branch.image_set_id == image_set_id, Branch.state == "making")
    if session.scalar(making) is not None:
        raise Conflict("This branch is still being made; wait until it is ready, or cancel its job.")


def tag_ids(session: Session, names: Iterable[str]) -> list[int]:
    """The tags of these names, made where there are none; the spelling of the first use stays."""
    wanted = {folded(name.strip()): name.strip() for name in names if name.strip()}
    if not wanted:
        return []
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    rows = [{"name": name, "folded_name": key} for key, name in sorted(wanted.items())]
    session.execute(dialect.insert(Tag).values(rows).on_conflict_do_nothing())
    return list(session.scalars(select(Tag.id).where(Tag.folded_name.in_(wanted)).order_by(Tag.id)))
