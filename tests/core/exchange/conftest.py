"""A set with images and types of every shape, and short words for importing into it and exporting from it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from exact_core.annotations.access import rights_in
from exact_core.annotations.scope import read_scope
from exact_core.annotations.streaming import StreamedAnnotation, stream
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.exchange.document import Report
from exact_core.exchange.exporting import Wanted, open_document, write_export
from exact_core.exchange.importing import import_file
from exact_core.exchange.reading import Content
from exact_core.exchange.registry import all_built_in, built_in
from exact_core.exchange.storing import Options, Stored, Target
from exact_core.opening import close_services, open_services
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.database import Database
from exact_core.storage.models import AnnotationType

WIDTH, HEIGHT = 20_000, 10_000
EVERY_SHAPE = [shape.value for shape in Shape]
ATTRIBUTES = [
    {"name": "grade", "title": "Grade", "kind": "choice", "choices": ["low", "high"]},
    {"name": "size", "title": "Size µm", "kind": "number"},
    {"name": "sure", "title": "", "kind": "boolean"},
    {"name": "score", "title": "", "kind": "number", "min": 0, "max": 1},
]


@dataclass
class Desk:
    """What an import and an export need, for several people."""

    services: Services
    image_set_id: int
    images: list[int]
    product_id: int
    types: dict[str, int]
    people: dict[str, Actor]
    contents: list[Content] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.services.database

    def bring(
        self,
        data: bytes,
        name: str = "file.geojson",
        *,
        who: str = "lead",
        image: int | None = None,
        format: str = "",
        **options: Any,
    ) -> Stored:
        """Import a file."""
        target = Target(self.database, self.services.kernel.hooks, self.people[who], self.image_set_id, image, name)
        chosen = built_in(format) if format else None
        content, stored = import_file(target, io.BytesIO(data), Options(**options), list(all_built_in()), chosen=chosen)
        self.contents.append(content)
        return stored

    def export(self, format: str, *, who: str = "lead", report: Report | None = None, **wanted: Any) -> bytes:
        """Export the set, or some images of it."""
        target = io.BytesIO()
        document = open_document(self.database, self.people[who], Wanted(self.image_set_id, **wanted))
        write_export(document, built_in(format), _OneWay(target), report or Report())
        return target.getvalue()

    def rows(self, image: int | None = None, who: str = "lead") -> list[StreamedAnnotation]:
        """The annotations of an image, as somebody may see them."""
        with self.database.read() as session:
            scope = read_scope(session, self.people[who], image or self.images[0], rights_in(session))
            return list(stream(session, scope))

    def drawn(self, image: int | None = None, who: str = "lead") -> list[tuple[Any, ...]]:
        """Type, shape, rings and words of each annotation, in an order of their own."""
        names = {id_: name for name, id_ in self.types.items()}
        return sorted(
            (
                (
                    names.get(row.type_id, ""), row.shape.value, [ring.tolist() for ring in row.geometry.rings()],
                    tuple(row.geometry.ring_holes), (row.frame.z, row.frame.t, row.frame.c), row.text, row.attributes,
                )
                for row in self.rows(image, who)
            ),
            key=repr,
        )  # fmt: skip

    def revision(self) -> int:
        with self.database.read() as session:
            return read_scope(session, self.people["lead"], self.images[0], rights_in(session)).image.revision


class _OneWay(io.RawIOBase):
    """A stream as exports may have it: it can neither seek nor be read."""

    def __init__(self, target: io.BytesIO) -> None:
        self._target = target

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._target.write(data)


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    """The parts of an instance without plugins."""
    services = open_services(settings, candidates=[])
    yield services
    close_services(services)


PEOPLE = ("lead", "ann", "ben", "viewer", "reviewer", "stranger")


@pytest.fixture
def make_desk(
    services: Services,
    make_user: Callable[..., Actor],
    make_team: Callable[..., int],
    make_image_set: Callable[..., int],
    make_image: Callable[..., int],
    make_product: Callable[..., int],
) -> Callable[..., Desk]:
    """``make_desk(images=3, mode="competitive")``: lead manages, ann and ben annotate, viewer looks."""

    def make(images: int = 1, mode: str = "cooperative", **image: Any) -> Desk:
        people = {name: make_user(name) for name in PEOPLE}
        team_id = make_team("lab", leads=[people["lead"]], members=[people["ann"], people["ben"]])
        roles = {people["viewer"]: "viewer", people["reviewer"]: "reviewer"}
        image_set_id = make_image_set(team_id, "slides", roles=roles, mode=mode)
        facts = {"width": WIDTH, "height": HEIGHT, "size_z": 3, "size_t": 2, "mpp_x": 0.25, "mpp_y": 0.25, **image}
        numbers = [
            make_image(image_set_id, f"slide-{number}", **{"private_name": f"Anna Muster {number}.svs", **facts})
            for number in range(images)
        ]
        kinds = {"Cell": EVERY_SHAPE, "Nucleus": EVERY_SHAPE, "Outline": ["polygon"], "Spot": ["point"]}
        product_id = make_product(team_id, "cells", types=kinds, image_sets=[image_set_id])
        with services.database.write() as session:
            for kind in session.scalars(select(AnnotationType).where(AnnotationType.name == "Cell")):
                kind.attributes = ATTRIBUTES
        with services.database.read() as session:
            types = dict(session.execute(select(AnnotationType.name, AnnotationType.id)).all())
        return Desk(services, image_set_id, numbers, product_id, types, people)

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A cooperative set with one image."""
    return make_desk()
