"""What importing a plugin costs and brings along, measured in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field

LIMIT_SECONDS = 0.3
"""Most processor time that importing a plugin may take, beyond what every server has imported anyway."""

HEAVY = (
    *("torch", "tensorflow", "jax", "umap", "numba", "sklearn", "skimage", "openslide", "pandas", "matplotlib"),
    *("cv2", "librosa", "soundfile", "transformers"),
)
"""Libraries that no plugin needs for saying what it contributes."""

_PROGRAM = """
import importlib, json, sys, time
import exact_core.api.deps, exact_core.api.tables, exact_core.kernel, exact_core.storage.models, fastapi, numpy
fastapi.APIRouter().get("/")(lambda: None)
before = set(sys.modules)
started = time.process_time()
try:
    importlib.import_module({module!r})
except BaseException as error:
    print(json.dumps({{"error": f"{{type(error).__name__}}: {{error}}"}}))
else:
    seconds = time.process_time() - started
    print(json.dumps({{"seconds": seconds, "modules": sorted(set(sys.modules) - before)}}))
"""


@dataclass(frozen=True, slots=True)
class CleanLoad:
    """What an import did.

    Attributes:
        seconds: Processor time of the import.
        modules: Modules that were not there before.
        error: Why it failed; empty when it did not.
    """

    seconds: float = 0.0
    modules: frozenset[str] = field(default_factory=frozenset)
    error: str = ""

    @property
    def heavy(self) -> list[str]:
        """Heavy libraries that it brought along."""
        return sorted({name.partition(".")[0] for name in self.modules} & set(HEAVY))


def start_clean_load(module: str) -> subprocess.Popen[str]:
    """Begin to import a module in a new process; ``finished_load`` reads how it went."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", _PROGRAM.format(module=module)]
    return subprocess.Popen(  # noqa: S603 - our own program, and a module that is installed
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def finished_load(process: subprocess.Popen[str], timeout: float = 60.0) -> CleanLoad:
    """How the import went."""
    try:
        told, complaint = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return CleanLoad(error=f"it was not imported within {timeout:.0f} seconds")
    lines = told.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return CleanLoad(error=f"the process ended with {process.returncode}: {complaint.strip()[-300:]}")
    facts = json.loads(lines[-1])
    if "error" in facts:
        return CleanLoad(error=facts["error"])
    return CleanLoad(facts["seconds"], frozenset(facts["modules"]))
