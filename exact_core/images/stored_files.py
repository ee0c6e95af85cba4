"""The files behind an image's row: which they are, and which of them are ours to delete."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import exists, or_, select

from exact_core.images.dicom_series import series_of
from exact_core.images.grouping import (
    FileGroup,
    Grouping,
    Kind,
    group_files,
    rewrite_vms,
    stored_names,
    vms_parts,
)
from exact_core.storage.models import Image

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.storage.blobs import Blobs

_VMS_BYTES = 1024 * 1024


def files_of(blobs: Blobs, image: Image) -> list[Path]:
    """Every file of an image's content; raises ``OSError`` when they are gone."""
    main = blobs.resolve(image.file_path)
    if not image.is_external:
        return sorted(path for path in main.parent.rglob("*") if path.is_file() and not path.is_symlink())
    return members_of(main)


def members_of(main: Path) -> list[Path]:
    """The files that belong to a main file which lies among others."""
    if main.suffix.lower() == ".mrxs":
        candidates = [main, *(path for path in main.with_suffix("").rglob("*") if path.is_file())]
    elif main.suffix.lower() in {".vms", ".vmu", ".dcm", ""}:
        candidates = [path for path in main.parent.iterdir() if path.is_file()]
    else:
        candidates = [main]
    for group in group_paths(candidates).groups:
        if main in group.members:
            return list(group.members)  # type: ignore[arg-type]
    return [main]


def group_paths(paths: Sequence[Path], root: Path | None = None) -> Grouping:
    """Sort files on disk into images; with a root, the paths are relative to it."""

    def on_disk(path: object) -> Path:
        return Path(str(path)) if root is None else root / str(path)

    def series(path: object) -> str | None:
        try:
            with _open(on_disk(path)) as file:
                return series_of(file)
        except OSError:
            return None

    def parts(path: object) -> list[str]:
        try:
            with _open(on_disk(path)) as file:
                return vms_parts(file.read(_VMS_BYTES).decode("latin-1"))
        except OSError:
            return []

    return group_files(paths, series_of=series, parts_of=parts)


def rename_in_index(group: FileGroup, folder: Path) -> None:
    """Let the index file of a VMS slide name its parts as they are stored; never writes through a link."""
    if group.kind is not Kind.VMS:
        return
    names = stored_names(group)
    renamed = {member.name.casefold(): name for member, name in names.items() if member != group.main}
    index = folder / names[group.main]
    text = rewrite_vms(index.read_text("latin-1"), renamed)
    index.unlink()
    index.write_text(text, "latin-1")


def shared_paths(session: Session, image: Image) -> frozenset[str]:
    """Paths of an image that another one uses too: the images of a branch have the files of where they came from."""
    paths = {image.file_path, image.pyramid_path, image.tile_index_path} - {""}
    other = (Image.id != image.id, Image.purged_at.is_(None))
    return frozenset(
        path
        for path in paths
        if session.scalar(
            select(
                exists().where(
                    *other, or_(Image.file_path == path, Image.pyramid_path == path, Image.tile_index_path == path)
                )
            )
        )
    )


def remove_files(blobs: Blobs, image: Image, shared: Collection[str] = ()) -> None:
    """Delete what the instance stored for an image; files used in place or by other images are never touched."""
    for stored in (
        image.pyramid_path,
        image.tile_index_path,
        f"derived/{image.id}/thumbnails",
        f"derived/{image.id}/predictions",
    ):
        if stored and stored not in shared and not Path(stored).is_absolute():
            blobs.remove(stored)
    if image.is_external or Path(image.file_path).is_absolute() or image.file_path in shared:
        return
    folder = Path(image.file_path).parent
    if len(folder.parts) >= 3 and folder.parts[0] == "images":
        blobs.remove(folder.as_posix())


def _open(path: Path) -> BinaryIO:
    return path.open("rb")
