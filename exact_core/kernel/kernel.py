"""The kernel of one application: plugins, hooks, switches, faults. Never a module global."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from exact_core import __version__
from exact_core.kernel.activation import Activation, ActivationRow, ActivationStore
from exact_core.kernel.discovery import Candidate, discover
from exact_core.kernel.dispatch import SLOW_SECONDS, Dispatcher
from exact_core.kernel.faults import FaultLog, FaultStore
from exact_core.kernel.hooks import Hooks
from exact_core.kernel.index import ContributionIndex
from exact_core.kernel.loader import Choice, PendingMigrations, load_plugins
from exact_core.kernel.records import PluginRecord, State
from exact_core.kernel.signatures import new_plugin_manager

if TYPE_CHECKING:
    from exact_core.api.context import PluginContext

_log = logging.getLogger("exact.plugins")


class NothingStored:
    """An activation store without a database: nothing is switched on beyond what plugins are by default."""

    def epoch(self) -> int:
        """Never changes."""
        return 0

    def rows(self, image_set_id: int) -> tuple[int, Sequence[ActivationRow]]:
        """Holds nothing."""
        return 0, ()


class Kernel:
    """Loads the plugins and lets them take part.

    Attributes:
        records: Every candidate by name, in visible order, with its state and reason.
        hooks: What the core calls.
        index: What plugins contributed.
        activation: What is on in each image set.
        faults: What went wrong in plugins.
    """

    def __init__(
        self,
        *,
        choice: Choice | None = None,
        builtins: Mapping[str, str] | None = None,
        candidates: Iterable[Candidate] | None = None,
        pending: PendingMigrations | None = None,
        activation_store: ActivationStore | None = None,
        fault_store: FaultStore | None = None,
        context_for: Callable[[str], PluginContext] | None = None,
        slow_seconds: float = SLOW_SECONDS,
    ) -> None:
        """Discover and load plugins; never raises because of a plugin.

        Args:
            choice: What the operator lets in.
            builtins: Parts of the core that register through the same door: ``core.<name>`` to module.
            candidates: Use these instead of what is installed.
            pending: Says why the tables of a plugin cannot be used.
            activation_store: Where switches are kept.
            fault_store: Where faults are kept.
            context_for: Makes what a plugin is handed at start-up.
            slow_seconds: Hooks that take longer are warned about.
        """
        self._manager = new_plugin_manager()
        self._context_for = context_for
        self._contexts: dict[str, PluginContext] = {}
        self._records = load_plugins(
            discover() if candidates is None else candidates,
            builtins or {},
            __version__,
            choice or Choice(),
            pending,
        )
        self.index = ContributionIndex()
        self.faults = FaultLog(fault_store)
        dispatcher = Dispatcher(self._manager, self.faults, slow_seconds)
        self._dispatcher = dispatcher
        self._tile_plugins: frozenset[str] = frozenset()
        self.activation = Activation(
            activation_store or NothingStored(), lambda: self._records, lambda name: name in self._tile_plugins
        )
        self.hooks = Hooks(dispatcher, self.activation, self.faults)
        self._register()

    @property
    def records(self) -> Mapping[str, PluginRecord]:
        """Every candidate by name, in visible order."""
        return MappingProxyType(self._records)

    def plugins(self) -> list[PluginRecord]:
        """The records of plugins, without the built-in parts."""
        return [record for record in self._records.values() if not record.is_builtin]

    def is_healthy(self) -> bool:
        """Whether no plugin needs an administrator's attention."""
        return all(record.state.is_healthy for record in self._records.values())

    def startup(self) -> None:
        """Begin to serve: background threads, then the plugins' own start."""
        self._log_states()
        self.faults.start()
        self.activation.start()
        if self._context_for is not None:
            self._contexts = {name: self.context_of(name) for name in self._running()}
        self.hooks.startup(self._contexts)

    def context_of(self, name: str) -> PluginContext:
        """What a plugin may reach; made when it is first asked for."""
        if name not in self._contexts:
            assert self._context_for is not None, "this kernel serves nobody"
            self._contexts[name] = self._context_for(name)
        return self._contexts[name]

    def shutdown(self) -> None:
        """End: the plugins first, then the background threads."""
        self.hooks.shutdown(self._contexts)
        self.activation.stop()
        self.faults.stop()

    def remove(self, name: str) -> None:
        """Take a plugin out of this process: its hooks and contributions; its module stays imported."""
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)
        self.index.remove(name)
        self._records.pop(name, None)
        self._plugins_changed()

    def _register(self) -> None:
        for name in reversed(self._running()):  # pluggy calls the last registered first
            record = self._records[name]
            assert record.module is not None
            self._manager.register(record.module, name)
        for name in self._running():
            contributions = self._records[name].contributions
            assert contributions is not None
            self.index.add(name, contributions)
        self._plugins_changed()

    def _log_states(self) -> None:
        for record in self._records.values():
            if record.state is not State.LOADED:
                level = logging.INFO if record.state.is_healthy else logging.WARNING
                _log.log(level, "Plugin %s is not in use (%s): %s", record.name, record.state, record.reason)
            for warning in record.warnings:
                _log.warning("Plugin %s: %s", record.name, warning)

    def _running(self) -> list[str]:
        return [name for name, record in self._records.items() if record.state.is_running]

    def _plugins_changed(self) -> None:
        self._dispatcher.plugins_changed()
        self._tile_plugins = frozenset(
            each.plugin_name for each in self._manager.hook.exact_tile_rendered.get_hookimpls()
        )
        self.activation.forget()
