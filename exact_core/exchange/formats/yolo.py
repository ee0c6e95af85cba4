"""YOLO: a text file of rows per image, and the classes in ``data.yaml``, together in one archive.

A row is ``class x y width height`` with the middle of a box, or ``class x1 y1 x2 y2 …`` with an outline, all as parts
of the image's width and height. A data set has boxes or outlines throughout: as soon as one shape needs an outline,
all have one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import BinaryIO

import numpy as np
import yaml

from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.archives import ArchiveReader, ArchiveWriter, is_archive
from exact_core.exchange.document import (
    ExchangeImage,
    ExportDocument,
    Format,
    ReadContext,
    ReadShape,
    Report,
    Ring,
    WrittenShape,
)
from exact_core.exchange.file_names import member_names
from exact_core.exchange.matching import ImageNames
from exact_core.exchange.outlines import upright_box
from exact_core.exchange.polygons import bounds_of, parts_of

_NAME = "YOLO"
_OUTLINED = (Shape.ELLIPSE, Shape.ROTATED_BOX, Shape.POLYGON, Shape.MULTI_POLYGON)
_DIGITS = 10
_NO_LABELS = frozenset({"classes.txt", "labels.txt", "obj.names", "readme.txt", "train.txt", "val.txt", "test.txt"})
_MOST_YAML = 1_000_000
_HEAD_BYTES = 1 << 16
_LOOKED_AT = 20
_LONGEST_ROW = 48_000_000


def sniff(head: bytes, file_name: str) -> int:
    """Whether a file is the rows of one image: whole numbers of classes and parts between 0 and 1."""
    if not file_name.lower().endswith(".txt"):
        return 0
    rows = [row.split() for row in head.splitlines()[:_LOOKED_AT] if row.strip()]
    rows = rows[:-1] if len(rows) > 1 and len(rows) < _LOOKED_AT and len(head) >= _HEAD_BYTES else rows
    return 70 if rows and all(map(_is_row, rows)) else 0


def _is_row(words: Sequence[bytes]) -> bool:
    try:
        values = [float(word) for word in words[1:]]
    except ValueError:
        return False
    return words[0].isdigit() and len(values) >= 4 and all(-0.5 <= value <= 1.5 for value in values)


def sniff_members(names: Sequence[str]) -> int:
    """Whether an archive is a data set: classes and rows."""
    files = [PurePosixPath(name.lower()) for name in names]
    has_classes = any(file.suffix in (".yaml", ".yml") or file.name in ("classes.txt", "obj.names") for file in files)
    rows = [file for file in files if _is_rows(file)]
    in_labels = any("labels" in file.parts for file in rows)
    if not rows:
        return 0
    return 95 if has_classes else 70 if in_labels else 0


def read(stream: BinaryIO, context: ReadContext) -> Iterator[ReadShape]:
    """The shapes of an archive, or of the rows of one image."""
    stream.seek(0)
    head = stream.read(4)
    stream.seek(0)
    known = ImageNames(context.images)
    if not is_archive(head):
        yield from _read_rows(stream, context.file_name, [], known, context.report)
        return
    archive = ArchiveReader(stream)
    classes = _classes(archive)
    for name in archive.names:
        if _is_rows(PurePosixPath(name.lower())):
            with archive.opened(name) as rows:
                yield from _read_rows(rows, name, classes, known, context.report)


def _is_rows(file: PurePosixPath) -> bool:
    return file.suffix == ".txt" and file.name not in _NO_LABELS


def _classes(archive: ArchiveReader) -> list[str]:
    """Names of the classes by their numbers; empty when the archive does not say them."""
    for name in archive.names:
        file = PurePosixPath(name.lower())
        if file.suffix in (".yaml", ".yml"):
            found = _names_in_yaml(archive.read(name, _MOST_YAML), name)
            if found:
                return found
    for name in archive.names:
        if PurePosixPath(name.lower()).name in ("classes.txt", "obj.names", "labels.txt"):
            text = archive.read(name, _MOST_YAML).decode("utf-8", "replace")
            return [line.strip() for line in text.splitlines() if line.strip()]
    return []


def _names_in_yaml(text: bytes, name: str) -> list[str]:
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise Invalid(f"{name} in the archive is no YAML: {reason}.") from None
    names = found.get("names") if isinstance(found, dict) else None
    if isinstance(names, list):
        return [str(each) for each in names]
    if isinstance(names, dict) and all(isinstance(key, int) and 0 <= key < 100_000 for key in names):
        listed = [str(number) for number in range(max(names, default=-1) + 1)]
        for number, each in names.items():
            listed[number] = str(each)
        return listed
    return []


def _read_rows(
    stream: BinaryIO, file_name: str, classes: Sequence[str], known: ImageNames, report: Report
) -> Iterator[ReadShape]:
    name = PurePosixPath(file_name).name
    stem = PurePosixPath(name).stem
    image = known.images[0] if len(known.images) == 1 else known.find(stem)
    if image is None:
        if stream.read(1):
            report.refuse(file_name, "this image set has no image of that name")
        return
    for number, row in enumerate(_rows(stream), start=1):
        place = f"{name}, line {number}"
        if not row.strip():
            continue
        try:
            yield _shape(row, place, stem, classes, image)
        except Invalid as error:
            report.refuse(place, error.message)


def _rows(stream: BinaryIO) -> Iterator[str]:
    while row := stream.readline(_LONGEST_ROW):
        if len(row) >= _LONGEST_ROW:
            raise Invalid("A line of the file is longer than any outline.")
        yield row.decode("ascii", "replace")


def _shape(row: str, place: str, stem: str, classes: Sequence[str], image: ExchangeImage) -> ReadShape:
    words = row.split()
    try:
        values = np.array(words[1:], np.float64)
        kind = int(words[0])
    except ValueError:
        raise Invalid("A line is a whole number and numbers.") from None
    if classes and not 0 <= kind < len(classes):
        raise Invalid(f"The class {kind} is none of the {len(classes)} classes.")
    if len(values) < 4:
        raise Invalid(f"A line has at least 4 numbers behind its class, not {len(values)}.")
    label = classes[kind] if classes else str(kind)
    # A confidence may stand at the end: then the count of numbers is odd.
    score = float(values[-1]) if len(values) % 2 else None
    values = values[: len(values) // 2 * 2]
    size = np.array([image.width, image.height], np.float64)
    if len(values) == 4:
        middle, half = values[:2], values[2:] / 2
        rings, shape = [np.stack([middle - half, middle + half]) * size], Shape.BOX
    else:
        ring = values.reshape(-1, 2) * size
        corners = upright_box(ring)
        rings, shape = ([ring], Shape.POLYGON) if corners is None else ([corners], Shape.BOX)
    fits = score is not None and 0 <= score <= 1
    return ReadShape(place, label, shape, rings, image=stem, score=score if fits else None)


def write(document: ExportDocument, target: BinaryIO, report: Report) -> None:
    """Write classes and rows of all images as one archive."""
    numbers = {kind.id: number for number, kind in enumerate(document.types)}
    outlined = any(shape.geometry.shape in _OUTLINED for image in document.images for shape in document.shapes(image))
    names = [kind.name for kind in document.types]
    with ArchiveWriter(target) as archive:
        with archive.member("data.yaml") as file:
            file.write(_yaml(document, names))
        for image, name in zip(document.images, member_names(document.images, ".txt"), strict=True):
            with archive.member(f"labels/{name}") as file:
                for shape in document.shapes(image):
                    for row in _written(shape, numbers[shape.type.id], image, outlined, report):
                        file.write(row)


def _yaml(document: ExportDocument, names: Sequence[str]) -> bytes:
    facts = json.dumps({"title": document.title, **document.facts}, ensure_ascii=False)
    head = f"# EXACT: {facts}\n# Put the pictures beside the labels, in a folder 'images', under the same names.\n"
    body = {"path": ".", "train": "images", "val": "images", "nc": len(names), "names": dict(enumerate(names))}
    text: str = yaml.safe_dump(body, allow_unicode=True, sort_keys=False)
    return (head + text).encode()


def _written(shape: WrittenShape, number: int, image: ExchangeImage, outlined: bool, report: Report) -> Iterator[bytes]:
    parts = parts_of(shape, report, _NAME)
    if not parts:
        report.lose(f"points, lines, labels of the whole image, what is absent: {_NAME} has areas only; left out")
        return
    if shape.text or shape.attributes:
        report.lose(f"texts and attributes: {_NAME} has none")
    if any(len(part) > 1 for part in parts):
        report.lose(f"outlines with holes: {_NAME} has none; the holes are filled")
    if len(parts) > 1:
        report.lose(f"shapes of several parts: each part is an object of its own in {_NAME}")
    size = np.array([image.width, image.height], np.float64)
    for outline, *_ in parts:
        yield _row(number, outline / size if outlined else _middle_and_size(outline, size))


def _middle_and_size(outline: Ring, size: Ring) -> Ring:
    left, top, right, bottom = bounds_of([outline])
    low, high = np.array([left, top]) / size, np.array([right, bottom]) / size
    return np.stack([(low + high) / 2, high - low])


def _row(number: int, values: Ring) -> bytes:
    words = (f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".") for value in values.ravel().tolist())
    return f"{number} {' '.join(words)}\n".encode()


FORMAT = Format(
    name="yolo",
    title="YOLO",
    extension=".zip",
    media_type="application/zip",
    one_image=False,
    sniff=sniff,
    read=read,
    write=write,
    sniff_members=sniff_members,
)
