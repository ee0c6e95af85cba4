"""The hash of what verifying writes; it is folded into the running hash of the change log.

See :mod:`exact_core.annotations.digest`. As there, who and what is hashed and not the time, which is in the manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from exact_core.annotations.digest import canonical_json

_VERDICTS = "exact verdicts 1"
_STATE = "exact image state 1"
_ACT = "exact review 1"


def verdicts_digest(
    image_id: int, reader_id: int, said: Iterable[tuple[int, int, str | None, int | None, str]]
) -> bytes:
    """The hash of one reader's verdicts on shapes of an image.

    Args:
        image_id: The image.
        reader_id: Who says so.
        said: Annotation, first revision of the state that was judged, verdict (None takes it back), type, reason.
    """
    found = hashlib.sha256(_line(_VERDICTS, image_id, reader_id))
    for each in said:
        found.update(_line(*each))
    return found.digest()


def state_digest(image_id: int, reader_id: int, state: str, reason: str) -> bytes:
    """The hash of a reader's state of an image."""
    return hashlib.sha256(_line(_STATE, image_id, reader_id, state, reason)).digest()


def act_digest(act: Mapping[str, Any]) -> bytes:
    """The hash of what was decided about reading: a mode, settings, what readers are given."""
    return hashlib.sha256(_line(_ACT) + canonical_json(act).encode()).digest()


def _line(*values: Any) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"
