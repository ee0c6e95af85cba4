"""Asking the limited process what is in a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from exact_core.api import Invalid
from exact_media.kinds import MediaType
from exact_media.probe import SECONDS, Facts


def facts_of(path: Path, guessed: MediaType) -> Facts:
    """What is in a file; ``Invalid`` with the reason when it is not what its first bytes say."""
    command = [sys.executable, "-m", "exact_media.probe", str(path), guessed.name]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, a path of ours, a name from our list
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS * 2, check=False
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        raise Invalid(f"The file looks like a {guessed.title}, but reading it failed; it may be damaged.") from None
    if "refused" in answer:
        raise Invalid(f"The file looks like a {guessed.title}, but {answer['refused']}.")
    return Facts(**answer)
