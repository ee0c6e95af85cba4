"""What can be asked of the annotations of one image, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from exact_core.annotations import rules
from exact_core.annotations.scope import Frame
from exact_core.annotations.states import Known
from exact_core.api.errors import Conflict

MAX_OPERATIONS = 5_000


class Stale(Conflict):
    """Somebody has changed annotations since the client read them; the answer carries their current states.

    ``current`` is the first of ``conflicts``; each says who changed it last, in ``changed_by``.
    """

    code = "stale-annotation"

    def __init__(self, message: str, conflicts: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(message)
        self.details = {"current": conflicts[0], "conflicts": list(conflicts)}


@dataclass(frozen=True, slots=True)
class Create:
    """Draw a new annotation; repeating it with the same uuid changes nothing."""

    uuid: str
    type_id: int
    geometry: object
    frame: Frame = rules.DEFAULT_FRAME
    text: str = ""
    attributes: Mapping[str, Any] | None = None
    claimed_author: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """Change what is given of an annotation; None leaves it."""

    key: int | str  # id or uuid
    base_revision: int | None = None
    type_id: int | None = None
    geometry: object = None
    frame: Frame | None = None
    text: str | None = None
    attributes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an annotation; its identity and history stay."""

    key: int | str
    base_revision: int | None = None


Operation: TypeAlias = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change set did: the annotations in the order of the operations, and what undo had to leave out.

    ``is_complete`` is false when there were too many annotations to name them: look at the image again.
    """

    revision: int
    annotations: list[Known]
    skipped: tuple[Mapping[str, Any], ...] = ()
    is_complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        return {
            "revision": self.revision,
            "annotations": [known.to_json() for known in self.annotations],
            "skipped": list(self.skipped),
            "complete": self.is_complete,
        }
