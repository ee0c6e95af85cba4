"""Which jobs run in a process of their own, in which environment and within which bounds: what the settings say."""

from __future__ import annotations

import math
import os
import shutil
import sys
from typing import TYPE_CHECKING

from exact_core.api.errors import ConfigurationError
from exact_core.jobs.hosts.isolated import Place

if TYPE_CHECKING:
    from exact_core.jobs.hosts.protocol import JobTask
    from exact_core.settings import Settings


def environments_of(settings: Settings) -> dict[str, str]:
    """The interpreter of each plugin that has an environment of its own.

    Raises:
        ConfigurationError: An interpreter is not there; the message names the plugin.
    """
    found: dict[str, str] = {}
    for entry in settings.plugin_environments:
        plugin, _, python = entry.partition("=")
        if not plugin or not python:
            raise ConfigurationError(
                f"EXACT_PLUGIN_ENVIRONMENTS: {entry!r} is not written plugin=/path/of/its/bin/python."
            )
        if shutil.which(python) is None:
            raise ConfigurationError(
                f"EXACT_PLUGIN_ENVIRONMENTS: the interpreter of the plugin {plugin!r}, {python}, cannot be run."
            )
        found[plugin] = os.path.abspath(python) if os.sep in python else python  # noqa: PTH100 - links stay: venvs
    return found


def place_of(settings: Settings, task: JobTask, *, always: bool = False) -> Place | None:
    """Where a portable job runs; None in the process of the worker.

    Args:
        settings: The settings of the worker.
        task: The job.
        always: In a process of its own, whatever the settings say.
    """
    python = environments_of(settings).get(task.plugin)
    if python is None and not (settings.isolate_jobs or always):
        return None
    most = settings.job_memory_mib
    return Place(
        python=python or sys.executable,
        memory_mib=min(task.memory_mib or most, most),
        seconds=task.seconds or settings.job_seconds or math.inf,
        network=task.network and settings.job_network,
        is_own=python is None,
    )
