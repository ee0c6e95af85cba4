"""Sets in which several readers marked the same things, as fast as rows can be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from exact_core.agreement.access import Everything, can_of, everything_in
from exact_core.agreement.report import Question, answer
from exact_core.annotations.access import rights_in
from exact_core.annotations.bulk import NewShapes, columns_of_rings
from exact_core.annotations.geometry import label
from exact_core.annotations.packing import columns_of
from exact_core.annotations.service import Annotations
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.opening import close_services, open_services
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.database import Database
from exact_core.storage.models import AnnotationType, ImageTag, Tag

READERS = ("ann", "ben", "cas")


@pytest.fixture
def services(settings: Settings, database: Database) -> Iterator[Services]:
    """The parts of an instance without plugins."""
    services = open_services(settings, candidates=[])
    yield services
    close_services(services)


@dataclass
class Readers:
    """A set with images, a product, and people who mark things."""

    services: Services
    team_id: int
    image_set_id: int
    images: list[int]
    types: dict[str, int]
    people: dict[str, Actor]
    _drawn: dict[str, Any] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return self.services.database

    def everything(self, session: Any) -> Everything:
        """Leave to compare readers, as the system has it."""
        can = can_of(rights_in(session), Actor.system(), self.image_set_id)
        return everything_in(session, self.image_set_id, can)

    def mark(
        self,
        who: str,
        image: int,
        places: Sequence[tuple[float, float]],
        kind: str | Sequence[str] = "Mitosis",
        *,
        claimed: str = "",
        size: int = 40,
        shape: Shape = Shape.BOX,
        rings: Sequence[Any] | None = None,
    ) -> list[int]:
        """Draw boxes around places (or given rings) on the image of that index; gives the annotations' numbers."""
        if rings is None:
            half = size / 2
            rings = [[(x - half, y - half), (x + half, y + half)] for x, y in places]
        if shape is Shape.POINT:
            rings = [[place] for place in places]
        kinds = [kind] * len(rings) if isinstance(kind, str) else kind
        columns = columns_of([label()] * len(rings)) if shape is Shape.IMAGE else columns_of_rings(shape, rings)
        shapes = NewShapes(columns, np.array([self.types[each] for each in kinds]), claimed_author=claimed)
        actor = Actor.system() if who == "system" else self.people[who]
        added = Annotations(self.database, self.services.kernel.hooks, actor).bulk_create(self.images[image], shapes)
        return added.ids.tolist()

    def answer(self, **question: Any) -> dict[str, Any]:
        """How far everybody agrees."""
        with self.database.read() as session:
            return answer(session, self.everything(session), Question(**question))

    def tag(self, image: int, name: str) -> None:
        """Give an image a tag."""
        with self.database.write() as session:
            tag = session.scalar(select(Tag).where(Tag.folded_name == name)) or Tag(name=name, folded_name=name)
            session.add(tag)
            session.flush()
            session.add(ImageTag(image_id=self.images[image], tag_id=tag.id))

    def key(self, name: str) -> str:
        return f"user:{self.people[name].user_id}"


@pytest.fixture
def make_readers(
    services: Services,
    make_user: Callable[..., Actor],
    make_team: Callable[..., int],
    make_image_set: Callable[..., int],
    make_image: Callable[..., int],
    make_product: Callable[..., int],
) -> Callable[..., Readers]:
    """``make_readers(images=3, mode="competitive")``: ann, ben and cas annotate, lead manages, vic looks."""

    def make(
        images: int = 3, mode: str = "competitive", types: dict[str, list[str]] | None = None, **image: Any
    ) -> Readers:
        people = {name: make_user(name) for name in (*READERS, "lead", "rev", "vic", "stranger")}
        team_id = make_team("lab", leads=[people["lead"]], members=[people[name] for name in READERS])
        roles = {people["vic"]: "viewer", people["rev"]: "reviewer"}
        image_set_id = make_image_set(team_id, "slides", roles=roles, mode=mode)
        shapes = ["box", "point", "polygon", "ellipse"]
        kinds = types or {"Mitosis": shapes, "Look-alike": shapes, "Slide": ["image"]}
        make_product(team_id, "cells", types=kinds, image_sets=[image_set_id])
        ids = [make_image(image_set_id, f"image-{number}", **image) for number in range(images)]
        with services.database.read() as session:
            found = dict(session.execute(select(AnnotationType.name, AnnotationType.id)).all())
        return Readers(services, team_id, image_set_id, ids, found, people)

    return make


@pytest.fixture
def readers(make_readers: Callable[..., Readers]) -> Readers:
    """A blind set of three images."""
    return make_readers()


def figure(answer: dict[str, Any], name: str, scope: str, **wanted: Any) -> dict[str, Any]:
    """The only figure that fits."""
    about = {"figure": name, "scope": scope, **wanted}
    found = [each for each in answer["figures"] if all(each.get(key) == value for key, value in about.items())]
    assert len(found) == 1, (about, len(found))
    return found[0]
