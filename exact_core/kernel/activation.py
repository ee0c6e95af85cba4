"""Which plugins are on in an image set, with which settings: read at call time, cached under a shared epoch.

The epoch is a number in the database that is raised in the transaction of every change. Each process looks at it
twice a second; what was read before the newest known epoch is read again when it is next needed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from exact_core.api.errors import ExactError, Invalid, Unavailable
from exact_core.kernel.dispatch import call_alone
from exact_core.kernel.records import State

if TYPE_CHECKING:
    from pydantic import BaseModel

    from exact_core.kernel.records import PluginRecord

LOOK_EVERY_SECONDS = 0.5
STALE_SECONDS = 2.0
"""When the epoch cannot be read for longer, nothing is answered from memory any more."""

_SETS_KEPT = 4096

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ActivationRow:
    """What is stored about one plugin in one image set."""

    plugin: str
    enabled: bool
    required: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    settings_version: int = 1


class ActivationStore(Protocol):
    """Where the switches are kept; shared by all processes."""

    def epoch(self) -> int:
        """The number that every change raises; raises ``ExactError`` when it cannot be read."""

    def rows(self, image_set_id: int) -> tuple[int, Sequence[ActivationRow]]:
        """The switches of an image set, and an epoch that they are not older than."""


@dataclass(frozen=True, slots=True)
class SetActivation:
    """What is on in one image set.

    Attributes:
        image_set_id: The image set.
        enabled: Plugins that are on and can run there.
        required: Those of them without which no change may be saved.
        settings: Their validated settings.
        problems: Plugins that are switched on but cannot run there, and why.
        absent: Those of them that are marked as required.
        tile_key: Changes when any plugin, version or setting that could alter a tile does.
    """

    image_set_id: int
    enabled: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    settings: Mapping[str, BaseModel | None] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    tile_key: str = ""


class Activation:
    """Answers what is on where, from memory when it is fresh."""

    def __init__(
        self,
        store: ActivationStore,
        records: Callable[[], Mapping[str, PluginRecord]],
        changes_tiles: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make an empty cache.

        Args:
            store: Where the switches are kept.
            records: The plugins of this process.
            changes_tiles: Whether a plugin takes part in rendering tiles.
            clock: Seconds that only grow.
        """
        self._store = store
        self._records = records
        self._changes_tiles = changes_tiles
        self._clock = clock
        self._lock = threading.Lock()
        self._epoch = -1
        self._looked_at = float("-inf")
        self._expired = 0  # how often this process said that it changed something
        self._sets: OrderedDict[int, tuple[int, SetActivation]] = OrderedDict()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def enabled(self, image_set_id: int) -> frozenset[str]:
        """The plugins that are on in an image set and can run there."""
        return self.of(image_set_id).enabled

    def of(self, image_set_id: int) -> SetActivation:
        """Everything about the plugins of an image set."""
        self._look_if_due()
        with self._lock:
            kept = self._sets.get(image_set_id)
            if kept is not None and kept[0] >= self._epoch:
                return kept[1]
        epoch, rows = self._store.rows(image_set_id)
        made = self._make(image_set_id, rows)
        with self._lock:
            self._sets[image_set_id] = (epoch, made)
            self._sets.move_to_end(image_set_id)
            while len(self._sets) > _SETS_KEPT:
                self._sets.popitem(last=False)
        return made

    def look(self) -> None:
        """Read the epoch now; what is older is read again when it is needed."""
        started, expired = self._clock(), self._expired
        epoch = self._store.epoch()
        with self._lock:
            if expired == self._expired:  # else the number may be from before a change of this process: look again
                self._epoch = epoch
                self._looked_at = max(self._looked_at, started)

    def expire(self) -> None:
        """Look at the epoch before the next answer, after this process committed a change itself."""
        with self._lock:
            self._expired += 1
            self._looked_at = float("-inf")

    def forget(self) -> None:
        """Forget every image set, after a plugin came or went in this process."""
        with self._lock:
            self._sets.clear()

    def start(self) -> None:
        """Look at the epoch in the background from now on, so that callers seldom have to."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="exact-activation", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY_SECONDS):
            try:
                self.look()
            except ExactError as error:
                _log.warning("The plugin switches cannot be read: %s", error)

    def _look_if_due(self) -> None:
        age = self._clock() - self._looked_at
        if age <= LOOK_EVERY_SECONDS or (self._thread is not None and age <= STALE_SECONDS / 2):
            return
        try:
            self.look()
        except ExactError as error:
            if age > STALE_SECONDS:
                raise Unavailable("The plugin switches cannot be read; try again in a moment.") from error

    def _make(self, image_set_id: int, rows: Iterable[ActivationRow]) -> SetActivation:
        records = self._records()
        stored = {row.plugin: row for row in rows}
        wanted = {row.plugin for row in stored.values() if row.enabled} | {
            name for name, record in records.items() if name not in stored and _is_on_by_default(record)
        }
        settings: dict[str, BaseModel | None] = {}
        problems: dict[str, str] = {}
        for name in sorted(wanted):
            try:
                settings[name] = usable_settings(name, records.get(name), stored.get(name))
            except Invalid as error:
                problems[name] = error.message
        _drop_unmet(settings, problems, records)
        required = {name for name in wanted if name in stored and stored[name].required}
        tile_parts = [
            [name, records[name].version, settings_json(settings[name])]
            for name in sorted(settings)
            if self._changes_tiles(name)
        ]
        return SetActivation(
            image_set_id,
            frozenset(settings),
            frozenset(required),
            settings,
            problems,
            {name: problems[name] for name in sorted(required & problems.keys())},
            hashlib.sha256(json.dumps(tile_parts).encode()).hexdigest()[:12] if tile_parts else "",
        )


def usable_settings(name: str, record: PluginRecord | None, row: ActivationRow | None) -> BaseModel | None:
    """The settings that a plugin has in an image set; raises ``Invalid`` with why it cannot run there."""
    if record is None:
        raise Invalid(f"The plugin {name!r} is not installed.")
    if record.state is not State.LOADED or record.contributions is None:
        raise Invalid(f"The plugin {name!r} is not loaded ({record.state}): {record.reason}")
    info = record.contributions.info
    data = dict(row.settings) if row is not None else {}
    if row is not None and row.settings_version < info.settings_version and info.migrate_settings is not None:
        migrate, version = info.migrate_settings, row.settings_version
        migrated, error = call_alone(lambda: migrate(data, version))
        if error is not None or not isinstance(migrated, dict):
            raise Invalid(f"The settings of {name!r} from version {version} could not be migrated: {error}")
        data = migrated
    return validate_settings(record, data)


def validate_settings(record: PluginRecord, data: Mapping[str, Any]) -> BaseModel | None:
    """Check settings against the plugin's model; raises ``Invalid`` that names each field."""
    model = record.contributions.info.settings if record.contributions else None
    if model is None:
        if data:
            raise Invalid(f"The plugin {record.name!r} has no settings.")
        return None
    checked = model
    validated, error = call_alone(lambda: checked.model_validate(dict(data)))
    if error is not None:
        raise Invalid(f"The settings of {record.name!r} are not valid: {_readable(error)}") from error
    assert isinstance(validated, model)
    return validated


def settings_json(settings: BaseModel | None) -> dict[str, Any]:
    """Settings as plain JSON values."""
    return {} if settings is None else settings.model_dump(mode="json")


def _readable(error: BaseException) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return f"{type(error).__name__}: {error}"
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'settings'}: {each['msg']}" for each in error.errors())


def _is_on_by_default(record: PluginRecord) -> bool:
    return (
        record.state is State.LOADED
        and not record.is_builtin
        and record.contributions is not None
        and record.contributions.info.default_enabled
    )


def _drop_unmet(
    settings: dict[str, BaseModel | None], problems: dict[str, str], records: Mapping[str, PluginRecord]
) -> None:
    """Take out plugins that need one that is not on, until nothing changes."""
    changed = True
    while changed:
        changed = False
        for name in sorted(settings):
            contributions = records[name].contributions
            needs = contributions.info.requires if contributions else ()
            missing = [need for need in needs if need not in settings]
            if missing:
                del settings[name]
                problems[name] = f"The plugin {name!r} needs {', '.join(missing)}, not on in this image set."
                changed = True
