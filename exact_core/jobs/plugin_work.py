"""What jobs of plugins may add to an image set: images from files, and annotations; with the rights of who asked."""

from __future__ import annotations

import io
import secrets
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.errors import Forbidden, Invalid
from exact_core.api.exchange import ImportedShape
from exact_core.api.images import ImageInfo
from exact_core.auth.rights import Right, Rights
from exact_core.exchange.catalog import types_of
from exact_core.exchange.document import Format
from exact_core.exchange.import_jobs import actor_of
from exact_core.exchange.importing import import_file
from exact_core.exchange.planning import Options, Target
from exact_core.exchange.plugin_formats import read_shape
from exact_core.images.adding import Arrival, add_images
from exact_core.images.probing import Prober
from exact_core.products import attachments
from exact_core.products import service as products
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Annotation, Image, ImageSet, Product

if TYPE_CHECKING:
    from exact_core.services import Services

_CHUNK = 500  # SQLite takes a limited number of parameters


def add_image(services: Services, owner_id: int | None, image_set_id: int, path: Path, name: str) -> ImageInfo:
    """Make an image of a finished picture file, which is moved; see ``exact_core.api.JobContext``."""
    with services.database.read() as session:
        actor = _owner(session, owner_id)
        Rights(session).require(actor, Right.UPLOAD, image_set_id)
    folder = f"images/{image_set_id}/{secrets.token_hex(16)}"
    target = services.blobs.folder(folder) / f"image{path.suffix.lower()}"
    kept = False
    try:
        shutil.move(path, target)
        relative = f"{folder}/{target.name}"
        arrival = Arrival(name, relative, (target,), target.stat().st_size, is_external=False)
        [added] = add_images(services, actor, image_set_id, [arrival], probe=False)
        kept = not added.is_duplicate
    finally:
        if not kept:
            shutil.rmtree(target.parent, ignore_errors=True)
    return _read(services, added.image_id, owner_id)


def _read(services: Services, image_id: int, owner_id: int | None) -> ImageInfo:
    with services.database.read() as session:
        image = session.get_one(Image, image_id)
    if image.status == "probing":
        prober = Prober(services, owner_id)
        try:
            prober.read(image)
        finally:
            prober.close()
    with services.database.read() as session:
        image = session.get_one(Image, image_id)
    if image.status == "unreadable":
        raise Invalid(f"The picture cannot be read: {image.status_reason}")
    return ImageInfo.of(image)


@dataclass(frozen=True, slots=True)
class Adding:
    """Annotations for one image, from a job of a plugin."""

    services: Services
    owner_id: int | None
    image_set_id: int
    image_id: int

    def add(self, shapes: Sequence[ImportedShape], product: str, *, run: str) -> list[int]:
        """Add shapes in one transaction; the identity of each, in the order given."""
        if not shapes:
            return []
        named = [replace(shape, uuid=shape.uuid or str(uuid.uuid4()), image=None) for shape in shapes]
        with self.services.database.write() as session:
            actor = _owner(session, self.owner_id)
            Rights(session).require(actor, Right.ANNOTATE, self.image_set_id)
            product_id = self._product(session, actor, {shape.label for shape in named}, product)
        target = Target(
            self.services.database, self.services.kernel.hooks, actor, self.image_set_id, self.image_id, run
        )
        given = Format(
            "plugin", run, "", "", True, lambda _head, _name: 0, lambda _stream, _context: map(read_shape, named), None
        )
        options = Options(create_types_in=product_id, unit="px", y_axis="down", run=run)
        with TemporaryDirectory(prefix="exact-adding-") as folder:
            import_file(target, io.BytesIO(b"-"), options, (), chosen=given, folder=Path(folder))
        return self._ids([shape.uuid or "" for shape in named])

    def _product(self, session: Session, actor: Actor, labels: set[str], name: str) -> int | None:
        """The product that gets types for the labels that have none; None when all have one."""
        known = {kind.name.casefold() for kind in types_of(session, self.image_set_id, only_active=True)}
        if all(label.casefold() in known for label in labels):
            return None
        used = attachments.products_of(session, self.image_set_id)
        found = next((each for each in used if each.name == name), None)
        if found is not None:
            return found.id
        Rights(session).require(actor, Right.MANAGE, self.image_set_id)
        team_id = session.get_one(ImageSet, self.image_set_id).team_id
        same = select(Product.id).where(Product.team_id == team_id, Product.name == name)
        product_id = session.scalar(same)
        if product_id is None:
            told = "Made for annotations that a plugin added."
            product_id = products.create(session, actor, team_id, name, told, []).id
        attachments.set_products(session, actor, self.image_set_id, [*(each.id for each in used), product_id])
        raise_epoch(session, "access")
        return product_id

    def _ids(self, uuids: Sequence[str]) -> list[int]:
        found: dict[str, int] = {}
        with self.services.database.read() as session:
            for start in range(0, len(uuids), _CHUNK):
                part = uuids[start : start + _CHUNK]
                query = select(Annotation.uuid, Annotation.id).where(
                    Annotation.image_id == self.image_id, Annotation.uuid.in_(part)
                )
                found.update(session.execute(query).all())
        return [found[each] for each in uuids]


def _owner(session: Session, owner_id: int | None) -> Actor:
    if owner_id is None:
        return Actor.system()
    actor = actor_of(session, owner_id)
    if not actor.user_id:
        raise Forbidden("The job belongs to nobody.")
    return actor
