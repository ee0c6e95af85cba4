"""Run the benchmarks, or those named, and print one JSON object per figure.

Every module of this folder that has a function ``run() -> list[dict]`` is one table. A figure has ``name``, ``value``,
``unit``, ``bar`` (what it must reach, as text), ``holds`` (true, false, or null when it could not be measured), and
``peer`` where it is compared with another system. Exit code 1 when a bar does not hold.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys

TABLES = (
    *("startup", "dispatch", "plugins", "screening", "media", "engine", "engine_exchange", "tiles", "layer"),
    *("jobs", "ml", "browser_model"),
)


def main() -> int:
    """Run the tables and print their figures as they come."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES], help="which ones; all without a name")
    chosen = parser.parse_args().tables or TABLES
    failed = 0
    for table in chosen:
        for figure in importlib.import_module(f"benchmarks.{table}").run():
            print(json.dumps({"table": table, **figure}), flush=True)
            failed += figure["holds"] is False
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
