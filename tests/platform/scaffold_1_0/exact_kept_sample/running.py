"""What EXACT hands the plugin when a process starts: sessions that write, a folder for files, the queue of jobs."""

from __future__ import annotations

from exact_core.api import PluginContext, Unavailable

_kept: list[PluginContext] = []


def keep(context: PluginContext) -> None:
    """Remember the context of this process."""
    _kept[:] = [context]


def context() -> PluginContext:
    """The context of this process; raises ``Unavailable`` before the process has started."""
    if not _kept:
        raise Unavailable("The plugin has not started yet.")
    return _kept[0]
