"""Random annotations of every kind, in the database and as plain values beside it."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import select, update

from exact_core.annotations.bulk import NewShapes, add, columns_of_rings
from exact_core.annotations.geometry import Geometry
from exact_core.annotations.scope import ROWS, Frame, read_scope
from exact_core.annotations.streaming import stream
from exact_core.annotations.writing import Create, Update, Writer
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape as Form
from exact_core.storage.database import Database
from exact_core.storage.models import (
    Annotation,
    AnnotationType,
    ChangeSet,
    Image,
    ImageSetProduct,
    ImageTag,
    Product,
    Tag,
    User,
)
from tests.core.annotations.conftest import Lab
from tests.core.search.naive import Kind, Picture, Shape, World

GRADES = ["low", "middle", "high"]
SCORES: list[dict[str, Any]] = [
    {"name": "score", "kind": "number", "unit": "mm", "min": 0, "max": 20},
    {"name": "grade", "kind": "choice", "choices": GRADES},
    {"name": "sure", "kind": "boolean"},
    {"name": "seen", "kind": "date"},
    {"name": "signs", "kind": "multi_choice", "choices": ["round", "dark", "torn"]},
    {"name": "note", "kind": "text"},
]
OTHERS: list[dict[str, Any]] = [{"name": "grade", "kind": "number"}, {"name": "note", "kind": "text"}]
TEXTS = ["", "", "Necrosis at the edge", "100% sure_not", "necrotic", "Ärger \\ Übung", 'quote " here']
ALL_FORMS = [form.value for form in Form]


def everything(_: Actor, __: str, ___: int) -> bool:
    return True


def build(lab: Lab, make_image: Callable[..., int], seed: int, per_image: int = 45) -> World:
    """Fill the lab's image set and say what is in it."""
    chance = random.Random(seed)
    database = lab.database
    kinds = _kinds(lab)
    images = [
        make_image(lab.image_set_id, "Slide 1", width=3000, height=2000, size_z=3, mpp_x=0.5, mpp_y=0.25, position=1),
        make_image(lab.image_set_id, "slide-2", width=2000, height=2000, size_t=2, size_c=3, mpp_x=1.0, position=2),
        make_image(lab.image_set_id, "Other", width=1500, height=2500, position=3),
    ]
    with database.write() as session:
        tag = Tag(name="Control", folded_name="control")
        session.add(tag)
        session.flush()
        session.add_all([ImageTag(image_id=images[0], tag_id=tag.id), ImageTag(image_id=images[2], tag_id=tag.id)])
    for image_id in images:
        for who in ("ann", "ben"):
            _draw(database, lab.people[who], image_id, kinds, chance, per_image // 2)
        _import(database, lab.people["lead"], image_id, kinds, chance)
    _import(database, Actor.system(), images[0], kinds, chance)
    _edit(database, lab.people["ben"], images[0], chance)
    _age(database, chance)
    return read(lab, images)


def _kinds(lab: Lab) -> list[int]:
    """A tree of three levels, a flat product, types with attributes of every kind, and one that was renamed."""
    lead = lab.clients["lead"]
    with lab.database.write() as session:
        second = Product(team_id=lab.team_id, name="Insects")
        session.add(second)
        session.flush()
        session.add(ImageSetProduct(image_set_id=lab.image_set_id, product_id=second.id))
        parent = None
        made = []
        for name, external in (("Butterfly", "GBIF:797"), ("Nymphalis", ""), ("Nymphalis io", "NCBI:txid171585")):
            kind = AnnotationType(
                product_id=second.id,
                name=name,
                shapes=ALL_FORMS,
                parent_id=parent,
                external_id=external,
                attributes=SCORES if name == "Nymphalis" else [],
            )
            session.add(kind)
            session.flush()
            parent = kind.id
            made.append(kind.id)
        for kind in session.scalars(select(AnnotationType).where(AnnotationType.product_id == lab.product_id)):
            kind.shapes = ALL_FORMS
            kind.attributes = {"Cell": SCORES, "Nucleus": OTHERS}.get(kind.name, [])
            made.append(kind.id)
    url = f"/api/v2/annotation-types/{lab.types['Nucleus']}"
    assert lead.patch(url, json={"name": "Cell nucleus"}).status_code == 200
    return made


def _geometry(chance: random.Random, width: int, height: int) -> dict[str, Any]:
    form = chance.choice(ALL_FORMS)
    fraction = chance.choice([0, 0, 0.5, 0.125])
    x, y = chance.randint(150, width - 300) + fraction, chance.randint(150, height - 300) + fraction
    w, h = chance.randint(4, 120), chance.randint(4, 120) + chance.choice([0, 0.25])
    if form in ("image", "absent"):
        return {"shape": form}
    if form == "point":
        return {"shape": form, "points": [[x, y]]}
    if form in ("box", "ellipse", "line"):
        return {"shape": form, "points": [[x, y], [x + w, y + h]]}
    if form == "polyline":
        return {"shape": form, "points": [[x, y], [x + w, y], [x, y + h], [x + 2 * w, y + h / 2]]}
    if form == "rotated_box":
        return {"shape": form, "points": [[x, y], [x + 30, y + 40], [x - 10, y + 70], [x - 40, y + 30]]}
    ring = [[x, y], [x + w, y + h / 4], [x + w / 2, y + h]]
    outer = [[x, y], [x + 100, y], [x + 100, y + 100], [x, y + 100]]
    hole = [[x + 20, y + 20], [x + 20, y + 60], [x + 60, y + 60]]
    if form == "polygon":
        return {"shape": form, "rings": [outer, hole] if chance.random() < 0.4 else [ring]}
    far = [[a + 140, b + 20] for a, b in ring]
    return {"shape": form, "parts": [[outer, hole], [far]]}


def _attributes(chance: random.Random, definitions: list[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for definition in definitions:
        if chance.random() < 0.4:
            continue
        values[definition["name"]] = {
            "number": lambda: chance.choice([0, 1, 2.5, 7, 12]),
            "choice": lambda: chance.choice(GRADES),
            "boolean": lambda: chance.random() < 0.5,
            "date": lambda: chance.choice(["2026-01-01", "2026-02-28", "2025-12-31"]),
            "multi_choice": lambda: chance.sample(["round", "dark", "torn"], chance.randint(1, 3)),
            "text": lambda: chance.choice(["high", "Low risk", "2", "100% sure"]),
        }[definition["kind"]]()
    return values


def _draw(database: Database, actor: Actor, image_id: int, kinds: list[int], chance: random.Random, count: int) -> None:
    with database.write() as session:
        definitions = {
            each.id: each.attributes
            for each in session.scalars(select(AnnotationType).where(AnnotationType.id.in_(kinds)))
        }
        writer = Writer(session, actor, image_id, everything, None)
        facts = writer.facts
        operations = []
        for _ in range(count):
            type_id = chance.choice(kinds)
            frame = Frame(
                chance.randint(-1, facts.size_z - 1),
                chance.randint(-1, facts.size_t - 1),
                chance.randint(-1, facts.size_c - 1),
            )
            operations.append(
                Create(
                    str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                    type_id,
                    _geometry(chance, facts.width, facts.height),
                    frame,
                    chance.choice(TEXTS),
                    _attributes(chance, definitions[type_id]),
                    chance.choice(["", "Prof. X"]),
                )
            )
        writer.apply(operations)


def _import(database: Database, actor: Actor, image_id: int, kinds: list[int], chance: random.Random) -> None:
    """A model's or an import's shapes."""
    with database.write() as session:
        writer = Writer(session, actor, image_id, everything, None)
        rings = []
        for _ in range(6):
            x, y = chance.randint(200, 1000), chance.randint(200, 1000)
            rings.append([[x, y], [x + chance.randint(5, 60), y], [x, y + chance.randint(5, 60)]])
        shapes = NewShapes(
            columns_of_rings(Form.POLYGON, rings),
            np.array([chance.choice(kinds) for _ in rings]),
            claimed_author="model 3",
        )
        add(writer, shapes, kind=chance.choice(["model", "import"]))


def _edit(database: Database, actor: Actor, image_id: int, chance: random.Random) -> None:
    """Somebody else changes texts, and deletes nothing."""
    with database.write() as session:
        ids = list(session.scalars(select(Annotation.id).where(Annotation.image_id == image_id)))
        writer = Writer(session, actor, image_id, everything, None)
        writer.apply([Update(id_, text="looked at again") for id_ in chance.sample(ids, 8)])


def _age(database: Database, chance: random.Random) -> None:
    """Spread the times."""
    with database.write() as session:
        for id_ in list(session.scalars(select(Annotation.id))):
            at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=chance.randint(-900, 900))
            session.execute(update(Annotation).where(Annotation.id == id_).values(created_at=at))
            later = at + timedelta(hours=chance.randint(0, 500))
            session.execute(update(ROWS).where(ROWS.c.annotation_id == id_).values(edited_at=later))


def _rings(geometry: Geometry) -> list[list[list[float]]]:
    """In pixels, with their fractions."""
    ends = np.cumsum(geometry.ring_lengths)[:-1]
    return [ring.tolist() for ring in np.split(geometry.xy, ends)] if geometry.ring_lengths else []


def read(lab: Lab, images: list[int], who: str = "lead") -> World:
    """What the database holds, as plain values."""
    with lab.database.read() as session:
        people = {user.id: user for user in session.scalars(select(User))}
        products = {each.id: each.name for each in session.scalars(select(Product))}
        kinds = {
            each.id: Kind(
                each.id,
                each.name,
                products[each.product_id],
                each.parent_id,
                [
                    *(["Nucleus"] if each.name == "Cell nucleus" else []),
                    *([each.external_id] if each.external_id else []),
                ],
                each.attributes,
            )
            for each in session.scalars(select(AnnotationType))
        }
        logs = {change.revision: change.kind for change in session.scalars(select(ChangeSet))}
        shapes = []
        for image_id in images:
            image = session.get_one(Image, image_id)
            mpp = (image.mpp_x, image.mpp_y or image.mpp_x) if image.mpp_x else None
            tags = session.scalars(
                select(Tag.name).join(ImageTag, ImageTag.tag_id == Tag.id).where(ImageTag.image_id == image_id)
            )
            picture = Picture(image_id, image.name, mpp, list(tags))  # type: ignore[arg-type]
            scope = read_scope(session, lab.people[who], image_id, everything)
            for each in list(stream(session, scope)):
                first = session.scalars(
                    select(ROWS.c.valid_from).where(ROWS.c.annotation_id == each.id).order_by(ROWS.c.valid_from)
                ).first()
                assert first is not None
                geometry = each.geometry
                shapes.append(
                    Shape(
                        each.id,
                        each.uuid,
                        picture,
                        kinds[each.type_id],
                        each.shape.value,
                        _rings(geometry) or [[[0, 0], [image.width, image.height]]],
                        list(geometry.ring_holes) or [False],
                        {"z": each.frame.z, "t": each.frame.t, "c": each.frame.c},
                        each.text,
                        each.attributes,
                        people[each.author_id].name if each.author_id else None,
                        people[each.editor_id].name if each.editor_id else None,
                        each.claimed_author,
                        each.created_at,
                        each.edited_at,
                        {"import": "import", "model": "model"}.get(logs[first], "hand"),
                        first,
                    )
                )
    named = {user.name: user.display_name for user in people.values()}
    return World(shapes, list(kinds.values()), named, lab.people[who].name, datetime.now(UTC))
