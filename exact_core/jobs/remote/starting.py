"""Starting a remote worker from the command line: its token, its plugins, and signals."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import stat
import tempfile
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from exact_core.activation.starting import BUILTINS
from exact_core.api.errors import ConfigurationError
from exact_core.jobs.hosts.environments import environments_of
from exact_core.jobs.remote.connection import Connection
from exact_core.jobs.remote.worker import RemoteWorker, runnable_types
from exact_core.kernel.kernel import Kernel
from exact_core.kernel.loader import Choice

if TYPE_CHECKING:
    from exact_core.settings import Settings

logger = logging.getLogger(__name__)


def read_token(path: Path) -> str:
    """The token in a file, which only its owner may read.

    Raises:
        ConfigurationError: There is no token in it, or others can read it.
    """
    try:
        mode, text = path.stat().st_mode, path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--token-file: {path} cannot be read ({error}).") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"--token-file: others may read {path}; run: chmod 600 {path}")
    if not text.startswith("exact_") or any(each.isspace() for each in text):
        raise ConfigurationError(f"--token-file: {path} holds no access token; make one with the scope 'work'.")
    return text


def work_for(
    settings: Settings,
    server: str,
    token_file: Path,
    *,
    slots: int,
    gpu: bool,
    types: Collection[str],
    insecure: bool,
    ca_file: Path | None,
    cache: Path | None,
) -> None:
    """Run a remote worker until SIGTERM or SIGINT; jobs that run then go back to the queue.

    Args:
        settings: Which plugins to load, and the bounds of jobs; nothing else of them is used.
        server: The address of the instance.
        token_file: A file with an access token of the scope ``work``.
        slots: Jobs at the same time.
        gpu: Whether jobs that need a GPU are taken.
        types: The only types, or plugins, to take jobs of; empty for all that are installed.
        insecure: Allow plain http to other machines.
        ca_file: Certificates to trust instead of the system's.
        cache: Where models are kept; a folder of this run when not given.
    """
    environments_of(settings)  # a wrong one is told now, not by each job
    token = read_token(token_file)
    kernel = Kernel(choice=Choice(settings.plugins, settings.disabled_plugins, settings.safe_mode), builtins=BUILTINS)
    known = runnable_types(kernel, types)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    connection = Connection(server, token, insecure=insecure, ca_file=ca_file, stopping=stopping)
    with contextlib.ExitStack() as stack:
        if cache is None:
            cache = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="exact-models-")))
        worker = RemoteWorker(settings, connection, known, slots=slots, gpu=gpu, cache=cache, stopping=stopping)
        told = ", ".join(f"{name} {version}" for name, (_, version) in sorted(known.items()))
        worker.run(lambda: logger.info("Worker %s is ready for %s: %s", os.getpid(), server, told))
    connection.close()
