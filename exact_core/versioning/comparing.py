"""Comparing two versions of an image set, or a version with the present, as an actor may see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from exact_core.annotations.scope import Can
from exact_core.api.context import Actor
from exact_core.api.errors import Invalid, NotFound
from exact_core.auth.rights import Right
from exact_core.storage.models import AnnotationType, Image, ImageSet, User, VersionImage
from exact_core.versioning import diff
from exact_core.versioning.access import OpenedVersion, open_version

NOW = "now"
COUNTED = ("added", "removed", "changed", "geometry", "type", "attributes")


@dataclass(frozen=True, slots=True)
class Side:
    """One end of a comparison: a version, or the present when there is none."""

    revision: int
    opened: OpenedVersion | None = None

    @property
    def images(self) -> Select[Any]:
        """The images that are in it, for those of the set that is compared."""
        assert self.opened is not None
        return select(VersionImage.image_id).where(VersionImage.version_id == self.opened.version.id)

    def to_json(self) -> dict[str, Any]:
        """How an answer names it."""
        version = self.opened.version if self.opened else None
        return {
            "version_id": version.id if version else None,
            "name": version.name if version else "",
            "revision": self.revision,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides of one image set, for one actor."""

    image_set_id: int
    before: Side
    after: Side
    only_author: int | None

    def range_of(self, image_id: int | None = None) -> diff.Range:
        """What is compared: one image, or all that are in either side."""
        images = (
            image_id if image_id is not None else select(union(self._of(self.before), self._of(self.after)).subquery())
        )
        return diff.Range(images, self.before.revision, self.after.revision, self.only_author)

    def has(self, session: Session, image_id: int) -> bool:
        """Whether an image is in either side."""
        sides = (self._of(side).where(column == image_id) for side, column in self._columns())
        return any(session.scalar(statement) is not None for statement in sides)

    def _columns(self) -> list[tuple[Side, Any]]:
        return [(side, VersionImage.image_id if side.opened else Image.id) for side in (self.before, self.after)]

    def _of(self, side: Side) -> Select[Any]:
        if side.opened is not None:
            return side.images
        return select(Image.id).where(Image.image_set_id == self.image_set_id, Image.deleted_at.is_(None))

    def changed_images(self, session: Session) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Images that came, and images that went."""
        before, after = self._of(self.before), self._of(self.after)
        return self._named(session, after.except_(before)), self._named(session, before.except_(after))

    @staticmethod
    def _named(session: Session, ids: Any) -> list[dict[str, Any]]:
        found = select(Image.id, Image.name).where(Image.id.in_(select(ids.subquery()))).order_by(Image.id)
        return [{"id": id_, "name": name} for id_, name in session.execute(found)]


def compare(session: Session, actor: Actor, image_set_id: int, before: str, after: str, can: Can) -> Comparison:
    """What the actor may see of two versions of a set, or of one and ``now``.

    Raises:
        NotFound: When the set or a version is not theirs to see.
        Invalid: When a side is neither the number of a version nor ``now``.
    """
    if not can(actor, Right.VIEW, image_set_id):
        raise NotFound(f"There is no image set {image_set_id} that you may see.")
    only_author = None if can(actor, Right.SEE_ALL, image_set_id) else actor.user_id
    sides = [_side(session, actor, image_set_id, word, can) for word in (before, after)]
    return Comparison(image_set_id, sides[0], sides[1], only_author)


def _side(session: Session, actor: Actor, image_set_id: int, word: str, can: Can) -> Side:
    if word == NOW:
        revision = session.scalar(select(ImageSet.revision).where(ImageSet.id == image_set_id))
        return Side(revision or 0)
    if not (word.isdecimal() and word.isascii() and len(word) < 19):
        raise Invalid(f"A side of the comparison is the number of a version, or 'now', not {word[:40]!r}.")
    opened = open_version(session, actor, int(word), can)
    if opened.version.image_set_id != image_set_id:
        raise NotFound(f"There is no version {word} of image set {image_set_id}.")
    return Side(opened.version.revision, opened)


def numbers_json(session: Session, found: Comparison) -> dict[str, Any]:
    """What differs, in numbers."""
    asked = found.range_of()
    sums = diff.summed(diff.numbers(session, asked))
    types, people = _names(session, found, sums)
    image_ids = sorted(sums["images"])
    images = dict(session.execute(select(Image.id, Image.name).where(Image.id.in_(image_ids))).all())
    came, went = found.changed_images(session)
    return {
        "from": found.before.to_json(),
        "to": found.after.to_json(),
        "total": counted(sums["total"]),
        "types": [{"type_id": id_, "name": types.get(id_, ""), **counted(n)} for id_, n in sums["types"].items()],
        "authors": [
            {"author": {"id": id_, "name": people.get(id_, "")} if id_ else None, **counted(n)}
            for id_, n in sums["authors"].items()
        ],
        "images": [
            {"image_id": id_, "name": images.get(id_, ""), **counted(sums["images"][id_])} for id_ in image_ids
        ],
        "relabelled": [
            {"from_type_id": old, "from_name": types.get(old, ""), "to_type_id": new, "to_name": types.get(new, ""),
             "count": count}
            for old, new, count in sums["relabelled"]
        ],
        "images_added": came,
        "images_removed": went,
    }  # fmt: skip


def counted(found: dict[str, int]) -> dict[str, int]:
    """Counts with a number for each kind."""
    return {name: found.get(name, 0) for name in COUNTED}


def _names(session: Session, found: Comparison, sums: dict[str, Any]) -> tuple[dict[int, str], dict[int, str]]:
    """Names as the sides froze them, the later side first; else as they are now."""
    type_ids = {id_ for old, new, _ in sums["relabelled"] for id_ in (old, new)} | sums["types"].keys()
    user_ids = {id_ for id_ in sums["authors"] if id_}
    kinds = select(AnnotationType.id, AnnotationType.name).where(AnnotationType.id.in_(type_ids))
    types = dict(session.execute(kinds).all())
    chosen = select(User.id, User.display_name, User.name).where(User.id.in_(user_ids))
    people = {id_: display_name or name for id_, display_name, name in session.execute(chosen)}
    for side in (found.before, found.after):
        if side.opened is not None:
            types |= side.opened.frozen.type_names
            people |= side.opened.frozen.people
    return types, people


def difference_json(found: diff.Difference, *, geometry: bool) -> dict[str, Any]:
    """One annotation that differs, with both states."""
    return {
        "id": found.id,
        "uuid": found.uuid,
        "image_id": found.image_id,
        "kinds": [str(kind) for kind in found.kinds],
        "box": list(_box(found)),
        "before": _state_json(found.before, geometry=geometry),
        "after": _state_json(found.after, geometry=geometry),
    }


def _box(found: diff.Difference) -> tuple[int, int, int, int]:
    """The rectangle that holds both states."""
    boxes = [known.state.box for known in (found.before, found.after) if known is not None and known.state is not None]
    return (
        min(box.x0 for box in boxes), min(box.y0 for box in boxes),
        max(box.x1 for box in boxes), max(box.y1 for box in boxes),
    )  # fmt: skip


def _state_json(known: Any, *, geometry: bool) -> dict[str, Any] | None:
    if known is None:
        return None
    told: dict[str, Any] = known.to_json()
    names = ("type_id", "frame", "text", "attributes", "author", "edited_at", "revision")
    return {name: told[name] for name in (*names, *(("geometry",) if geometry else ()))}
