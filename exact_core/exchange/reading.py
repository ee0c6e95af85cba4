"""The first half of an import: what a file holds, found out and set aside; nothing of the platform is changed."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from exact_core.annotations.rules import MAX_TEXT
from exact_core.api.errors import Invalid
from exact_core.exchange.archives import ArchiveReader, is_archive
from exact_core.exchange.document import ExchangeImage, ExchangeType, Format, ReadContext, ReadShape, Report
from exact_core.exchange.staging import Staging

HEAD_BYTES = 64 * 1024
_LEAST_SURE = 30
_TELL_EVERY = 2_000
_MOST_LABELS = 5_000
_MOST_ATTRIBUTES = 50
_MOST_LABEL_CHARACTERS = 100
_MOST_AUTHOR_CHARACTERS = 200

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Told = Callable[[float], None]
"""Hears how far reading is, from 0 to 1; may raise to end it."""


@dataclass(slots=True)
class LabelFacts:
    """How often a label occurs, as which shapes, in which colour, with which attributes of which kind."""

    count: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    color: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Content:
    """What a file holds.

    Attributes:
        format: Name of its format; of the files in it for an archive.
        shapes: How many.
        images: Names as the file says them (None: it says none), with how many shapes each has, in order of coming.
        labels: By what the file says.
        report: What was lost, mended and refused while reading.
    """

    format: str = ""
    shapes: int = 0
    images: dict[str | None, int] = field(default_factory=dict)
    labels: dict[str, LabelFacts] = field(default_factory=dict)
    report: Report = field(default_factory=lambda: Report(skip_bad=True))

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be kept."""
        labels = {
            label: {
                "count": facts.count,
                "shapes": dict(facts.shapes),
                "color": facts.color,
                "attributes": facts.attributes,
            }
            for label, facts in self.labels.items()
        }
        images = [[name, count] for name, count in self.images.items()]
        kept = {"format": self.format, "shapes": self.shapes, "images": images, "labels": labels}
        return {**kept, "report": self.report.to_json()}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Content:
        """What ``to_json`` gave."""
        labels = {
            label: LabelFacts(facts["count"], Counter(facts["shapes"]), facts["color"], facts["attributes"])
            for label, facts in kept["labels"].items()
        }
        report = Report.of_json(kept["report"], skip_bad=True)
        return cls(kept["format"], kept["shapes"], dict(kept["images"]), labels, report)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read, and what is known of where its shapes belong.

    Attributes:
        stream: The file; can seek.
        name: What it is called.
        images: The images that it may be about.
        types: The annotation types that there are.
        format: What was said about its format; None to find out.
        formats: Every format that may be found out.
        folder: Where files of an archive may be unpacked.
    """

    stream: BinaryIO
    name: str
    images: Sequence[ExchangeImage]
    types: Sequence[ExchangeType]
    formats: Sequence[Format]
    format: Format | None = None
    folder: Path | None = None


def read_into(staging: Staging, source: Source, told: Told = lambda _: None) -> Content:
    """Read a whole file and set its shapes aside."""
    content = Content()
    size = max(source.stream.seek(0, 2), 1)
    source.stream.seek(0)
    head = source.stream.read(HEAD_BYTES)
    source.stream.seek(0)
    if not head:
        raise Invalid("The file is empty.")
    if is_archive(head):
        _read_archive(staging, source, content, told)
    else:
        chosen = source.format or recognised(source.formats, head, source.name)
        _read_file(staging, source, chosen, content, lambda: told(source.stream.tell() / size))
    staging.finish()
    return content


def recognised(formats: Sequence[Format], head: bytes, name: str) -> Format:
    """The format of a file, from its first bytes and its name."""
    return _best(formats, {each.name: each.sniff(head, name) for each in formats if each.read}, name)


def _best(formats: Sequence[Format], sure: Mapping[str, int], name: str) -> Format:
    ranked = sorted(sure.items(), key=lambda each: -each[1])
    if not ranked or ranked[0][1] < _LEAST_SURE:
        known = ", ".join(each.name for each in formats if each.read)
        raise Invalid(f"The format of {name or 'the file'} is not recognised; say which it is: {known}.")
    if len(ranked) > 1 and ranked[1][1] == ranked[0][1]:
        equal = " or ".join(format_ for format_, value in ranked if value == ranked[0][1])
        raise Invalid(f"{name or 'The file'} can be {equal}; say which it is.")
    return next(each for each in formats if each.name == ranked[0][0])


def _read_archive(staging: Staging, source: Source, content: Content, told: Told) -> None:
    archive = ArchiveReader(source.stream)
    names = archive.names
    if not names:
        raise Invalid("The archive is empty.")
    whole = _format_of_archive(source, names)
    if whole is not None:
        _read_file(staging, source, whole, content, lambda: told(0.5))
        return
    passed_over = 0
    for number, name in enumerate(names):
        told(number / len(names))
        with archive.opened(name, source.folder) as stream:
            head = stream.read(HEAD_BYTES)
            stream.seek(0)
            chosen = _format_of_member(source, head, name)
            if chosen is None:
                passed_over += 1
                continue
            inner = replace(source, stream=stream, name=PurePosixPath(name).name)
            _read_file(staging, inner, chosen, content, lambda: None, f"{name}, ")
    if passed_over:
        content.report.warn(
            f"{passed_over} of {len(names)} files in the archive are no annotations and were passed over"
        )
    if not content.format:
        raise Invalid("The archive holds no file of a known format.")


def _format_of_archive(source: Source, names: Sequence[str]) -> Format | None:
    """The format that is an archive by itself; None when its files are to be read one by one."""
    if source.format is not None:
        return source.format if source.format.sniff_members is not None else None
    sure = {each.name: each.sniff_members(names) for each in source.formats if each.sniff_members and each.read}
    return _best(source.formats, sure, source.name) if max(sure.values(), default=0) >= _LEAST_SURE else None


def _format_of_member(source: Source, head: bytes, name: str) -> Format | None:
    if not head or is_archive(head):
        return None
    if source.format is not None:
        return source.format if source.format.sniff(head, name) else None
    try:
        return recognised(source.formats, head, name)
    except Invalid:
        return None


def _read_file(
    staging: Staging, source: Source, chosen: Format, content: Content, tell: Callable[[], None], where: str = ""
) -> None:
    assert chosen.read is not None
    content.format = chosen.name
    report = content.report
    stem = PurePosixPath(source.name).name
    context = ReadContext(source.images, source.types, report, source.name)
    before = content.shapes
    for shape in _told(_named(chosen, source.stream, context, where), tell):
        if where:  # a file of an archive: what it does not name is called after the file
            shape = replace(shape, place=where + shape.place, image=shape.image or stem)
        try:
            clean = cleaned(shape, report)
            staging.add(clean)
        except Invalid as error:
            report.refuse(shape.place, error.message)
            continue
        _count(content, clean)
    if content.shapes == before and not where:
        content.report.warn("the file holds no shapes")


def _named(chosen: Format, stream: BinaryIO, context: ReadContext, where: str) -> Iterator[ReadShape]:
    """The shapes of a file; what a reader refuses says which file of an archive it is."""
    assert chosen.read is not None
    try:
        yield from chosen.read(stream, context)
    except Invalid as error:
        raise Invalid(f"{where}{error.message}") if where else error from None


def _told(shapes: Iterator[ReadShape], tell: Callable[[], None]) -> Iterator[ReadShape]:
    for number, shape in enumerate(shapes):
        if number % _TELL_EVERY == 0:
            tell()
        yield shape


def _count(content: Content, shape: ReadShape) -> None:
    content.shapes += 1
    content.images[shape.image] = content.images.get(shape.image, 0) + 1
    facts = content.labels.get(shape.label)
    if facts is None:
        if len(content.labels) >= _MOST_LABELS:
            raise Invalid(f"The file has more than {_MOST_LABELS:,} different labels: those are no annotation types.")
        facts = content.labels[shape.label] = LabelFacts()
    facts.count += 1
    facts.shapes[shape.shape] += 1
    facts.color = facts.color or shape.color
    if shape.attributes:
        for name, value in shape.attributes.items():
            _note_attribute(facts, name, value)


def _note_attribute(facts: LabelFacts, name: str, value: object) -> None:
    kind = "boolean" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"
    known = facts.attributes.get(name)
    if known is None and len(facts.attributes) < _MOST_ATTRIBUTES:
        facts.attributes[name] = kind
    elif known is not None and known != kind:
        facts.attributes[name] = "text"


def cleaned(shape: ReadShape, report: Report) -> ReadShape:
    """A shape whose words can be kept: UTF-8, no NUL, not longer than the platform's; ``Invalid`` when it is none."""
    if not shape.shape.is_label and not any(map(len, shape.rings)):
        raise Invalid(f"The {shape.shape.value.replace('_', ' ')} is empty: it has no vertices.")
    words: dict[str, Any] = {}
    label = _word(shape.label).strip()
    if label != shape.label:
        words["label"] = label
    if len(label) > _MOST_LABEL_CHARACTERS:
        raise Invalid(f"Its label has more than {_MOST_LABEL_CHARACTERS} characters.")
    if (shape.text and (text := _text(shape.text)) != shape.text) or len(shape.text) > MAX_TEXT:
        words["text"] = text[:MAX_TEXT]
        if len(text) > MAX_TEXT:
            report.lose(f"texts: cut after {MAX_TEXT:,} characters")
    if shape.author and (author := _word(shape.author)[:_MOST_AUTHOR_CHARACTERS]) != shape.author:
        words["author"] = author
    if shape.image and (image := _word(shape.image)) != shape.image:
        words["image"] = image
    if shape.uuid is not None and not _UUID.fullmatch(shape.uuid):
        words["uuid"] = _uuid(shape.uuid)
    if shape.attributes:
        words["attributes"] = {_text(name): _value(value) for name, value in shape.attributes.items()}
    return replace(shape, **words) if words else shape


@lru_cache(maxsize=10_000)
def _word(text: str) -> str:
    """A text that comes with many shapes."""
    return _text(text)


def _text(value: object) -> str:
    text = str(value)
    if text.isascii():
        return text.replace("\0", "")
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _value(value: Any) -> str | bool | int | float | None:
    if isinstance(value, bool | None):
        return value
    if isinstance(value, int | float):
        return value if abs(value) < 2**53 else float(value)
    return _text(value)


def _uuid(value: str) -> str | None:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return None
