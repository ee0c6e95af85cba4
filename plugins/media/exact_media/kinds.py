"""What is taken: an allow-list of types, told from the bytes of a file and never from its name.

Nothing that a browser could read as a document is on it: no HTML, no XML, no SVG, no PDF.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType

HEAD_BYTES = 8192
"""How much of a file is enough to tell its type."""


class Kind(StrEnum):
    """What a file is to people."""

    SOUND = "sound"
    FILM = "film"
    PICTURE = "picture"


class Reader(StrEnum):
    """What finds out about a file."""

    SOUND = "sound"
    PICTURE = "picture"
    MP4 = "mp4"
    MATROSKA = "matroska"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class MediaType:
    """One type on the list.

    Attributes:
        name: As it is served.
        kind: What it is to people, unless the file turns out to hold no pictures.
        title: What people read.
        extensions: Usual ends of names, the first one for files that are handed out.
        reader: What finds out about it.
        is_playable: Whether every current browser plays it.
    """

    name: str
    kind: Kind
    title: str
    extensions: tuple[str, ...]
    reader: Reader
    is_playable: bool = True


_LIST = (
    MediaType("audio/wav", Kind.SOUND, "WAV sound", (".wav", ".wave"), Reader.SOUND),
    MediaType("audio/mpeg", Kind.SOUND, "MP3 sound", (".mp3", ".mpga"), Reader.SOUND),
    MediaType("audio/flac", Kind.SOUND, "FLAC sound", (".flac",), Reader.SOUND),
    MediaType("audio/ogg", Kind.SOUND, "Ogg sound", (".ogg", ".oga", ".opus"), Reader.SOUND),
    MediaType("audio/mp4", Kind.SOUND, "MP4 sound", (".m4a", ".mp4", ".m4b"), Reader.MP4),
    MediaType("audio/aiff", Kind.SOUND, "AIFF sound", (".aiff", ".aif", ".aifc"), Reader.SOUND, is_playable=False),
    MediaType("video/mp4", Kind.FILM, "MP4 film", (".mp4", ".m4v"), Reader.MP4),
    MediaType("video/webm", Kind.FILM, "WebM film", (".webm",), Reader.MATROSKA),
    MediaType("audio/webm", Kind.SOUND, "WebM sound", (".webm", ".weba"), Reader.MATROSKA),
    MediaType("video/quicktime", Kind.FILM, "QuickTime film", (".mov", ".qt"), Reader.MP4, is_playable=False),
    MediaType("video/x-matroska", Kind.FILM, "Matroska film", (".mkv",), Reader.MATROSKA, is_playable=False),
    MediaType("video/x-msvideo", Kind.FILM, "AVI film", (".avi",), Reader.NOTHING, is_playable=False),
    MediaType("image/png", Kind.PICTURE, "PNG picture", (".png",), Reader.PICTURE),
    MediaType("image/jpeg", Kind.PICTURE, "JPEG picture", (".jpg", ".jpeg", ".jpe"), Reader.PICTURE),
    MediaType("image/gif", Kind.PICTURE, "GIF picture", (".gif",), Reader.PICTURE),
    MediaType("image/webp", Kind.PICTURE, "WebP picture", (".webp",), Reader.PICTURE),
)

TYPES: Mapping[str, MediaType] = MappingProxyType({each.name: each for each in _LIST})
"""Every type that is taken, by its name."""

_NAMES = MappingProxyType(
    {
        "audio/x-wav": "audio/wav",
        "audio/x-flac": "audio/flac",
        "audio/m4a": "audio/mp4",
        "audio/x-m4a": "audio/mp4",
        "video/x-m4v": "video/mp4",
        "audio/x-aiff": "audio/aiff",
    }
)
TAKEN = "WAV, MP3, FLAC, Ogg, Opus, M4A, AIFF, MP4, WebM, MOV, MKV, AVI, PNG, JPEG, GIF and WebP"
"""The list in words, for people whose file is not on it."""


def sniff(head: bytes) -> MediaType | None:
    """Tell the type of a file from its first bytes; None when it is not on the list.

    Args:
        head: The first ``HEAD_BYTES``, or the whole of a shorter file.
    """
    import filetype

    if head[:4] in (b"RF64", b"RIFF") and head[8:12] == b"WAVE":
        return TYPES["audio/wav"]  # also those over 4 GiB, and short ones that the library passes over
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return TYPES["video/webm"]  # or another kind of Matroska: who reads its headers says which
    found = filetype.guess_mime(bytes(head))
    return TYPES.get(_NAMES.get(found, found)) if found else None


def remark(name: str, found: MediaType) -> str:
    """What to tell about a name whose end belongs to another type; empty when it fits, or has no end."""
    suffix = PurePath(name).suffix.lower()
    if not suffix or suffix in found.extensions:
        return ""
    return f"The name ends with {suffix}, but the content is a {found.title}; it is kept as one."
