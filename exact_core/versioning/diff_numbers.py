"""How many annotations differ between two revisions, counted from what the indexes of states hold.

A state remembers how it differs from the one that it followed at once. Where only one change lies between the two
revisions, that says it all, and no outline is read; what was changed more than once, or was away for a while, is
compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, Select, bindparam, func, select
from sqlalchemy.orm import Session

from exact_core.annotations.bulk_lookup import among
from exact_core.annotations.scope import ROWS
from exact_core.annotations.states import MOVED, RELABELLED, REWRITTEN
from exact_core.storage.database import plain_rows
from exact_core.storage.prepared import Prepared
from exact_core.versioning.between import Between, Kind, Range, ended_states, named_kinds

_CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class Line:
    """How many annotations of one image, author and pair of types differ in one way.

    ``type_id`` is the type after the change, ``old_type_id`` the one before; of what was added or removed they are the
    same. ``kinds`` is how they differ.
    """

    image_id: int
    author_id: int | None
    old_type_id: int
    type_id: int
    kinds: frozenset[Kind]
    count: int


def numbers(session: Session, asked: Range) -> list[Line]:
    """How many annotations differ, by image, author and type."""
    ended, passed, opened = _read(session, asked)
    types_before: dict[int, int] = dict(ended)
    skipped = set(passed)
    again = {id_ for id_, _ in skipped}
    new: list[tuple[Any, int]] = []
    changed: list[tuple[Any, int, int, int]] = []
    unclear: list[int] = []
    was = types_before.pop
    for id_, valid_from, whose, type_id, how in opened:
        if skipped and (id_, valid_from) in skipped:
            continue
        old_type = was(id_, None)
        if old_type is None:
            new.append((whose, type_id))
        elif how is None or id_ in again:
            unclear.append(id_)
        else:
            changed.append((whose, old_type, type_id, how))
    placed = _placed(asked)
    counts = Counter(changed)
    found = _lines(asked, {(*placed(whose), old, type_, how): n for (whose, old, type_, how), n in counts.items()})
    found += _lines(asked, _compared(session, asked, unclear))
    added, removed = (Kind.REMOVED, Kind.ADDED) if asked.is_backwards else (Kind.ADDED, Kind.REMOVED)
    found += _whole({(*placed(whose), type_id): n for (whose, type_id), n in Counter(new).items()}, added)
    return found + _whole(_gone(session, asked, list(types_before)), removed)


def _read(session: Session, asked: Range) -> tuple[Sequence[Any], Sequence[Any], Iterable[Any]]:
    """What :func:`_selected` selects; whose a state is comes as one value, as :func:`_placed` explains."""
    if isinstance(asked.images, int):
        given = {"image": asked.images, "low": asked.low, "high": asked.high, "author": asked.only_author}
        one, two, three = (each.rows(session, given) for each in _of_image(asked.only_author is not None))
        return one, two, three
    columns = (ROWS.c.image_id, ROWS.c.author_id)
    ended, passed, opened = (plain_rows(session, each) for each in _selected(Between.of(asked), *columns))
    return ended, passed, ((id_, begun, (image, author), *state) for id_, begun, image, author, *state in opened)


def _placed(asked: Range) -> Callable[[Any], tuple[int, int | None]]:
    """Image and author of what :func:`_read` calls whose: the author where there is one image only, else both."""
    image_id = asked.images
    return (lambda whose: (image_id, whose)) if isinstance(image_id, int) else tuple


def _lines(asked: Range, counts: Mapping[tuple[int, int | None, int, int, int], int]) -> list[Line]:
    """Annotations that are there at both revisions: image, author, type at the low and at the high one, and how."""
    found = []
    for (image_id, author_id, low, high, how), count in counts.items():
        kinds = frozenset(named_kinds(how & MOVED, how & RELABELLED, how & REWRITTEN))
        old, new = (high, low) if asked.is_backwards else (low, high)
        if kinds:
            found.append(Line(image_id, author_id, old, new, kinds, count))
    return found


def _whole(counts: Mapping[tuple[int, int | None, int], int], kind: Kind) -> list[Line]:
    """Annotations that are there at one revision only: image, author and type."""
    return [Line(*key, key[-1], frozenset({kind}), count) for key, count in counts.items()]


def _compared(session: Session, asked: Range, ids: Sequence[int]) -> Counter[tuple[int, int | None, int, int, int]]:
    """The same as remembered changes, worked out from both states."""
    found: Counter[tuple[int, int | None, int, int, int]] = Counter()
    for part in _parts(ids):
        row = ended_states(Between.of(asked), among(session, ROWS.c.annotation_id, part)).subquery().c
        how = row.moved * MOVED + row.relabelled * RELABELLED + row.rewritten * REWRITTEN
        keys = (row.image_id, row.author_id, row.low_type, row.high_type, how)
        for *key, count in session.execute(select(*keys, func.count()).group_by(*keys)):
            found[tuple(key)] += count
    return found


def _gone(session: Session, asked: Range, ids: Sequence[int]) -> Counter[tuple[int, int | None, int]]:
    """Image, author and last type of annotations that are there at the low revision only."""
    row = ROWS.c
    found: Counter[tuple[int, int | None, int]] = Counter()
    for part in _parts(ids):
        ended = Between.of(asked).ended(row)
        statement = select(row.image_id, row.author_id, row.type_id)
        found.update(plain_rows(session, statement.where(*ended, among(session, row.annotation_id, part))))
    return found


def _parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


@cache
def _of_image(has_author: bool) -> tuple[Prepared, ...]:
    """The statements for one image, made once."""

    def visible(row: Any) -> list[Any]:
        whose = [row.author_id == bindparam("author", type_=BigInteger)] if has_author else []
        return [row.image_id == bindparam("image", type_=BigInteger), *whose]

    between = Between(bindparam("low", type_=Integer), bindparam("high", type_=Integer), visible)
    return tuple(Prepared(each) for each in _selected(between, ROWS.c.author_id))


def _selected(between: Between, *whose: ColumnElement[Any]) -> tuple[Select[Any], Select[Any], Select[Any]]:
    """What ended with its type, what ended and began in between, and all that began; each from an index alone."""
    row = ROWS.c
    return (
        select(row.annotation_id, row.type_id).where(*between.ended(row)),
        select(row.annotation_id, row.valid_from).where(*between.passed(row)),
        select(row.annotation_id, row.valid_from, *whose, row.type_id, row.changed).where(*between.opened(row)),
    )


def summed(lines: Sequence[Line]) -> dict[str, Any]:
    """Totals, and the same per type, author and image; a relabelled annotation counts for its new type."""
    total: dict[str, int] = defaultdict(int)
    groups: dict[str, dict[int, dict[str, int]]] = {
        name: defaultdict(lambda: defaultdict(int)) for name in ("types", "authors", "images")
    }
    relabels: dict[tuple[int, int], int] = defaultdict(int)
    for line in lines:
        names = [str(kind) for kind in line.kinds]
        if not line.kinds & {Kind.ADDED, Kind.REMOVED}:
            names.append("changed")
        if Kind.TYPE in line.kinds:
            relabels[line.old_type_id, line.type_id] += line.count
        for name in names:
            total[name] += line.count
            groups["types"][line.type_id][name] += line.count
            groups["authors"][line.author_id or 0][name] += line.count
            groups["images"][line.image_id][name] += line.count
    return {
        "total": dict(total),
        **{name: {key: dict(counts) for key, counts in found.items()} for name, found in groups.items()},
        "relabelled": [(old, new, count) for (old, new), count in sorted(relabels.items())],
    }
