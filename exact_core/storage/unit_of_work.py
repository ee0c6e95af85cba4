"""One change of images, annotations or activation: collect, ask plugins, commit, tell plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy.orm import Session

from exact_core.api.context import Actor
from exact_core.api.events import AnnotationChange, ImageChange
from exact_core.storage.database import Database

Change = AnnotationChange | ImageChange


class ChangeHooks(Protocol):
    """What the unit of work calls; ``kernel.hooks.Hooks`` is one."""

    def annotations_changing(self, session: Session, changes: Sequence[AnnotationChange], actor: Actor) -> None:
        """Ask plugins inside the transaction."""

    def images_changing(self, session: Session, changes: Sequence[ImageChange], actor: Actor) -> None:
        """Ask plugins inside the transaction."""

    def annotations_changed(self, changes: Sequence[AnnotationChange]) -> None:
        """Tell plugins after the commit."""

    def images_changed(self, changes: Sequence[ImageChange]) -> None:
        """Tell plugins after the commit."""


@dataclass(slots=True)
class _Recorded:
    """What was recorded since the transaction, or one of its savepoints, began."""

    changes: list[Change] = field(default_factory=list)
    after_commit: list[Callable[[], object]] = field(default_factory=list)


class UnitOfWork:
    """A transaction that plugins can refuse before it is committed, and hear of afterwards.

    Changes are recorded by hand: events of the mapper never see bulk statements, and those of the session lose
    everything when a savepoint is rolled back. What a rolled-back savepoint recorded is forgotten, nothing else.
    """

    def __init__(self, database: Database, hooks: ChangeHooks, actor: Actor) -> None:
        self.actor = actor
        self._database = database
        self._hooks = hooks
        self._levels = [_Recorded()]
        self._transaction = ExitStack()
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The session of the transaction; only inside the ``with`` block."""
        assert self._session is not None, "a unit of work is used in a with block"
        return self._session

    def record(self, change: Change) -> None:
        """Say what this transaction changes; guards are asked about it, in the order of recording."""
        self._levels[-1].changes.append(change)

    def after_commit(self, call: Callable[[], object]) -> None:
        """Have something done once the transaction is committed; never when it is not."""
        self._levels[-1].after_commit.append(call)

    @contextmanager
    def savepoint(self) -> Iterator[Session]:
        """A part that can fail by itself: its rows and what it recorded are then lost, the rest goes on."""
        inner = _Recorded()
        self._levels.append(inner)
        try:
            with self.session.begin_nested():
                yield self.session
        finally:
            self._levels.remove(inner)
        self._levels[-1].changes += inner.changes
        self._levels[-1].after_commit += inner.after_commit

    def __enter__(self) -> Self:
        self._session = self._transaction.enter_context(self._database.write())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transaction = self._transaction.pop_all()
        if error is not None:
            transaction.__exit__(kind, error, trace)
            return
        recorded = self._levels[0]
        annotations = [change for change in recorded.changes if isinstance(change, AnnotationChange)]
        images = [change for change in recorded.changes if isinstance(change, ImageChange)]
        with transaction:  # a refusal rolls back
            self._guard(annotations, images)
        self._session = None
        for call in recorded.after_commit:
            call()
        if images:
            self._hooks.images_changed(images)
        if annotations:
            self._hooks.annotations_changed(annotations)

    def _guard(self, annotations: list[AnnotationChange], images: list[ImageChange]) -> None:
        if images or annotations:
            self.session.flush()  # guards look at the state that would be committed
        if images:
            self._hooks.images_changing(self.session, images, self.actor)
        if annotations:
            self._hooks.annotations_changing(self.session, annotations, self.actor)
