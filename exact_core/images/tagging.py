"""Tags of images."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from exact_core.api.errors import Invalid
from exact_core.storage.models import ImageTag, Tag

LONGEST_TAG = 64
_MOST_TAGS = 50


def clean_tags(names: Iterable[str]) -> list[str]:
    """Tags as they are stored: trimmed, one blank between words, no tag twice whatever its capitals."""
    found: dict[str, str] = {}
    for name in names:
        text = " ".join(unicodedata.normalize("NFC", name).split())
        if not text:
            continue
        if len(text) > LONGEST_TAG:
            raise Invalid(f"The tag {text[:20]!r}… has more than {LONGEST_TAG} characters.")
        if any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in text):
            raise Invalid("A tag holds control characters.")
        found.setdefault(text.casefold(), text)
    if len(found) > _MOST_TAGS:
        raise Invalid(f"An image can have at most {_MOST_TAGS} tags.")
    return list(found.values())


def set_tags(session: Session, image_id: int, names: Sequence[str]) -> None:
    """Give an image exactly these tags."""
    wanted = tag_ids(session, clean_tags(names))
    session.execute(delete(ImageTag).where(ImageTag.image_id == image_id, ImageTag.tag_id.not_in(wanted)))
    present = set(session.scalars(select(ImageTag.tag_id).where(ImageTag.image_id == image_id)))
    session.add_all(ImageTag(image_id=image_id, tag_id=tag_id) for tag_id in wanted if tag_id not in present)
    session.flush()


def add_tags(session: Session, image_ids: Sequence[int], names: Sequence[str]) -> None:
    """Give tags to images that may have others."""
    for tag_id in tag_ids(session, clean_tags(names)):
        present = set(
            session.scalars(
                select(ImageTag.image_id).where(ImageTag.tag_id == tag_id, ImageTag.image_id.in_(image_ids))
            )
        )
        session.add_all(ImageTag(image_id=each, tag_id=tag_id) for each in image_ids if each not in present)
    session.flush()


def remove_tags(session: Session, image_ids: Sequence[int], names: Sequence[str]) -> None:
    """Take tags from images."""
    folded = [name.casefold() for name in clean_tags(names)]
    tags = select(Tag.id).where(Tag.folded_name.in_(folded))
    session.execute(delete(ImageTag).where(ImageTag.image_id.in_(image_ids), ImageTag.tag_id.in_(tags)))


def tag_ids(session: Session, names: Sequence[str]) -> list[int]:
    """The ids of tags, made when they are new; the caller holds the write transaction."""
    folded = {name.casefold(): name for name in names}
    found = {tag.folded_name: tag.id for tag in session.scalars(select(Tag).where(Tag.folded_name.in_(folded)))}
    for key, name in folded.items():
        if key not in found:
            tag = Tag(name=name, folded_name=key)
            session.add(tag)
            session.flush()
            found[key] = tag.id
    return [found[key] for key in folded]
