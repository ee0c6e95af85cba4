"""What the demo instance holds: a person, a team, products, image sets, the slide and its nuclei."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from exact_core.activation.service import change_switch
from exact_core.annotations.bulk import NewShapes
from exact_core.annotations.packing import Columns
from exact_core.annotations.service import Annotations
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.demo.nuclei import Nuclei
from exact_core.images.importing import find_or_make_set, find_pictures, import_pictures
from exact_core.images.probing import Prober
from exact_core.kernel.records import State
from exact_core.products import attachments
from exact_core.products import service as products
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import AnnotationType, Image, ImageSet, Product, Team, TeamMember, User

if TYPE_CHECKING:
    from exact_core.services import Services

TEAM = "Demo laboratory"
GRADED_SET = "Graded nuclei"
PICTURE_SET = "Small pictures"
OWN_SET = "Your slides"

_GRADE_COLORS = ("#3b6fd4", "#2a9d6f", "#d9a800", "#e8751a", "#d62828")
_REGIONS = (
    ("Gland", ["polygon"], "#8338ec", None),
    ("Vessel", ["ellipse", "polygon"], "#c1121f", 60.0),
    ("Distance", ["line"], "#0a7d8c", None),
    ("Nerve", ["polyline"], "#5f6f00", None),
    ("Mark", ["point"], "#ff006e", None),
    ("Artefact", ["box", "polygon"], "#6b7280", 120.0),
)


def make_person(services: Services) -> Actor:
    """The demo user, an administrator without a password, who leads the demo team."""
    with services.database.write() as session:
        user = User(name="demo", folded_name="demo", display_name="Demo user", is_admin=True)
        team = Team(name=TEAM, folded_name=TEAM.casefold(), description="Owns what the demo shows.")
        session.add_all([user, team])
        session.flush()
        team.created_by_id = user.id
        session.add(TeamMember(team_id=team.id, user_id=user.id, is_lead=True))
        raise_epoch(session, "access")
        return Actor(user.id, user.name, user.display_name, is_admin=True, via="system")


def make_products(services: Services, actor: Actor) -> list[int]:
    """Two products: graded nuclei, and regions of every shape."""
    grades = [
        {
            "name": f"Grade {grade}",
            "shapes": ["box", "ellipse"],
            "color": color,
            "key": str(grade + 1),
            "default_width": 12.0,
            "default_height": 12.0,
            "default_unit": "um",
        }
        for grade, color in enumerate(_GRADE_COLORS)
    ]
    regions = [
        {"name": name, "shapes": shapes, "color": color, "default_width": size, "default_height": size}
        for name, shapes, color, size in _REGIONS
    ]
    with services.database.write() as session:
        team_id = session.query(Team).filter_by(name=TEAM).one().id
        nuclei = products.create(session, actor, team_id, "EIPH", "Nuclei by how brown their surroundings are.", grades)
        tissue = products.create(session, actor, team_id, "Tissue", "Regions, lengths and marks.", regions)
        return [nuclei.id, tissue.id]


def make_image_set(services: Services, actor: Actor, name: str, description: str, product_ids: Sequence[int]) -> int:
    """An image set of the demo team that uses some products."""
    image_set_id = find_or_make_set(services, actor, name, TEAM)
    with services.database.write() as session:
        image_set = session.get_one(ImageSet, image_set_id)
        image_set.description = description
        attachments.set_products(session, actor, image_set_id, product_ids)
        raise_epoch(session, "access")
    return image_set_id


def switch_on(services: Services, actor: Actor, image_set_id: int, plugin: str) -> bool:
    """Switch a plugin on where it is installed and well; whether it is."""
    record = services.kernel.records.get(plugin)
    if record is None or record.state is not State.LOADED:
        return False
    change_switch(services.database, services.kernel, actor, image_set_id, plugin, enabled=True)
    return True


def add_pictures(services: Services, actor: Actor, image_set_id: int, paths: Sequence[Path]) -> list[int]:
    """Add files where they lie; the worker reads them once the server runs."""
    found = find_pictures(services, paths)
    outcomes = import_pictures(services, actor, image_set_id, found.groups)
    return [outcome.image for outcome in outcomes if outcome.image is not None]


def read_now(services: Services, image_ids: Sequence[int]) -> None:
    """Look at new images in this process's own limited reader instead of waiting for a worker."""
    with services.database.read() as session:
        images = [session.get_one(Image, image_id) for image_id in image_ids]
    prober = Prober(services)
    try:
        for image in images:
            prober.read(image)
    finally:
        prober.write()
        prober.close()


def add_nuclei(services: Services, actor: Actor, image_id: int, nuclei: Nuclei) -> int:
    """Add detections as graded boxes, with the detector as their claimed author; how many."""
    with services.database.read() as session:
        kinds = session.query(AnnotationType).join(Product).filter(Product.name == "EIPH").all()
        type_of_grade = np.array([next(k.id for k in kinds if k.name == f"Grade {grade}") for grade in range(5)])
    count = len(nuclei.grades)
    one_ring = np.arange(count + 1, dtype=np.uint32)
    columns = Columns(
        shape=np.full(count, Shape.BOX.number, np.uint8),
        ring_start=one_ring,
        ring_length=np.full(count, 2, np.uint32),
        ring_hole=np.zeros(count, np.uint8),
        vertices=nuclei.boxes.reshape(-1, 2),
    )
    shapes = NewShapes(
        columns, type_of_grade[nuclei.grades].astype(np.int64), claimed_author="Classical nucleus detector"
    )
    service = Annotations(services.database, services.kernel.hooks, actor)
    service.bulk_create(
        image_id,
        shapes,
        kind="model",
        reason="Found by the demo's nucleus detector",
        run="Classical nucleus detector",
    )
    return count


def save_small_pictures(folder: Path, told: Callable[[str], None]) -> list[Path]:
    """Write a few openly licensed pictures that scikit-image carries."""
    from PIL import Image as Picture
    from skimage import data

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in ("immunohistochemistry", "retina", "cell", "hubble_deep_field"):
        path = folder / f"{name}.png"
        if not path.exists():
            told(name)
            Picture.fromarray(getattr(data, name)()).save(path)
        paths.append(path)
    return paths
