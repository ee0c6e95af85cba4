"""The core's own answer to the hook ``exact_image_sources``: which built-in reader takes a file, by its first bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from exact_core.api.contributions import Priority, SourceMatch
from exact_core.api.markers import hookimpl

OPENSLIDE, PICTURE = "openslide", "picture"
HEAD_BYTES = 4096
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"BM", b"GIF8", b"RIFF", b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51", b"P5", b"P6")
_SLIDE_NAMES = frozenset({".mrxs", ".vms", ".vmu", ".svslide", ".bif", ".scn", ".ndpi", ".svs"})


class OpenSlideMatcher:
    """Offers OpenSlide for slides: folders, DICOM, TIFF and the formats with an index file."""

    @hookimpl
    def exact_image_sources(self, path: Path, head: bytes) -> SourceMatch | None:
        """Match slides by their first bytes, then by name."""
        if not head or head[128:132] == b"DICM" or path.suffix.lower() in _SLIDE_NAMES:
            return SourceMatch(OPENSLIDE, Priority.NATIVE)
        return SourceMatch(OPENSLIDE, Priority.GOOD) if head.startswith(_TIFF) else None


class PictureMatcher:
    """Offers the reader of plain pictures and of TIFF stacks; as the last choice for anything that is a file."""

    @hookimpl
    def exact_image_sources(self, path: Path, head: bytes) -> SourceMatch | None:
        """Match pictures by their first bytes."""
        if not head:
            return None
        if head.startswith(_PICTURES):
            return SourceMatch(PICTURE, Priority.NATIVE)
        return SourceMatch(PICTURE, Priority.ORDINARY if head.startswith(_TIFF) else Priority.LAST)


def builtin_drivers(path: Path) -> tuple[str, ...]:
    """Name the built-in drivers that may read a file, best first, without asking plugins."""
    head = read_head(path)
    offers = [matcher.exact_image_sources(path, head) for matcher in (OpenSlideMatcher(), PictureMatcher())]
    return in_order([offer for offer in offers if offer is not None])


def in_order(offers: Sequence[SourceMatch]) -> tuple[str, ...]:
    """Sort offers by priority; of two offers of one driver the better one counts."""
    ordered = sorted(offers, key=lambda offer: -offer.priority)
    return tuple(dict.fromkeys(offer.driver for offer in ordered))


def read_head(path: Path) -> bytes:
    """Read what the hook is given: the first 4096 bytes, nothing of a folder."""
    if path.is_dir():
        return b""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
