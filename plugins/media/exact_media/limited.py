"""Becoming another program, with limits on its memory and time: a film that breaks a decoder ends that program only."""

from __future__ import annotations

import os
import sys

MEMORY_BYTES = 4 * 1024**3
SECONDS = 6 * 3600


def command(call: list[str]) -> list[str]:
    """A call that runs another one under the limits."""
    return [sys.executable, "-m", "exact_media.limited", *call]


def main() -> None:
    """Set the limits, then be the program that the arguments name."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the server's own ffmpeg, found by its own path


if __name__ == "__main__":
    main()
