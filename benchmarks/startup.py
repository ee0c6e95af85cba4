"""What the command line and the import of everything cost, and what they must not load."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HEAVY = ("torch", "umap", "sklearn")
_LOAD_ALL = """
import json, sys
from exact_core.kernel import Kernel
import exact_core.app
Kernel()
print(json.dumps([name for name in %r if name in sys.modules]))
"""


def run() -> list[dict[str, object]]:
    """Time ``exact --help`` in new processes, and look at what loading every plugin imports."""
    seconds = statistics.median(_seconds(["-m", "exact_core", "--help"]) for _ in range(5))
    answer = subprocess.run(
        [sys.executable, "-c", _LOAD_ALL % (HEAVY,)], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = json.loads(answer.stdout.splitlines()[-1])
    return [
        {"name": "exact --help", "value": round(seconds, 3), "unit": "s", "bar": "< 1", "holds": seconds < 1},
        {
            "name": "heavy modules loaded with all plugins",
            "value": len(loaded),
            "unit": "modules",
            "bar": "0 of " + ", ".join(HEAVY),
            "holds": not loaded,
        },
    ]


def _seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ,
        cwd=Path(__file__).parent.parent,
        timeout=60,
    )
    return time.perf_counter() - started
