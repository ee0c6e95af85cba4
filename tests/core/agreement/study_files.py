"""Reads the text files that EXACT itself wrote for the study of 2020, and puts them into an image set.

One reader per file, as its claimed author: ``file|label|{"x1": …}|creator|time|editor|time|uuid|deleted|width|height``;
lines in brackets say when an image was opened (1) and verified (2).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import select

from exact_core.annotations.bulk import NewShapes, columns_of_rings
from exact_core.annotations.service import Annotations
from exact_core.api.context import Actor
from exact_core.api.contributions import Shape
from exact_core.services import Services
from exact_core.storage.models import AnnotationType, Image, ImageSet, ImageSetProduct, Product

TASKS = {"Asthma": "Asthma", "EIPH": "EIPH", "Mitosen": "Mitotic Figure"}
_NUMBER = re.compile(r'"(x1|y1|x2|y2)":\s*"?(-?\d+)')


@dataclass(frozen=True)
class Line:
    """One mark of a file."""

    image: str
    label: str
    box: tuple[int, int, int, int]
    is_deleted: bool
    size: tuple[int, int]


def study_folder(shared_data: Path, task: str) -> Path:
    """Where the files of a task lie."""
    return shared_data / "02-cytology-mitosis" / "exact-study-2020" / task / "FirstRound"


def participants(shared_data: Path, task: str) -> dict[str, Path]:
    """Files of the experts, by name."""
    files = sorted((study_folder(shared_data, task) / "Participants").glob("*.txt"))
    return {file.stem.rsplit("LabelStudy_", 1)[1]: file for file in files}


def ground_truth(shared_data: Path, task: str) -> Path:
    """The file that the study calls so."""
    return study_folder(shared_data, task) / "GT" / "ground truth.txt"


def read(path: Path) -> list[Line]:
    """The marks of a file; what EXACT had deleted says so, "not in image" is left out."""
    found = []
    for row in path.read_text(encoding="utf-8").splitlines():
        parts = row.split("|")
        if row.startswith("[") or len(parts) < 11:
            continue
        values = {name: int(number) for name, number in _NUMBER.findall(parts[2])}
        box = (values["x1"], values["y1"], values["x2"], values["y2"])
        found.append(Line(parts[0], parts[1], box, parts[8] == "True", (int(parts[9]), int(parts[10]))))
    return found


def put_in(services: Services, team_id: int, name: str, files: Iterable[tuple[str, Path]]) -> int:
    """Make an image set of the files; gives its number."""
    lines = [(reader, line) for reader, file in files for line in read(file) if not line.is_deleted]
    sizes: dict[str, tuple[int, int]] = {}
    for _, line in lines:
        known = sizes.get(line.image, (0, 0))
        sizes[line.image] = (max(known[0], line.size[0]), max(known[1], line.size[1]))
    with services.database.write() as session:
        image_set = ImageSet(team_id=team_id, name=name, mode="competitive")
        product = Product(team_id=team_id, name=f"Labels of {name}")
        session.add_all([image_set, product])
        session.flush()
        session.add(ImageSetProduct(image_set_id=image_set.id, product_id=product.id))
        for order, label in enumerate(sorted({line.label for _, line in lines})):
            session.add(AnnotationType(product_id=product.id, name=label, shapes=["box"], sort_order=order))
        for order, (image, (width, height)) in enumerate(sorted(sizes.items())):
            session.add(
                Image(
                    image_set_id=image_set.id, name=image[:64], width=width, height=height, status="ready",
                    file_path=f"none/{order}", content_version="v", position=order,
                )
            )  # fmt: skip
        session.flush()
        image_set_id = image_set.id
        images = dict(session.execute(select(Image.name, Image.id).where(Image.image_set_id == image_set_id)).all())
        types = dict(
            session.execute(
                select(AnnotationType.name, AnnotationType.id).where(AnnotationType.product_id == product.id)
            ).all()
        )
    grouped: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for reader, line in lines:
        grouped[reader, line.image].append(line)
    annotations = Annotations(services.database, services.kernel.hooks, Actor.system())
    for (reader, image), marks in grouped.items():
        rings = [[mark.box[:2], mark.box[2:]] for mark in marks]
        shapes = NewShapes(
            columns_of_rings(Shape.BOX, rings), np.array([types[mark.label] for mark in marks]), claimed_author=reader
        )
        annotations.bulk_create(images[image[:64]], shapes, skip_bad=True)
    return image_set_id
