"""Imports of annotation files, from the file to the annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from sqlalchemy.orm import Session

from exact_core.auth.rights import Right, Rights
from exact_core.exchange.catalog import images_of, no_properties, types_of
from exact_core.exchange.document import Format
from exact_core.exchange.reading import Content, Source, read_into
from exact_core.exchange.staging import Staging
from exact_core.exchange.storing import Options, Stored, Target, store

Told = Callable[[float], None]


def _untold(_: float) -> None:
    """Nobody listens."""


def import_file(
    target: Target,
    stream: BinaryIO,
    options: Options,
    formats: Sequence[Format],
    *,
    chosen: Format | None = None,
    folder: Path | None = None,
    told: Told = _untold,
) -> tuple[Content, Stored]:
    """Import a file: all of it or nothing.

    Args:
        target: Where to, and for whom.
        stream: The file; can seek.
        options: How.
        formats: Those that may be found out.
        chosen: The format, when it was said.
        folder: Where to work; the system's folder for temporary files when left out.
        told: Hears how far it is, from 0 to 1.
    """
    with TemporaryDirectory(prefix="exact-import-", dir=folder) as work:
        staging = Staging(Path(work) / "staged.sqlite3")
        try:
            content = read_file(target, stream, staging, formats, chosen, Path(work), lambda part: told(part * 0.6))
            return content, store(target, staging, content, options, told=lambda part: told(0.6 + part * 0.4))
        finally:
            staging.close()


def read_file(
    target: Target,
    stream: BinaryIO,
    staging: Staging,
    formats: Sequence[Format],
    chosen: Format | None = None,
    folder: Path | None = None,
    told: Told = _untold,
) -> Content:
    """Find out what a file holds and set it aside, for somebody who may annotate in the set."""
    with target.database.read() as session:
        source = _source(session, target, stream, formats, chosen, folder)
    return read_into(staging, source, told)


def _source(
    session: Session,
    target: Target,
    stream: BinaryIO,
    formats: Sequence[Format],
    chosen: Format | None,
    folder: Path | None,
) -> Source:
    rights = Rights(session)
    rights.require(target.actor, Right.ANNOTATE, target.image_set_id)
    private = rights.decide(target.actor, Right.PRIVATE_NAMES, target.image_set_id).allowed
    wanted = None if target.image_id is None else [target.image_id]
    properties = no_properties
    if target.slides is not None:
        properties = partial(target.slides.properties, with_identities=private)
    images = images_of(session, target.image_set_id, wanted, with_file_names=private, properties=properties)
    types = types_of(session, target.image_set_id, only_active=True)
    return Source(stream, target.file_name, images, types, formats, chosen, folder)
