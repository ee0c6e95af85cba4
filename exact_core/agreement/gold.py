"""References that readers are compared with without knowing on which images.

Only who manages the set can ask: nothing here is part of what readers are shown, and nothing they are shown depends on
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.comparison import Compared, compare
from exact_core.agreement.readers import Reader, checked_keys, names_of
from exact_core.agreement.readings import Marks, Readings, geometries, load
from exact_core.agreement.rules import MatchRule
from exact_core.api.context import Actor
from exact_core.api.errors import Invalid, NotFound
from exact_core.storage.models import GoldImage, GoldReference, Image, now

REFERENCE = "reference"
"""Key of the reference among readers."""


class Gold:
    """The references of one set."""

    def __init__(self, session: Session, everything: Everything) -> None:
        self._session = session
        self._everything = everything

    def all(self) -> list[GoldReference]:
        """Oldest first."""
        query = select(GoldReference).where(GoldReference.image_set_id == self._everything.image_set_id)
        return list(self._session.scalars(query.order_by(GoldReference.id)))

    def get(self, gold_id: int) -> GoldReference:
        """One of them."""
        found = self._session.get(GoldReference, gold_id)
        if found is None or found.image_set_id != self._everything.image_set_id:
            raise NotFound(f"There is no reference {gold_id} in this image set.")
        return found

    def create(
        self,
        actor: Actor,
        *,
        title: str,
        reader: str,
        revision: int | None,
        type_ids: Sequence[int],
        image_ids: Sequence[int],
    ) -> GoldReference:
        """A new reference; the state of now is kept by its revision, whatever happens to the annotations."""
        (reader,) = checked_keys([reader])
        at = self._everything.revision if revision is None else revision
        if at > self._everything.revision:
            raise Invalid(f"revision: the image set is at revision {self._everything.revision}; it has no {at} yet.")
        gold = GoldReference(
            image_set_id=self._everything.image_set_id,
            title=title,
            reader=reader,
            revision=at,
            type_ids=list(dict.fromkeys(type_ids)),
            created_by_id=actor.user_id or None,
        )
        self._session.add(gold)
        self._session.flush()
        self._set_images(gold, image_ids)
        return gold

    def change(
        self, gold_id: int, *, title: str | None, image_ids: Sequence[int] | None, released: bool | None
    ) -> GoldReference:
        """Change what is given."""
        gold = self.get(gold_id)
        gold.title = title or gold.title
        if image_ids is not None:
            self._set_images(gold, image_ids)
        if released is not None:
            gold.released_at = (gold.released_at or now()) if released else None
        self._session.flush()
        return gold

    def delete(self, gold_id: int) -> None:
        """Forget a reference; annotations stay."""
        self._session.delete(self.get(gold_id))
        self._session.flush()

    def images(self, gold_id: int) -> list[int]:
        """Its images, as far as they are still there."""
        query = (
            select(GoldImage.image_id)
            .join(Image, Image.id == GoldImage.image_id)
            .where(GoldImage.gold_id == gold_id, Image.deleted_at.is_(None))
            .order_by(Image.position, Image.id)
        )
        return list(self._session.scalars(query))

    def shown(self, gold: GoldReference) -> dict[str, Any]:
        """The form that the API answers."""
        images = self.images(gold.id)
        marks = self._reference(gold, images)
        return {
            "id": gold.id,
            "title": gold.title,
            "reader": gold.reader,
            "reader_name": names_of(self._session, [gold.reader])[gold.reader],
            "revision": gold.revision,
            "type_ids": gold.type_ids,
            "image_ids": images,
            "marks": len(marks.marks),
            "created_at": gold.created_at,
            "released_at": gold.released_at,
            "warning": self._warning(gold, images),
        }

    def against(self, gold: GoldReference, rule: MatchRule) -> Compared | None:
        """Everybody's marks of now beside the reference, who is the last reader; None without marks of it."""
        images = self.images(gold.id)
        reference = self._reference(gold, images)
        if not images or not reference.readers:
            return None
        live = load(self._session, self._everything, image_ids=images)
        readings = _beside(live.only([each.key for each in live.readers if each.key != gold.reader]), reference)
        if gold.type_ids:
            readings = readings.only(type_ids=gold.type_ids)
        return compare(readings, rule, lambda ids: self._packed(ids, gold.revision))

    def _reference(self, gold: GoldReference, image_ids: Sequence[int]) -> Readings:
        """The reference's own marks."""
        found = load(self._session, self._everything, at=gold.revision, image_ids=image_ids)
        return found.only([gold.reader], gold.type_ids)

    def _packed(self, annotation_ids: Sequence[int], revision: int) -> list[bytes]:
        found = dict(geometries(self._session, annotation_ids, None))
        missing = [annotation_id for annotation_id in annotation_ids if annotation_id not in found]
        found |= geometries(self._session, missing, revision)
        return [found[annotation_id] for annotation_id in annotation_ids]

    def _set_images(self, gold: GoldReference, image_ids: Sequence[int]) -> None:
        wanted = set(image_ids)
        known = set(
            self._session.scalars(
                select(Image.id).where(
                    Image.image_set_id == gold.image_set_id, Image.id.in_(wanted), Image.deleted_at.is_(None)
                )
            )
        )
        if known != wanted:
            raise Invalid(f"image_ids: {len(wanted - known)} of these images are not in this image set.")
        self._session.execute(delete(GoldImage).where(GoldImage.gold_id == gold.id))
        self._session.add_all(GoldImage(gold_id=gold.id, image_id=image_id) for image_id in sorted(wanted))
        self._session.flush()

    def _warning(self, gold: GoldReference, image_ids: Sequence[int]) -> str:
        if self._everything.mode == "competitive":
            return ""
        live = load(self._session, self._everything, image_ids=image_ids)
        if not any(each.key == gold.reader and each.annotations for each in live.readers):
            return ""
        return "The set is not blind and the reference's shapes are still on the images: readers see them."


def _beside(live: Readings, reference: Readings) -> Readings:
    """Two readings as one, with the reference as the last reader, on the reference's images."""
    classes = sorted({*live.classes, *reference.classes}, key=lambda each: each.place)
    images = sorted({image.id: image for image in (*live.images, *reference.images)}.values(), key=lambda i: i.id)
    type_of = {each.id: number for number, each in enumerate(classes)}
    image_of = {each.id: number for number, each in enumerate(images)}

    def placed(readings: Readings, reader: int | None) -> Marks:
        marks = readings.marks
        types = np.array([type_of[each.id] for each in readings.classes], np.int64)
        places = np.array([image_of[each.id] for each in readings.images], np.int64)
        who = marks.reader if reader is None else np.full(len(marks), reader)
        return replace(marks, type=types[marks.type], image=places[marks.image], reader=who)

    last = len(live.readers)
    both = placed(live, None), placed(reference, last)
    marks = Marks(*(np.concatenate([getattr(each, name) for each in both]) for name in Marks.__slots__))
    has_read = np.zeros((len(images), last + 1), bool)
    has_read[[image_of[each.id] for each in live.images], :last] = live.has_read
    has_read[:, last] = True  # every image of a reference was read by whoever made it
    name = reference.readers[0].name if reference.readers else REFERENCE
    readers = (*live.readers, Reader(REFERENCE, name, len(reference.marks), len(images)))
    return Readings(tuple(images), readers, tuple(classes), marks, has_read, live.revision)
