"""The rows of verdicts: writing them, and finding by them what is verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Table, and_, case, delete, exists, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.change_log import fold
from exact_core.annotations.scope import ROWS, VERDICTS, ReadScope
from exact_core.review.digest import verdicts_digest
from exact_core.storage.models import LIVE, now

VerdictName = Literal["accepted", "rejected", "dubious"]
VERDICT_NAMES: tuple[VerdictName, ...] = ("accepted", "rejected", "dubious")
Verification = Literal["unverified", "outdated", "accepted", "rejected", "dubious"]
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class NewVerdict:
    """A verdict to write down; None withdraws the reader's own."""

    annotation_id: int
    state_from: int
    verdict: VerdictName | None
    type_id: int | None = None
    reason: str = ""


def write_verdicts(
    session: Session, image_id: int, reader_id: int, revision: int, verdicts: Sequence[NewVerdict]
) -> None:
    """Let a reader's verdicts hold from a revision on, in place of their former ones.

    The revision is one of this transaction; its hash covers them.
    """
    if not verdicts:
        return
    row, at = VERDICTS.c, now()
    ids = [verdict.annotation_id for verdict in verdicts]
    for start in range(0, len(ids), _CHUNK):
        own = (
            row.annotation_id.in_(ids[start : start + _CHUNK]),
            row.reader_id == reader_id,
            row.valid_to == LIVE,
        )
        session.execute(delete(VERDICTS).where(*own, row.valid_from == revision))
        session.execute(update(VERDICTS).where(*own).values(valid_to=revision))
    new = [
        {
            "annotation_id": verdict.annotation_id,
            "reader_id": reader_id,
            "valid_from": revision,
            "valid_to": LIVE,
            "image_id": image_id,
            "verdict": verdict.verdict,
            "state_from": verdict.state_from,
            "type_id": verdict.type_id,
            "reason": verdict.reason,
            "at": at,
        }
        for verdict in verdicts
        if verdict.verdict is not None
    ]
    if new:
        session.execute(insert(VERDICTS), new)
    said = ((each.annotation_id, each.state_from, each.verdict, each.type_id, each.reason) for each in verdicts)
    fold(session, image_id, revision, verdicts_digest(image_id, reader_id, said))


def accept_all(session: Session, scope: ReadScope, reader_id: int, revision: int) -> int:
    """Accept every shape that the scope shows and the reader has not judged as it is now; in the database alone."""
    row, verdict = ROWS.c, VERDICTS.c
    shown = select(row.annotation_id).where(*scope.revisions(), row.annotation_id == verdict.annotation_id)
    own = (verdict.image_id == scope.image.image_id, verdict.reader_id == reader_id, verdict.valid_to == LIVE)
    outdated = update(VERDICTS).where(*own, shown.where(row.valid_from != verdict.state_from).exists())
    session.execute(outdated.values(valid_to=revision))
    judged = exists().where(
        verdict.annotation_id == row.annotation_id, verdict.reader_id == reader_id, verdict.valid_to == LIVE
    )
    names = [
        "annotation_id",
        "reader_id",
        "valid_from",
        "valid_to",
        "image_id",
        "verdict",
        "state_from",
        "reason",
        "at",
    ]
    chosen = select(
        row.annotation_id, literal(reader_id), literal(revision), literal(LIVE), row.image_id, literal("accepted"),
        row.valid_from, literal(""), literal(now(), verdict.at.type),
    ).where(*scope.revisions(), ~judged)  # fmt: skip
    added = session.execute(insert(VERDICTS).from_select(names, chosen), execution_options={"preserve_rowcount": True})
    count = int(added.rowcount)  # type: ignore[attr-defined]
    if count:
        new = select(verdict.annotation_id, verdict.state_from).where(*own, verdict.valid_from == revision)
        rows = session.execute(new.order_by(verdict.annotation_id))
        said = ((annotation_id, state_from, "accepted", None, "") for annotation_id, state_from in rows)
        fold(session, scope.image.image_id, revision, verdicts_digest(scope.image.image_id, reader_id, said))
    return count


def is_judged(scope: ReadScope, wanted: Verification, reader_id: int | None = None) -> ColumnElement[bool]:
    """Rows of ``annotation_revision`` whose state, by the newest verdict on it that may be seen, is the wanted one.

    ``unverified``: nobody has judged the shape as it is now; ``outdated``: only as it was before. With a reader, their
    verdicts alone count.
    """
    row, verdict = ROWS.c, VERDICTS.c
    about = (verdict.annotation_id == row.annotation_id, *_visible(scope, VERDICTS, reader_id))
    current = exists().where(*about, verdict.state_from == row.valid_from).correlate(ROWS)
    if wanted == "unverified":
        return ~current
    if wanted == "outdated":
        return ~current & exists().where(*about).correlate(ROWS)
    return (
        exists()
        .where(*about, verdict.state_from == row.valid_from, verdict.verdict == wanted, _newest(scope, reader_id))
        .correlate(ROWS)
    )


def has_verdicts(session: Session, scope: ReadScope) -> bool:
    """Whether anything that may be seen is said of the image's shapes."""
    return session.scalar(select(VERDICTS.c.annotation_id).where(*scope.verdicts()).limit(1)) is not None


def states_of(session: Session, scope: ReadScope, states: Mapping[int, int]) -> dict[int, Verification]:
    """The state of verification of shapes of which something may be known to be said.

    Args:
        session: Where to read.
        scope: What may be seen, now or at a revision.
        states: The first revision of each shape's state, by its number.
    """
    row = VERDICTS.c
    found: dict[int, Verification] = {}
    ids = list(states)
    for start in range(0, len(ids), _CHUNK):
        said = (
            select(row.annotation_id, row.state_from, row.verdict)
            .where(*scope.verdicts(), row.annotation_id.in_(ids[start : start + _CHUNK]))
            .order_by(row.valid_from, row.reader_id)  # the newest is the last, and stays
        )
        for annotation_id, state_from, verdict in session.execute(said):
            if state_from == states[annotation_id]:
                found[annotation_id] = verdict
            else:
                found.setdefault(annotation_id, "outdated")
    return found


def counts(
    session: Session,
    scope: ReadScope,
    conditions: Sequence[ColumnElement[bool]] = (),
    reader_id: int | None = None,
) -> dict[str, int]:
    """How many shapes have each verdict, by the newest one on their present state, and how many only an outdated one.

    The cost follows the number of verdicts, not that of shapes.
    """
    row, verdict = ROWS.c, VERDICTS.c
    joined = VERDICTS.join(ROWS, and_(row.annotation_id == verdict.annotation_id, row.image_id == verdict.image_id))
    is_current = verdict.state_from == row.valid_from
    later: Table = VERDICTS.alias("later")  # type: ignore[assignment]
    other = later.c
    counts_more = case((other.state_from == row.valid_from, 1), else_=0) - case((is_current, 1), else_=0)
    better = exists().where(
        other.annotation_id == verdict.annotation_id,
        other.reader_id != verdict.reader_id,
        *_visible(scope, later, reader_id),
        or_(counts_more > 0, and_(counts_more == 0, _after(other, verdict))),
    )
    current = case((is_current, verdict.verdict), else_="outdated").label("said")
    statement = (
        select(current, func.count())
        .select_from(joined)
        .where(
            *_visible(scope, VERDICTS, reader_id), *scope.revisions(), *conditions, ~better.correlate(VERDICTS, ROWS)
        )
        .group_by(current)
    )
    found: dict[str, int] = dict(session.execute(statement).all())
    return {name: int(found.get(name, 0)) for name in (*VERDICT_NAMES, "outdated")}


def _after(one: Any, other: Any) -> ColumnElement[bool]:
    """Whether a verdict is newer than another; of one revision's, that of the reader with the higher number."""
    same = and_(one.valid_from == other.valid_from, one.reader_id > other.reader_id)
    return or_(one.valid_from > other.valid_from, same)


def _visible(scope: ReadScope, table: Table, reader_id: int | None) -> list[ColumnElement[bool]]:
    own = [] if reader_id is None else [table.c.reader_id == reader_id]
    return [*scope.verdicts(table), *own]


def _newest(scope: ReadScope, reader_id: int | None) -> ColumnElement[bool]:
    """No later verdict on the same state."""
    verdict = VERDICTS.c
    later: Table = VERDICTS.alias("later")  # type: ignore[assignment]
    other = later.c
    newer = (
        other.annotation_id == verdict.annotation_id,
        other.state_from == verdict.state_from,
        _after(other, verdict),
    )
    return ~exists().where(*newer, *_visible(scope, later, reader_id)).correlate(VERDICTS)
