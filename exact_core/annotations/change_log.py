"""The growing revision number of an image set, and the log of who raised it."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table, bindparam, insert, select, update
from sqlalchemy.orm import Session

from exact_core.annotations.digest import linked
from exact_core.storage.models import ChangeSet, Image, ImageSet, now
from exact_core.storage.prepared import Prepared

CHANGES_SHAPES = ("edit", "undo", "redo", "restore", "revert", "import", "model", "bulk", "branch", "merge")
"""Kinds of change sets that change shapes."""


def next_revision(
    session: Session,
    image_set_id: int,
    kind: str,
    *,
    actor_id: int | None,
    image_id: int | None = None,
    count: int = 0,
    reason: str = "",
    reverts: int | None = None,
    run: str = "",
    rows: bytes = b"",
) -> int:
    """Take the image set's next revision number and write down whose it is.

    Args:
        session: A writing session; the set stays locked against other writers until it ends.
        image_set_id: The image set.
        kind: What happened: those of :data:`CHANGES_SHAPES` change shapes; ``verify`` changes verdicts or states of
            images; ``review`` changes what readers are given or may see.
        actor_id: Who did it; None for the system.
        image_id: The one image it happened on, if it is one.
        count: How many rows it changed.
        reason: Why, for those who may see the change.
        reverts: The revision that it takes back.
        run: The model run, import or job that it belongs to.
        rows: The hash of the rows that are written under it, see ``annotations/digest.py``.
    """
    raised = _RAISED.first(session, {"image_set": image_set_id})
    assert raised is not None, "a change set belongs to an image set that is there"
    revision, last_digest = raised
    log = {
        "image_set_id": image_set_id,
        "revision": revision,
        "image_id": image_id,
        "actor_id": actor_id,
        "at": now(),
        "kind": kind,
        "reason": reason,
        "n_changes": count,
        "reverts": reverts,
        "run": run,
        "digest": linked(last_digest or "", rows),
    }
    _LOGGED.run(session, log)
    return int(revision)


def fold(session: Session, image_id: int, revision: int, rows: bytes) -> None:
    """Add the hash of more rows to a change set of this transaction, which is named by an image of its set."""
    session.flush()
    connection = session.connection()
    own = {"image": image_id, "at_revision": revision}
    digest = connection.execute(_DIGEST, own).scalar_one()
    connection.execute(_FOLDED, own | {"linked": linked(digest, rows)})


SETS = cast("Table", ImageSet.__table__)
LOG = cast("Table", ChangeSet.__table__)
LAST_DIGEST = (
    select(LOG.c.digest)
    .where(LOG.c.image_set_id == SETS.c.id, LOG.c.revision == SETS.c.revision)
    .correlate(SETS)
    .scalar_subquery()
)
"""The digest of the newest change set of a row of ``SETS``, which bears the set's revision; NULL when there is none."""

_LOGGED = Prepared(
    insert(LOG),
    [
        "image_set_id", "revision", "image_id", "actor_id", "at", "kind", "reason", "n_changes", "reverts", "run",
        "digest",
    ],
)  # fmt: skip
_RAISED = Prepared(
    update(SETS)
    .where(SETS.c.id == bindparam("image_set"))
    .values(revision=SETS.c.revision + 1)
    .returning(
        SETS.c.revision,
        # The digest of the newest change set, before this one is among them.
        select(LOG.c.digest)
        .where(LOG.c.image_set_id == bindparam("image_set"))
        .order_by(LOG.c.revision.desc())
        .limit(1)
        .scalar_subquery(),
    )
)

_OWN = (
    LOG.c.image_set_id == select(Image.image_set_id).where(Image.id == bindparam("image")).scalar_subquery(),
    LOG.c.revision == bindparam("at_revision"),
)
_DIGEST = select(LOG.c.digest).where(*_OWN)
_FOLDED = update(LOG).where(*_OWN).values(digest=bindparam("linked"))


def lock_set(session: Session, image_set_id: int) -> None:
    """Let no other writer into the set until the transaction ends; on SQLite every writer has that anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(ImageSet.id).where(ImageSet.id == image_set_id).with_for_update())
