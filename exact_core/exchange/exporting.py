"""Exports: annotations of an image or a whole set as one actor may see them, as of one revision, in constant memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from exact_core.annotations.access import rights_in
from exact_core.annotations.geometry import Geometry
from exact_core.annotations.packing import unpack_many
from exact_core.annotations.scope import ROWS, Can, ReadScope, read_scope
from exact_core.annotations.streaming import StreamedAnnotation, stream
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid, NotFound
from exact_core.auth.rights import Right, Rights
from exact_core.exchange.archives import ArchiveWriter
from exact_core.exchange.catalog import MakeProperties, images_of, no_properties, types_of
from exact_core.exchange.document import ExchangeImage, ExchangeType, ExportDocument, Format, Report, WrittenShape
from exact_core.exchange.file_names import member_names, safe_name
from exact_core.exchange.slide_files import SlideFiles
from exact_core.exchange.versions import VersionContent, version_content
from exact_core.review.verdicts import has_verdicts, states_of
from exact_core.storage.database import Database
from exact_core.storage.models import ImageSet, User

_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which annotations are exported; empty means all.

    Attributes:
        type_ids: Of these types.
        author_ids: By these authors, as far as the actor may know them.
        shapes: Drawn as these.
    """

    type_ids: tuple[int, ...] = ()
    author_ids: tuple[int, ...] = ()
    shapes: tuple[Shape, ...] = ()

    def conditions(self, scope: ReadScope) -> list[ColumnElement[bool]]:
        """The conditions on states of annotations, but for the types."""
        found: list[ColumnElement[bool]] = []
        if self.author_ids:
            found.append(scope.authors(self.author_ids))
        if self.shapes:
            found.append(ROWS.c.shape.in_([shape.number for shape in self.shapes]))
        return found

    def to_json(self) -> dict[str, Any]:
        """What an exported file says about it; empty for everything."""
        found = {"types": self.type_ids, "authors": self.author_ids, "shapes": [shape.value for shape in self.shapes]}
        return {name: list(values) for name, values in found.items() if values}


EVERY_SHAPE = Filters()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be exported.

    Attributes:
        image_set_id: From which set.
        image_ids: Only these images; None for all.
        at: As of this revision; None for now.
        version_id: As of this version, with the images and names that it had.
        filters: Which annotations.
        facts: What the file shall say of where it comes from, beside set, revision and version.
        private_names: Whether images shall be called by their original names, for those with the right to them.
    """

    image_set_id: int
    image_ids: tuple[int, ...] | None = None
    at: int | None = None
    version_id: int | None = None
    filters: Filters = EVERY_SHAPE
    facts: Mapping[str, Any] | None = None
    private_names: bool = False


@dataclass(frozen=True, slots=True)
class SetDocument:
    """An export document over the database; each image is read in a session of its own, all as of one revision."""

    title: str
    images: Sequence[ExchangeImage]
    types: Sequence[ExchangeType]
    facts: Mapping[str, Any]
    database: Database
    scopes: Mapping[int, ReadScope]
    people: Mapping[int, str]
    filters: Filters = EVERY_SHAPE

    def shapes(self, image: ExchangeImage) -> Iterator[WrittenShape]:
        """The annotations of one image in the order of storage."""
        types = {kind.id: kind for kind in self.types}
        with self.database.read() as session, self.database.read() as beside:
            scope, filters = self.scopes[image.id], self.filters
            is_judged = has_verdicts(beside, scope)
            rows = stream(session, scope, type_ids=filters.type_ids, conditions=filters.conditions(scope))
            while batch := list(islice(rows, _BATCH)):
                said = states_of(beside, scope, {row.id: row.revision for row in batch}) if is_judged else {}
                for row, geometry in zip(batch, _geometries(batch), strict=True):
                    yield WrittenShape(
                        row.id,
                        row.uuid,
                        types[row.type_id],
                        geometry,
                        row.frame,
                        row.text,
                        row.attributes,
                        self.people.get(row.author_id or 0, ""),
                        row.claimed_author,
                        row.created_at,
                        row.edited_at,
                        said.get(row.id, ""),
                    )


def open_document(database: Database, actor: Actor, wanted: Wanted, slides: SlideFiles | None = None) -> SetDocument:
    """What the actor may export of a set; ``slides`` reads what their own files say, for formats that need it.

    Raises:
        NotFound: There is no such set or image for the actor.
        Forbidden: The actor may not export.
    """
    with database.read() as session:
        rights = Rights(session)
        rights.require(actor, Right.EXPORT, wanted.image_set_id)
        image_set = session.get_one(ImageSet, wanted.image_set_id)
        private = wanted.private_names
        if private:
            rights.require(actor, Right.PRIVATE_NAMES, wanted.image_set_id)
        properties = no_properties
        if slides is not None:
            properties = partial(slides.properties, with_identities=private)
        can = rights_in(session)
        if wanted.version_id is None:
            found = _present(session, actor, image_set, wanted, can, private, properties)
        else:
            found = version_content(
                session, actor, image_set.id, wanted.version_id, wanted.image_ids, can,
                with_file_names=private, properties=properties,
            )  # fmt: skip
        _require_all(wanted, found.images)
        chosen = wanted.filters.to_json()
        facts = {**found.facts, **(wanted.facts or {}), **({"filters": chosen} if chosen else {})}
        people = {**_people(session), **found.people}
        return SetDocument(
            found.title, found.images, found.types, facts, database, found.scopes, people, wanted.filters
        )


def _present(
    session: Session,
    actor: Actor,
    image_set: ImageSet,
    wanted: Wanted,
    can: Can,
    private: bool,
    properties: MakeProperties,
) -> VersionContent:
    """The set as it is now, or its present images as they were at a revision."""
    images = images_of(session, image_set.id, wanted.image_ids, with_file_names=private, properties=properties)
    at = _revision(image_set, wanted.at)
    scopes = {image.id: read_scope(session, actor, image.id, can).as_of(at) for image in images}
    facts = {"image_set": image_set.name, "revision": at}
    return VersionContent(image_set.name, images, types_of(session, image_set.id), {}, scopes, facts)


def write_export(document: ExportDocument, chosen: Format, target: BinaryIO, report: Report) -> None:
    """Write a document; several images of a format of single images become an archive of files.

    The target can neither seek nor be read.
    """
    if chosen.write is None:
        raise Invalid(f"{chosen.title} can be read, but not written.")
    if not document.images:
        raise Invalid("There is no image to export.")
    if not chosen.has_verification:
        document = _Judged(document, report, chosen.title)
    if not is_archived(document, chosen):
        chosen.write(document, target, report)
        return
    names = member_names(document.images, chosen.extension)
    with ArchiveWriter(target) as archive:
        for image, name in zip(document.images, names, strict=True):
            with archive.member(name) as file:
                chosen.write(only_image(document, image), file, report)


def is_archived(document: ExportDocument, chosen: Format) -> bool:
    """Whether an export is an archive of several files."""
    return chosen.one_image and len(document.images) != 1


def only_image(document: ExportDocument, image: ExchangeImage) -> ExportDocument:
    """The part of a document that is about one image."""
    if isinstance(document, SetDocument):
        return replace(document, images=[image])
    return _OneImage(document.title, [image], document.types, document.facts, document)


@dataclass(frozen=True, slots=True)
class _OneImage:
    """One image of a document that is not ours."""

    title: str
    images: Sequence[ExchangeImage]
    types: Sequence[ExchangeType]
    facts: Mapping[str, Any]
    whole: ExportDocument

    def shapes(self, image: ExchangeImage) -> Iterator[WrittenShape]:
        """The annotations of the image."""
        return self.whole.shapes(image)


class _Judged:
    """A document that tells the report of verdicts which the format has no field for."""

    def __init__(self, document: ExportDocument, report: Report, title: str) -> None:
        self._document = document
        self._report = report
        self._words = f"what was verified: {title} has no field for it; GeoJSON and CSV have"
        self._counted: set[int] = set()
        self.title, self.images, self.types, self.facts = (
            document.title, document.images, document.types, document.facts,
        )  # fmt: skip

    def shapes(self, image: ExchangeImage) -> Iterator[WrittenShape]:
        """The annotations of one image; a format may read them several times, and they are counted once."""
        is_first = image.id not in self._counted
        self._counted.add(image.id)
        for shape in self._document.shapes(image):
            if is_first and shape.verification:
                self._report.lose(self._words)
            yield shape


def file_name(document: ExportDocument, chosen: Format) -> str:
    """What the exported file is called."""
    if is_archived(document, chosen):
        return f"{safe_name(document.title)}-{chosen.name}.zip"
    name = document.images[0].name if len(document.images) == 1 else document.title
    return f"{safe_name(name)}{chosen.extension}"


def _geometries(batch: Sequence[StreamedAnnotation]) -> Iterator[Geometry]:
    """The shapes of many rows, unpacked together."""
    columns = unpack_many([row.packed for row in batch])
    ends = np.concatenate([[0], np.cumsum(columns.ring_length, dtype=np.int64)])
    vertex = ends[columns.ring_start.astype(np.int64)].tolist()
    start = columns.ring_start.tolist()
    length, hole = columns.ring_length.tolist(), columns.ring_hole.astype(bool).tolist()
    for place, row in enumerate(batch):
        first, last = start[place], start[place + 1]
        vertices = columns.vertices[vertex[place] : vertex[place + 1]]
        bits = 0 if columns.fraction_bits is None else int(columns.fraction_bits[place])
        yield Geometry(row.shape, vertices, tuple(length[first:last]), tuple(hole[first:last]), bits)


def _require_all(wanted: Wanted, images: Iterable[ExchangeImage]) -> None:
    missing = set(wanted.image_ids or ()) - {image.id for image in images}
    if missing:
        raise NotFound(f"There is no image {min(missing)} in this image set that you may see.")


def _revision(image_set: ImageSet, at: int | None) -> int:
    if at is None:
        return image_set.revision
    if not 0 <= at <= image_set.revision:
        raise Invalid(f"The image set is at revision {image_set.revision}; there is no revision {at}.")
    return at


def _people(session: Session) -> dict[int, str]:
    rows = session.execute(select(User.id, User.display_name, User.name))
    return {id_: display_name or name for id_, display_name, name in rows}
