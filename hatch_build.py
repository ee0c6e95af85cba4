"""Copy the browser libraries from npm into the package when it is built.

``frontend/vendor.json`` lists, per npm package, which files go where below ``exact_core/web/static/vendor``. The
copies are never committed; a source distribution carries them, so that building from it needs no Node.js.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("exact_core/web/static/vendor")


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs before hatchling collects files, for wheels and editable installs alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        copy_vendor_files(root / "frontend", root / VENDOR)


def copy_vendor_files(frontend: Path, vendor: Path) -> None:
    """Bring ``vendor`` up to date with the lock file and the list of ``frontend``."""
    packages: dict[str, list[list[str]]] = json.loads((frontend / "vendor.json").read_text())
    stamp = vendor / "stamp.json"
    wanted = {"files": packages, "lock": (frontend / "package-lock.json").read_text()}
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return
    install(frontend)
    shutil.rmtree(vendor, ignore_errors=True)
    for package, files in packages.items():
        for source, target in files:
            destination = vendor / package / target
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(frontend / "node_modules" / package / source, destination)
    stamp.write_text(json.dumps(wanted))


def install(frontend: Path) -> None:
    """Install exactly what the lock file names, without running any package's scripts."""
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("Building EXACT from its repository needs Node.js 20 or newer (npm was not found).")
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=frontend, check=True)  # noqa: S603


if __name__ == "__main__":
    copy_vendor_files(Path(__file__).parent / "frontend", Path(__file__).parent / VENDOR)
