"""The bounded log of what went wrong in plugins, kept in memory and handed to a store in the background.

A guard hook fails inside a transaction that may hold the only write lock of the database, so a fault is never stored
by the thread that meets it.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from exact_core.api.errors import ExactError

KEPT = 200
"""Faults kept per plugin, in memory."""

_PENDING = 500
_TRACEBACK_CHARACTERS = 8000
_MESSAGE_CHARACTERS = 2000

_log = logging.getLogger("exact.plugins")


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure of one plugin.

    Attributes:
        plugin: Whose code failed.
        place: Hook, route or job in which it failed.
        message: The error.
        traceback: Where it came from.
        image_set_id: The image set concerned, if any.
        at: When.
    """

    plugin: str
    place: str
    message: str
    traceback: str = ""
    image_set_id: int | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class FaultStore(Protocol):
    """Where faults are kept for administrators, across processes; bounded per plugin."""

    def save(self, faults: Sequence[Fault]) -> None:
        """Keep faults, the newest few hundred per plugin; raises ``ExactError`` or ``OSError`` when it cannot."""


class FaultLog:
    """Faults of this process: the newest per plugin in memory, all of them handed to the store."""

    def __init__(self, store: FaultStore | None = None) -> None:
        self._store = store
        self._kept: dict[str, deque[Fault]] = {}
        self._pending: deque[Fault] = deque(maxlen=_PENDING)
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def record(self, plugin: str, place: str, error: BaseException, image_set_id: int | None = None) -> Fault:
        """Note that a plugin failed; logs it and returns at once."""
        message = f"{type(error).__name__}: {error}"[:_MESSAGE_CHARACTERS]
        trace = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
        fault = Fault(plugin, place, message, trace, image_set_id)
        with self._lock:
            self._kept.setdefault(plugin, deque(maxlen=KEPT)).append(fault)
            self._pending.append(fault)
        self._wake.set()
        _log.error("Plugin %s failed in %s: %s", plugin, place, message, exc_info=error)
        return fault

    def recent(self, plugin: str | None = None) -> list[Fault]:
        """Faults of this process, newest first."""
        with self._lock:
            logs = self._kept.values() if plugin is None else [self._kept.get(plugin, deque())]
            found = [fault for log in logs for fault in log]
        return sorted(found, key=lambda fault: fault.at, reverse=True)

    def clear(self) -> None:
        """Forget the faults that are kept in memory."""
        with self._lock:
            self._kept.clear()

    def flush(self) -> None:
        """Hand everything that waits to the store, now."""
        with self._saving:
            with self._lock:
                batch = list(self._pending)
                self._pending.clear()
            if not batch or self._store is None:
                return
            try:
                self._store.save(batch)
            except (ExactError, OSError) as error:
                _log.warning("%d plugin faults could not be stored: %s", len(batch), error)

    def start(self) -> None:
        """Store faults in the background from now on."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="exact-faults", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Store what waits and end the background thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            self._wake.set()
            thread.join(timeout=5)
        self.flush()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            self.flush()
            self._stop.wait(0.2)  # a plugin that fails on every tile must not keep the store busy
