"""What the process of a job prints, made into lines of its log: bounded, however much it is."""

from __future__ import annotations

import threading
from collections import deque
from typing import BinaryIO

_MOST_LINES = 400
_LONGEST_LINE = 2000
_CHUNK = 64 * 1024


class PrintedLines:
    """Reads until the process and all that it started have closed their output; keeps the newest lines."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._kept: deque[str] = deque()
        self._left_out = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="exact-job-output", daemon=True)
        self._thread.start()

    def take(self) -> tuple[str, ...]:
        """The lines since the last time, with a word about those that were too many."""
        with self._lock:
            lines, left_out = tuple(self._kept), self._left_out
            self._kept.clear()
            self._left_out = 0
        return (f"… {left_out:,} lines of output are left out", *lines) if left_out else lines

    def finish(self, seconds: float) -> tuple[str, ...]:
        """The last lines, once the output is closed or the time is over."""
        self._thread.join(timeout=seconds)
        return self.take()

    def _follow(self) -> None:
        line = b""
        with self._stream:
            while chunk := self._stream.read1(_CHUNK):  # type: ignore[attr-defined]
                *whole, line = (line + chunk).split(b"\n")
                self._keep(whole)
                if len(line) > _LONGEST_LINE:
                    self._keep([line])
                    line = b""
        self._keep([line])

    def _keep(self, lines: list[bytes]) -> None:
        with self._lock:
            for line in lines:
                text = line[:_LONGEST_LINE].decode(errors="replace").rstrip()
                if text:
                    self._kept.append(text)
            while len(self._kept) > _MOST_LINES:
                self._kept.popleft()
                self._left_out += 1
