"""What makes two jobs the same work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def content_key(
    type: str,
    *,
    owner_id: int | None = None,
    image_set_id: int | None = None,
    image_id: int | None = None,
    params: Mapping[str, Any] | None = None,
    model: str = "",
) -> str:
    """The key under which equal jobs are one: 64 hexadecimal digits.

    Args:
        type: Full name of the job's type.
        owner_id: With whose rights it runs; leave it out only where the outcome is the same for everybody who may ask.
        image_set_id: The set that it is about.
        image_id: The image that it is about.
        params: Its parameters, in any order.
        model: What else decides about the outcome, in one text: the model's identity, the image's content version.
    """
    facts = [type, owner_id, image_set_id, image_id, dict(params or {}), model]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
