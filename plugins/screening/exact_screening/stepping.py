"""Going on with a pass: marks, times and the place, from any number of windows of the same person.

Marks of all windows add up. The place is that of the last request. A window that did not know of a change is sent all
that was seen. A request that arrives twice changes nothing the second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from exact_core.api import Invalid
from exact_screening import passes, seen
from exact_screening.grid import Path
from exact_screening.schemas import StepIn, StepOut
from exact_screening.tables import ScreeningChunk, ScreeningPass, now

_WINDOWS = 8  # of which the last request is remembered


def take(session: Session, row: ScreeningPass, request: StepIn) -> StepOut:
    """Do what one window asks for.

    Args:
        session: A session that writes.
        row: The pass, locked for changing.
        request: What the window did.
    """
    path = passes.path_of(row)
    knew_all = request.revision == row.revision
    if request.sequence > row.browsers.get(request.browser, 0):
        _apply(session, row, path, request)
        kept = {name: at for name, at in row.browsers.items() if name != request.browser}
        newest = list(kept.items())[-(_WINDOWS - 1) :]
        row.browsers = {**dict(newest), request.browser: request.sequence}
    return answer(session, row, with_seen=not knew_all)


def answer(session: Session, row: ScreeningPass, *, with_seen: bool) -> StepOut:
    """Where a pass stands."""
    return StepOut(
        revision=row.revision,
        position=row.position,
        done=row.done,
        total=row.total,
        seconds=round(row.seconds, 1),
        finished_at=row.finished_at,
        newest=passes.newest_number(session, row.image_id, row.user_id),
        seen=seen.as_text(passes.seen_of(session, row)) if with_seen else None,
    )


def finish(row: ScreeningPass, *, finished: bool) -> None:
    """Say that somebody is done with a pass, or goes on with it."""
    if finished == (row.finished_at is not None):
        return
    row.finished_at = now() if finished else None
    row.revision += 1
    row.updated_at = now()


def _apply(session: Session, row: ScreeningPass, path: Path, request: StepIn) -> None:
    _require_own(path, [*request.marks, *request.unmarks, *request.seconds])
    if request.position is not None:
        _require_own(path, [request.position])
        row.position = request.position
    row.done += _write(session, row.id, request)
    row.seconds += sum(request.seconds.values())
    if request.way is not None:
        row.position = path.step(row.position, request.way, passes.seen_of(session, row))
    row.revision += 1
    row.updated_at = now()


def _require_own(path: Path, fields: Iterable[int]) -> None:
    count = path.grid.count
    for field in fields:
        if field >= count or not path.chosen[field]:
            raise Invalid(f"Field {field} does not belong to this pass.")


def _write(session: Session, pass_id: int, request: StepIn) -> int:
    """Change the chunks that are concerned; by how many fields more are seen."""
    marks, unmarks = _by_chunk(request.marks), _by_chunk(request.unmarks)
    times = _by_chunk(request.seconds)
    numbers = sorted({*marks, *unmarks, *times})
    if not numbers:
        return 0
    chunk = ScreeningChunk
    known = {
        each.number: each
        for each in session.scalars(select(chunk).where(chunk.pass_id == pass_id, chunk.number.in_(numbers)))
    }
    more = 0
    for number in numbers:
        own = known.get(number)
        if own is None:
            own = ScreeningChunk(pass_id=pass_id, number=number, bits=seen.EMPTY, times=b"")
            session.add(own)
        own.bits, added = seen.changed(own.bits, marks.get(number, ()), unmarks.get(number, ()))
        more += added
        if number in times:
            shown = {place: request.seconds[number * seen.CHUNK + place] for place in times[number]}
            own.times = seen.with_seconds(own.times, shown)
    session.flush()
    return more


def _by_chunk(fields: Iterable[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for field in fields:
        number, place = divmod(field, seen.CHUNK)
        found[number].append(place)
    return found
