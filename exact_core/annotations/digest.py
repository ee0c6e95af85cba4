"""The running hash of an image set's change log: each change set's digest covers its rows and the digest before it.

It is kept up in the writing transaction, so that a version knows a hash of everything below it without reading a
single annotation. The rows of a change set are hashed in the order of their permanent numbers, column by column, so
that a hundred thousand of them are a few large updates of the hash, and so that the hash can be computed again from
the rows that are stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from struct import pack
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from exact_core.annotations.scope import Frame
    from exact_core.annotations.states import Change

_FORM = b"exact change set 1\n"
_LENGTH = "<i8"
_FEW = 16


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """States that a change set began, column by column, in the order of their annotations' numbers.

    ``numbers`` has a row for each of them: image, author (0 for none), type, z, t, c.
    """

    uuids: Sequence[str]
    numbers: NDArray[np.int64]
    geometry: Sequence[bytes]
    texts: Sequence[str]
    attributes: Sequence[Mapping[str, Any] | None]


def opened_of_bulk(
    image_id: int,
    author_id: int | None,
    frame: Frame,
    uuids: Sequence[str],
    type_ids: NDArray[np.int64],
    geometry: Sequence[bytes],
    texts: Sequence[str] = (),
    attributes: Sequence[Mapping[str, Any] | None] = (),
) -> Opened:
    """New annotations of one image, frame and author."""
    numbers = np.empty((len(uuids), 6), np.int64)
    numbers[:] = (image_id, author_id or 0, 0, frame.z, frame.t, frame.c)
    numbers[:, 2] = type_ids
    return Opened(uuids, numbers, geometry, texts, attributes)


def rows_digest(opened: Opened, closed: Iterable[tuple[int, str, int]] = ()) -> bytes:
    """The hash of a change set's rows.

    Args:
        opened: The states that it began.
        closed: Image, uuid and first revision of the states that it ended; what they held was hashed then.
    """
    found = hashlib.sha256(_FORM)
    _add_texts(found, [f"{image_id} {uuid} {valid_from}" for image_id, uuid, valid_from in closed])
    _add_texts(found, opened.uuids)
    found.update(np.ascontiguousarray(opened.numbers, _LENGTH).tobytes())
    _add(found, opened.geometry)
    _add_texts(found, opened.texts if any(opened.texts) else ())
    filled = opened.attributes if any(opened.attributes) else ()
    _add_texts(found, [canonical_json(each) if each else "" for each in filled])
    return found.digest()


def changes_digest(changes: Sequence[Change]) -> bytes:
    """The hash of the rows of single changes."""
    ordered = sorted(changes, key=lambda change: change.known.id) if len(changes) > 1 else changes
    states = [(change.known, change.after) for change in ordered if change.after is not None]
    rows = [
        (known.image_id, known.author_id or 0, state.type_id, state.frame.z, state.frame.t, state.frame.c)
        for known, state in states
    ]
    numbers = np.array(rows, np.int64).reshape(-1, 6)
    opened = Opened(
        [known.uuid for known, _ in states],
        numbers,
        [state.geometry for _, state in states],
        [state.text for _, state in states],
        [state.attributes for _, state in states],
    )
    ended = [change.known for change in ordered if change.known.state is not None]
    return rows_digest(opened, [(known.image_id, known.uuid, known.revision) for known in ended])


def linked(before: str, rows: bytes) -> str:
    """The digest of a change set whose predecessor has the digest ``before`` (empty for the first).

    ``rows`` is the hash of its rows, or those of its parts one after the other.
    """
    return hashlib.sha256(before.encode() + b"\n" + rows).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON that is the same for equal values, whichever database they came through.

    Keys are sorted, and a number without a fraction is written as an integer: PostgreSQL gives 1e20 back as one.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _add_texts(found: hashlib._Hash, values: Sequence[str]) -> None:
    joined = "".join(values)
    if joined.isascii():  # as long in bytes as in characters
        _add_lengths(found, values)
        found.update(joined.encode())
    else:
        _add(found, [value.encode() for value in values])


def _add(found: hashlib._Hash, values: Sequence[bytes]) -> None:
    """Values with their number and lengths, so that no two columns look alike."""
    _add_lengths(found, values)
    found.update(b"".join(values))


def _add_lengths(found: hashlib._Hash, values: Sequence[bytes] | Sequence[str]) -> None:
    count = len(values)
    if count <= _FEW:  # numpy would take longer to begin
        found.update(pack(f"<{count + 1}q", count, *map(len, values)))
    else:
        found.update(count.to_bytes(8, "little") + np.fromiter(map(len, values), _LENGTH, count).tobytes())
