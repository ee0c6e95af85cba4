"""What everybody marked in an image set, as columns of numbers: now, or as of a revision.

Whoever calls this shows one person's marks to another: it takes an :class:`Everything`, which only those get who see
everybody's work in the set (``agreement/access.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, Table, func, select
from sqlalchemy.orm import Session

from exact_core.agreement.access import Everything
from exact_core.agreement.readers import Reader, ReaderKeys, names_of
from exact_core.annotations.scope import ROWS, holds
from exact_core.api.contributions import Shape
from exact_core.storage.models import (
    Annotation,
    AnnotationType,
    Image,
    ImageSetProduct,
    ImageTag,
    Product,
    StudyTask,
    Tag,
)

Ints = NDArray[np.int64]

_CHUNK = 400  # images per query
_LABELS = tuple(shape.number for shape in Shape if shape.value in ("image", "absent"))
_ABSENT = tuple(shape.number for shape in Shape if shape.value == "absent")
_IDENTITIES: Table = Annotation.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class ReadImage:
    """An image that was read; ``mpp_x``, ``mpp_y`` are micrometres per level-0 pixel."""

    id: int
    name: str
    mpp_x: float | None
    mpp_y: float | None
    tags: tuple[str, ...] = ()

    def group(self, prefix: str) -> str:
        """The rest of the first tag that begins so: ``site:`` of ``site:Berlin`` is ``Berlin``; else nothing."""
        return next((tag[len(prefix) :].strip() for tag in self.tags if tag.lower().startswith(prefix)), "")


@dataclass(frozen=True, slots=True)
class ReadClass:
    """An annotation type; ``place`` is its place in the order of the product."""

    id: int
    name: str
    product_id: int
    product: str
    color: str
    place: int


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Marks as parallel columns; coordinates are level-0 pixels, ``image``, ``reader`` and ``type`` are indices."""

    id: Ints
    image: Ints
    reader: Ints
    type: Ints
    shape: Ints
    box: Ints  # (n, 4): x0, y0, x1, y1, both ends inclusive
    frame: Ints  # (n, 3): z, t, c; -1 for every one

    def __len__(self) -> int:
        return len(self.id)

    def where(self, chosen: NDArray[np.bool_] | Ints) -> Marks:
        """Some of them."""
        return Marks(*(getattr(self, name)[chosen] for name in self.__slots__))

    @property
    def center(self) -> NDArray[np.float64]:
        """Middles of the boxes, ``(n, 2)``."""
        middle: NDArray[np.float64] = (self.box[:, :2] + self.box[:, 2:]) / 2
        return middle

    @property
    def is_label(self) -> NDArray[np.bool_]:
        """Whether a mark is a label of the whole image."""
        return np.isin(self.shape, _LABELS)


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Marks with what their numbers stand for.

    Attributes:
        images: Every image of the set that somebody has read.
        readers: Who read, by the number of their marks.
        classes: What was marked, in the order of the products.
        marks: Of the chosen readers and classes.
        has_read: ``(images, readers)``: whether a reader has read an image, which marks of any class show, or a
            finished task. Only then does finding nothing count as a miss.
        revision: What the figures belong to.
    """

    images: tuple[ReadImage, ...]
    readers: tuple[Reader, ...]
    classes: tuple[ReadClass, ...]
    marks: Marks
    has_read: NDArray[np.bool_]
    revision: int

    def only(self, readers: Sequence[str] | None = None, type_ids: Sequence[int] = ()) -> Readings:
        """The same for some readers (in this order; None: all) and some classes (empty: all)."""
        numbers = {reader.key: number for number, reader in enumerate(self.readers)}
        kept = [numbers[key] for key in readers if key in numbers] if readers is not None else list(numbers.values())
        classes = [n for n, each in enumerate(self.classes) if not type_ids or each.id in set(type_ids)]
        marks = self.marks.where(np.isin(self.marks.reader, kept) & np.isin(self.marks.type, classes))
        marks = replace(marks, reader=_renumbered(marks.reader, kept), type=_renumbered(marks.type, classes))
        return replace(
            self,
            readers=tuple(self.readers[number] for number in kept),
            classes=tuple(self.classes[number] for number in classes),
            marks=marks,
            has_read=self.has_read[:, kept],
        )


def load(
    session: Session, everything: Everything, *, at: int | None = None, image_ids: Sequence[int] | None = None
) -> Readings:
    """Read the marks of a set.

    Args:
        session: Where to read.
        everything: Whose set, and the right to see all of it.
        at: As of this revision of the set; now unless given.
        image_ids: Only these images.
    """
    keys = ReaderKeys()
    images = _images(session, everything.image_set_id, image_ids)
    place = {image.id: number for number, image in enumerate(images)}
    parts = [_part(session, chunk, at, place, keys) for chunk in _chunks(list(place))]
    columns = np.concatenate(parts) if parts else np.zeros((0, 12), np.int64)
    marks, classes = _with_classes(session, everything.image_set_id, columns)
    has_read = np.zeros((len(images), len(keys.keys)), bool)
    has_read[marks.image, marks.reader] = True
    has_read, keys = _with_finished(session, everything.image_set_id, place, has_read, keys, at)
    names = names_of(session, keys.keys)
    counts = np.bincount(marks.reader, minlength=len(keys.keys))
    readers = [
        Reader(key, names[key], int(counts[number]), int(has_read[:, number].sum()))
        for number, key in enumerate(keys.keys)
    ]
    order = sorted(range(len(readers)), key=lambda number: (_natural(readers[number].name), readers[number].key))
    found = Readings(
        images, tuple(readers), classes, marks.where(~np.isin(marks.shape, _ABSENT)), has_read,
        everything.revision if at is None else at,
    )  # fmt: skip
    return _only_read(found.only([readers[number].key for number in order]))


def geometries(session: Session, annotation_ids: Sequence[int], at: int | None) -> Mapping[int, bytes]:
    """The packed geometry of marks that :func:`load` gave."""
    found: dict[int, bytes] = {}
    for chunk in _chunks(list(annotation_ids), 5_000):
        query = select(ROWS.c.annotation_id, ROWS.c.geometry).where(ROWS.c.annotation_id.in_(chunk), *holds(ROWS, at))
        found.update((id_, bytes(packed)) for id_, packed in session.execute(query))
    return found


def _part(
    session: Session, image_ids: Sequence[int], at: int | None, place: Mapping[int, int], keys: ReaderKeys
) -> Ints:
    """Rows of some images: image, annotation, type id, shape, box, frame, reader."""
    row = ROWS.c
    conditions: tuple[ColumnElement[bool], ...] = (row.image_id.in_(image_ids), *holds(ROWS, at))
    columns = (
        row.image_id, row.annotation_id, row.type_id, row.shape, row.x0, row.y0, row.x1, row.y1, row.z, row.t, row.c,
        func.coalesce(row.author_id, 0),
    )  # fmt: skip
    table = _numbers(session, select(*columns).where(*conditions), len(columns))
    table[:, 0] = [place[image_id] for image_id in table[:, 0].tolist()]
    claims = (
        select(row.annotation_id, _IDENTITIES.c.claimed_author)
        .select_from(ROWS.join(_IDENTITIES, _IDENTITIES.c.id == row.annotation_id))
        .where(*conditions, _IDENTITIES.c.claimed_author != "")
    )
    claimed = dict(session.execute(claims).all())
    authors = table[:, -1].tolist()
    if claimed:
        ids = table[:, 1].tolist()
        table[:, -1] = [keys.number(a, claimed.get(id_, "")) for a, id_ in zip(authors, ids, strict=True)]
    else:
        table[:, -1] = [keys.number(author, "") for author in authors]
    return table


def _numbers(session: Session, query: Select[Any], width: int) -> Ints:
    """All rows of a query of whole numbers."""
    rows = session.execute(query, execution_options={"yield_per": 20_000})
    flat = np.fromiter(chain.from_iterable(rows), np.int64)
    return flat.reshape(-1, width)


def _images(session: Session, image_set_id: int, image_ids: Sequence[int] | None) -> tuple[ReadImage, ...]:
    query = (
        select(Image.id, Image.name, Image.mpp_x, Image.mpp_y)
        .where(Image.image_set_id == image_set_id, Image.deleted_at.is_(None))
        .order_by(Image.position, Image.id)
    )
    tagged = (
        select(ImageTag.image_id, Tag.name)
        .join(Tag, Tag.id == ImageTag.tag_id)
        .join(Image, Image.id == ImageTag.image_id)
        .where(Image.image_set_id == image_set_id)
        .order_by(Tag.folded_name)
    )
    tags: dict[int, list[str]] = {}
    for image_id, tag in session.execute(tagged):
        tags.setdefault(image_id, []).append(tag)
    wanted = None if image_ids is None else set(image_ids)
    rows = [row for row in session.execute(query) if wanted is None or row[0] in wanted]
    return tuple(ReadImage(*row, tuple(tags.get(row[0], ()))) for row in rows)


def _with_classes(session: Session, image_set_id: int, table: Ints) -> tuple[Marks, tuple[ReadClass, ...]]:
    """The columns with indices of types; those of the set's products, and others that still stand on images."""
    used = np.unique(table[:, 2]).tolist()
    in_set = select(ImageSetProduct.product_id).where(ImageSetProduct.image_set_id == image_set_id)
    query = (
        select(AnnotationType.id, AnnotationType.name, Product.id, Product.name, AnnotationType.color)
        .join(Product, Product.id == AnnotationType.product_id)
        .where(AnnotationType.product_id.in_(in_set) | AnnotationType.id.in_(used))
        .order_by(Product.name, AnnotationType.sort_order, AnnotationType.id)
    )
    classes = [ReadClass(*row, place) for place, row in enumerate(session.execute(query)) if row[0] in set(used)]
    numbers = {each.id: number for number, each in enumerate(classes)}
    types = np.array([numbers[type_id] for type_id in table[:, 2].tolist()], np.int64)
    marks = Marks(table[:, 1], table[:, 0], table[:, 11], types, table[:, 3], table[:, 4:8], table[:, 8:11])
    return marks, tuple(classes)


def _with_finished(
    session: Session,
    image_set_id: int,
    place: Mapping[int, int],
    has_read: NDArray[np.bool_],
    keys: ReaderKeys,
    at: int | None,
) -> tuple[NDArray[np.bool_], ReaderKeys]:
    """Images that somebody said they had finished are read, also where they found nothing."""
    if at is not None:
        return has_read, keys  # tasks have times, not revisions
    query = (
        select(StudyTask.user_id, StudyTask.image_id)
        .join(Image, Image.id == StudyTask.image_id)
        .where(Image.image_set_id == image_set_id, StudyTask.finished_at.is_not(None))
    )
    finished = [(place[i], keys.number(u, "")) for u, i in session.execute(query) if i in place]
    grown = np.zeros((len(place), len(keys.keys)), bool)
    grown[:, : has_read.shape[1]] = has_read
    for image, reader in finished:
        grown[image, reader] = True
    return grown, keys


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts "Reader 9" before "Reader 10"."""
    parts = re.split(r"(\d{1,15})", name.casefold())
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]


def _only_read(readings: Readings) -> Readings:
    """Without images that nobody has read."""
    kept = np.flatnonzero(readings.has_read.any(axis=1))
    return replace(
        readings,
        images=tuple(readings.images[number] for number in kept),
        marks=replace(readings.marks, image=_renumbered(readings.marks.image, kept.tolist())),
        has_read=readings.has_read[kept],
    )


def _renumbered(values: Ints, kept: Sequence[int]) -> Ints:
    """Places among the kept numbers; every value is one of them."""
    places = np.zeros(max(kept, default=-1) + 1, np.int64)
    places[list(kept)] = np.arange(len(kept))
    renumbered: Ints = places[values]
    return renumbered


def _chunks(values: list[int], size: int = _CHUNK) -> Iterator[list[int]]:
    return (values[start : start + size] for start in range(0, len(values), size))
