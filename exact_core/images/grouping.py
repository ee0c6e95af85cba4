"""Which files of a folder are one image: MRXS with its data folder, VMS with its parts, DICOM files of one series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath

from exact_core.images.naming import safe_extension


class Kind(StrEnum):
    """How the files of an image belong together."""

    SINGLE = "single"
    MRXS = "mrxs"
    VMS = "vms"
    DICOM = "dicom"


@dataclass(frozen=True, slots=True)
class FileGroup:
    """The files of one image; ``main`` is the one that readers open, and a member too."""

    kind: Kind
    main: PurePath
    members: tuple[PurePath, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """What a folder holds, and what in it is no picture."""

    groups: tuple[FileGroup, ...]
    ignored: tuple[PurePath, ...]


def group_files(
    paths: Iterable[PurePath],
    *,
    series_of: Callable[[PurePath], str | None],
    parts_of: Callable[[PurePath], Sequence[str]],
) -> Grouping:
    """Sort files into images, in time that grows with their number only.

    Args:
        paths: Files, each with the path inside the folder or the absolute path; all of one flavour.
        series_of: The DICOM series of a file, or None when it is not DICOM.
        parts_of: The file names that a VMS index file names.
    """
    ordered = sorted(paths, key=lambda path: [_natural(part) for part in path.parts])
    special = {path: safe_extension(path.name) for path in ordered}
    special = {path: extension for path, extension in special.items() if extension in {".mrxs", ".vms", ".vmu"}}
    mrxs_folders = {path.with_suffix(""): path for path, extension in special.items() if extension == ".mrxs"}
    vms_folders = {path.parent for path, extension in special.items() if extension != ".mrxs"}
    inside: dict[PurePath, list[PurePath]] = defaultdict(list)
    beside: dict[PurePath, list[PurePath]] = defaultdict(list)
    for path in ordered if special else ():
        owner = next((folder for folder in path.parents if folder in mrxs_folders), None)
        if owner is not None:
            inside[mrxs_folders[owner]].append(path)
        elif path.parent in vms_folders:
            beside[path.parent].append(path)
    taken: set[PurePath] = set()
    groups: dict[PurePath, FileGroup] = {}
    for path, extension in special.items():
        if extension == ".mrxs":
            members = (path, *inside[path])
        else:
            wanted = {name.casefold() for name in parts_of(path)}
            members = (path, *(other for other in beside[path.parent] if other.name.casefold() in wanted))
        kind = Kind.MRXS if extension == ".mrxs" else Kind.VMS
        groups[path] = FileGroup(kind, path, tuple(dict.fromkeys(members)))
        taken.update(members)
    rest = [path for path in ordered if path not in taken]
    series: dict[tuple[PurePath, str], list[PurePath]] = defaultdict(list)
    ignored: list[PurePath] = []
    for path in rest:
        if _is_clutter(path):
            ignored.append(path)
        elif (extension := safe_extension(path.name)) == ".dcm" or (not path.suffix):
            found = series_of(path)
            if found is not None:
                series[path.parent, found].append(path)
            elif extension == ".dcm":
                groups[path] = FileGroup(Kind.SINGLE, path, (path,))
            else:
                ignored.append(path)
        elif extension == ".bin":
            ignored.append(path)
        else:
            groups[path] = FileGroup(Kind.SINGLE, path, (path,))
    for files in series.values():
        groups[files[0]] = FileGroup(Kind.DICOM, files[0], tuple(files))
    return Grouping(tuple(groups[path] for path in ordered if path in groups), tuple(ignored))


def stored_names(group: FileGroup) -> dict[PurePath, str]:
    """The path of each file inside the image's own folder; only names that the format prescribes are kept."""
    names = {group.main: f"image{safe_extension(group.main.name)}"}
    for number, member in enumerate(group.members):
        if member == group.main:
            continue
        if group.kind is Kind.MRXS:
            names[member] = f"image/{member.relative_to(group.main.with_suffix('')).as_posix()}"
        else:
            names[member] = f"part-{number:05d}{safe_extension(member.name)}"
    return names


def vms_parts(text: str) -> list[str]:
    """The file names that a Hamamatsu index file names."""
    return [value for _, value in _vms_lines(text) if value]


def rewrite_vms(text: str, renamed: dict[str, str]) -> str:
    """A Hamamatsu index file that names its parts by their stored names; ``renamed`` has case-folded keys."""
    lines = []
    for line, value in _vms_lines(text):
        new = renamed.get(value.casefold()) if value else None
        lines.append(line if new is None else f"{line.partition('=')[0]}={new}")
    return "\n".join(lines) + "\n"


def _vms_lines(text: str) -> Iterable[tuple[str, str]]:
    """Each line, with the file name it gives or nothing."""
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        is_file = equals and key.strip().lower().startswith(("imagefile", "mapfile", "optimisationfile"))
        yield line, value.strip() if is_file else ""


def _is_clutter(path: PurePath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts[-3:])


def _natural(part: str) -> list[tuple[int, int, str]]:
    """A key that puts ``frame10`` after ``frame9``."""
    pieces: list[tuple[int, int, str]] = []
    digits = text = ""
    for character in part.casefold() + "\0":
        if character.isascii() and character.isdigit() and len(digits) < 18:
            if text:
                pieces.append((1, 0, text))
                text = ""
            digits += character
            continue
        if digits:
            pieces.append((0, int(digits), ""))
            digits = ""
        text += character
    pieces.append((1, 0, text))
    return pieces
