"""Asking the limited process what is in a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from exact_core.api import Invalid
from exact_media.kinds import MediaType
from exact_media.probe import SECONDS, Facts


def facts_of(path: Path, guessed: MediaType) -> Facts:
    """What is in a file; ``Invalid`` with the reason when it is not what its first bytes say."""
    return Facts(**_asked(path, guessed.name, f"a {guessed.title}"))


def outline_of(path: Path) -> list[float]:
    """How loud a sound is along its length; ``Invalid`` when it cannot be told."""
    peaks: list[float] = _asked(path, "outline", "a sound")["peaks"]
    return peaks


def _asked(path: Path, task: str, what: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "exact_media.probe", task, str(path)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module, a name from our list, a path of ours
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS * 2, check=False
        )
        answer: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        raise Invalid(f"The file looks like {what}, but reading it failed; it may be damaged.") from None
    if "refused" in answer:
        raise Invalid(f"The file looks like {what}, but {answer['refused']}.")
    return answer
