"""Where the shapes of an import go: into the database, or nowhere, for a preview that tells the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.orm import Session

from exact_core.annotations import bulk
from exact_core.annotations.bulk_checks import check
from exact_core.annotations.scope import Can, ImageFacts, ReadScope, image_facts, require_size, scope_in
from exact_core.annotations.states import Change, Known
from exact_core.annotations.writing import Writer
from exact_core.api.context import Actor
from exact_core.api.errors import Conflict, Forbidden, NotFound


class Sink(Protocol):
    """Takes the shapes of one image, all under one revision."""

    @property
    def keeps(self) -> bool:
        """Whether what was added is found when it is looked up."""

    @property
    def session(self) -> Session:
        """Where to look things up."""

    @property
    def facts(self) -> ImageFacts:
        """The image."""

    @property
    def scope(self) -> ReadScope:
        """What the actor may see of it."""

    @property
    def revision(self) -> int | None:
        """The revision of this import, once it has one."""

    def may_edit(self, known: Known) -> bool:
        """Whether the actor may change an annotation."""

    def add(self, shapes: bulk.NewShapes) -> dict[int, str]:
        """Add shapes; why some cannot be kept, by their number."""

    def write(self, changes: Sequence[Change]) -> None:
        """Change annotations that are there."""

    def finish(self, count: int) -> None:
        """Say how many annotations the revision changed."""


class WritingSink:
    """Writes through a writer of a transaction."""

    keeps = True

    def __init__(self, writer: Writer, reason: str, run: str) -> None:
        self._writer = writer
        self._reason = reason
        self._run = run
        self._revision: int | None = None
        self.session = writer.session
        self.facts = writer.facts
        self.scope = writer.scope

    @property
    def revision(self) -> int | None:
        """The revision of this import, once a shape came."""
        return self._revision

    def may_edit(self, known: Known) -> bool:
        """Whether the actor may change an annotation."""
        return self._writer.may_edit(known)

    def add(self, shapes: bulk.NewShapes) -> dict[int, str]:
        """Add shapes to the revision."""
        return bulk.add(self._writer, shapes, skip_bad=True, revision=self._taken()).refused

    def write(self, changes: Sequence[Change]) -> None:
        """Change annotations under the revision."""
        self._writer.write(changes, self._taken(), restores=True)

    def finish(self, count: int) -> None:
        """Say what the revision holds."""
        if self._revision is not None:
            self._writer.count_changes(self._revision, count)

    def _taken(self) -> int:
        if self._revision is None:
            self._revision = self._writer.log_change_set(0, "import", self._reason, run=self._run)
        return self._revision


class Rehearsal:
    """Checks everything as an import would, and writes nothing; needs a session that only reads."""

    keeps = False
    revision: int | None = None

    def __init__(self, session: Session, actor: Actor, image_id: int, can: Can) -> None:
        self.session = session
        self.facts = image_facts(session, image_id)
        if not can(actor, "view", self.facts.image_set_id):
            raise NotFound(f"There is no image {image_id} that you may see.")
        if self.facts.is_locked:
            raise Conflict("This image set is locked: nothing in it can be changed until a manager unlocks it.")
        if not can(actor, "annotate", self.facts.image_set_id):
            raise Forbidden("You may look at this image set, but not annotate in it.")
        require_size(self.facts)
        self.scope = scope_in(self.facts, actor, can, session)
        self._editor_id = actor.user_id or None
        self._may_edit_any = can(actor, "edit_any", self.facts.image_set_id)

    def may_edit(self, known: Known) -> bool:
        """Whether the actor may change an annotation."""
        return known.author_id == self._editor_id or (self._may_edit_any and self.scope.sees_all)

    def add(self, shapes: bulk.NewShapes) -> dict[int, str]:
        """Why some of the shapes cannot be kept."""
        refused: dict[int, str] = {}
        check(shapes.columns, self.facts.width, self.facts.height, refused)
        return refused

    def write(self, changes: Sequence[Change]) -> None:
        """Change nothing."""

    def finish(self, count: int) -> None:
        """There is no revision."""
