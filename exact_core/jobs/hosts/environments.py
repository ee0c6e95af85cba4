"""Which jobs run in a process of their own, in which environment and within which bounds: what the settings say."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from exact_core import __version__
from exact_core.api.errors import ConfigurationError
from exact_core.jobs.hosts.isolated import Place, environment_of_others

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


def examine(settings: Settings) -> list[str]:
    """What is wrong with the environments of plugins, and what this system cannot bound; empty when all is well."""
    problems = []
    if (settings.plugin_environments or settings.isolate_jobs) and not _can_deny_network(sys.executable):
        problems.append("This system offers no way to take the network away from the processes of jobs.")
    for plugin, python in environments_of(settings).items():
        told = _ask(python, "import exact_core.jobs.hosts.child; print(exact_core.__version__)")
        if told.returncode:
            reason = (told.stderr.strip().splitlines() or ["no reason"])[-1]
            problems.append(f"{plugin}: its environment {python} cannot run jobs ({reason}). Install the plugin there.")
        elif (version := told.stdout.strip()) != __version__:
            problems.append(f"{plugin}: its environment {python} has EXACT {version}, this server is {__version__}.")
    return problems


def _can_deny_network(python: str) -> bool:
    return not _ask(
        python, "import sys; from exact_core.tiles.limits import deny_network; sys.exit(not deny_network())"
    ).returncode


def _ask(python: str, program: str) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) if python == sys.executable else environment_of_others()
    return subprocess.run(  # noqa: S603 - an interpreter that the administrator named
        [python, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


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
