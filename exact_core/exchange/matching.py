"""Which image of the set a file's image is, and which annotation type a file's label is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from exact_core.api.errors import Invalid
from exact_core.exchange.document import ExchangeImage, ExchangeType

_SUFFIXES = 2  # slide.ome.tif is slide


class ImageNames:
    """Finds images by what files call them: public name, private name where it may be known, each without suffixes."""

    def __init__(self, images: Sequence[ExchangeImage]) -> None:
        self.images = images
        self._known: dict[str, set[int]] = defaultdict(set)
        self._stems: dict[str, set[int]] = defaultdict(set)
        for place, image in enumerate(images):
            for name in (image.name, image.file_name):
                if name:
                    self._known[_last(name)].add(place)
                    for stem in _stems(name):
                        self._stems[stem].add(place)

    def find(self, name: str) -> ExchangeImage | None:
        """The one image of that name; None when there is none. ``Invalid`` when there are several."""
        found = self._known.get(_last(name)) or next(
            (self._stems[stem] for stem in (_last(name), *_stems(name)) if stem in self._stems), set()
        )
        if len(found) > 1:
            several = ", ".join(self.images[place].name for place in sorted(found)[:5])
            raise Invalid(f"The file's image {name!r} can be any of {several}; import the file for one image.")
        return self.images[found.pop()] if len(found) == 1 else None


def images_of_file(
    names: Sequence[str | None], images: Sequence[ExchangeImage], *, is_chosen: bool, file_name: str, warn: list[str]
) -> dict[int, ExchangeImage]:
    """The image for each name of the file, by its number; names that stand for no image are left out.

    Args:
        names: What the file calls its images; None for shapes of which it does not say.
        images: The one image that was chosen, or all of the set.
        is_chosen: Whether the import is for one image.
        file_name: What an unnamed image may be called after.
        warn: Takes what should be told.
    """
    known = ImageNames(images)
    found = {}
    for number, name in enumerate(names):
        image = known.find(name) if name is not None else _unnamed(known, file_name)
        if image is not None:
            found[number] = image
    if is_chosen and not found and len(names) == 1:
        warn.append(f"the file names the image {names[0]!r}; its shapes were put on {images[0].name}, as chosen")
        return {0: images[0]}
    return found


def _unnamed(known: ImageNames, file_name: str) -> ExchangeImage | None:
    if len(known.images) == 1:
        return known.images[0]
    return known.find(file_name) if file_name else None


def _last(name: str) -> str:
    """The last part of a path, without case."""
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2].casefold()


def _stems(name: str) -> Iterable[str]:
    """The name without its last suffix, and without two."""
    stem = _last(name)
    for _ in range(_SUFFIXES):
        shorter = PurePosixPath(stem).stem
        if shorter == stem:
            return
        stem = shorter
        yield stem


@dataclass(frozen=True, slots=True)
class Labels:
    """What becomes of labels: the type of each, None for those that are left out."""

    types: Mapping[str, ExchangeType | None]
    unknown: Mapping[str, str]
    """Labels without a type, and why."""


def types_of_labels(
    labels: Iterable[str], types: Sequence[ExchangeType], given: Mapping[str, int | str | None]
) -> Labels:
    """The annotation type of each label.

    Args:
        labels: What the file says; an empty label is a shape without one.
        types: The active types of the set.
        given: What was decided by hand: the number or the name of a type, or None to leave such shapes out.
    """
    found: dict[str, ExchangeType | None] = {}
    unknown: dict[str, str] = {}
    for label in labels:
        if label in given and given[label] is None:
            found[label] = None
            continue
        wanted = given.get(label, label)
        candidates = _candidates(wanted, types)
        if len(candidates) == 1:
            found[label] = candidates[0]
        elif candidates:
            choice = ", ".join(f"{kind.product}/{kind.name}" for kind in candidates)
            unknown[label] = f"several annotation types are called so: {choice}"
        elif label in given:
            unknown[label] = f"there is no annotation type {wanted!r} in this image set"
        else:
            unknown[label] = "shapes without a label" if not label else "no annotation type is called so"
    return Labels(found, unknown)


def _candidates(wanted: int | str | None, types: Sequence[ExchangeType]) -> list[ExchangeType]:
    """Types that are meant: by number, by ``product/name``, by name as written, by name without case."""
    if isinstance(wanted, int):
        return [kind for kind in types if kind.id == wanted]
    word = (wanted or "").strip()
    for same in (
        lambda kind: f"{kind.product}/{kind.name}" == word,
        lambda kind: kind.name == word,
        lambda kind: kind.name.casefold() == word.casefold(),
    ):
        found = [kind for kind in types if same(kind)]
        if found:
            return found
    return []
