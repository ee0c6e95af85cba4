"""Where a shape lies: the name and tags of its image. Decided per image, before its rows are read."""

from __future__ import annotations

from sqlalchemy import select

from exact_core.search.conditions import Always, Condition
from exact_core.search.field import TEXTUAL, Asked, Field, FieldKind, Use, unknown_yet, word_of
from exact_core.search.matching import text_matches
from exact_core.search.syntax import Op, Value
from exact_core.storage.models import Image, ImageTag, Tag


def _image(use: Use, op: Op, value: Value) -> Condition:
    word = word_of(value, "the name of an image")
    return Always(text_matches(use.image.scope.image.name, op, word)) if use.image else unknown_yet()


def _tag(use: Use, op: Op, value: Value) -> Condition:
    word = word_of(value, "a tag")
    return Always(any(text_matches(tag, op, word) for tag in use.image.tags)) if use.image else unknown_yet()


def _names(asked: Asked) -> list[str]:
    of_set = (Image.image_set_id == asked.image_set_id, Image.deleted_at.is_(None))
    return list(asked.session.scalars(select(Image.name).where(*of_set).order_by(Image.position, Image.id).limit(200)))


def _tags(asked: Asked) -> list[str]:
    used = (
        select(ImageTag.tag_id)
        .join(Image, Image.id == ImageTag.image_id)
        .where(Image.image_set_id == asked.image_set_id, Image.deleted_at.is_(None))
    )
    return list(asked.session.scalars(select(Tag.name).where(Tag.id.in_(used)).order_by(Tag.name).limit(200)))


FIELDS = (
    Field(
        "image", "Image", FieldKind.NAME, _image, TEXTUAL, "The name of the image; * stands for anything.",
        "image:slide-*", _names,
    ),
    Field("tag", "Tag of the image", FieldKind.NAME, _tag, TEXTUAL, "A tag that the image has.", "tag:control", _tags),
)  # fmt: skip
