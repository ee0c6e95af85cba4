"""Searching for annotations by what is attached to them, as SQL over the plugin's own tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select, case, exists, func, select

from exact_core.api import SearchField, SearchKind, SearchRow
from exact_media.kinds import Kind
from exact_media.tables import MediaFile, MediaLink

SEVERAL = "several"
"""What ``media.kind`` says of an annotation with files of more than one kind."""


def fields() -> Sequence[SearchField]:
    """The fields that the plugin adds."""
    kinds = (*(kind.value for kind in Kind), SEVERAL)
    return [
        SearchField("media.has_sound", SearchKind.BOOLEAN, has_sound, "Has a sound", "Whether a sound is attached."),
        SearchField("media.kind", SearchKind.TEXT, kind_of, "Kind of media", "What is attached to it.", values=kinds),
        SearchField(
            "media.duration", SearchKind.NUMBER, duration_of, "Seconds of media", "The longest file attached, in s."
        ),
    ]


def has_sound(row: SearchRow, _settings: BaseModel | None) -> ColumnElement[bool]:
    """Whether a sound is attached."""
    return exists().where(
        MediaLink.annotation_id == row.annotation_id,
        MediaFile.id == MediaLink.file_id,
        MediaFile.kind == Kind.SOUND.value,
    )


def kind_of(row: SearchRow, _settings: BaseModel | None) -> ColumnElement[str]:
    """The kind of what is attached; null when nothing is."""
    first, last = func.min(MediaFile.kind), func.max(MediaFile.kind)
    return _attached(row, case((first == last, first), (first.is_not(None), SEVERAL))).scalar_subquery()


def duration_of(row: SearchRow, _settings: BaseModel | None) -> ColumnElement[float]:
    """Seconds of the longest file that is attached; null when there is none."""
    return _attached(row, func.max(MediaFile.duration)).scalar_subquery()


def _attached(row: SearchRow, value: ColumnElement[Any]) -> Select[Any]:
    return (
        select(value)
        .select_from(MediaLink)
        .join(MediaFile, MediaFile.id == MediaLink.file_id)
        .where(MediaLink.annotation_id == row.annotation_id)
    )
