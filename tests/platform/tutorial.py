"""Runs a page of documentation block by block: commands with what they must print, and files to write."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:^\*\*`(?P<path>[^`]+)`\*\*\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_OWN = ("exact_", "_editable_impl_", "__editable__", "__pycache__")


@dataclass(frozen=True)
class Block:
    """One block of a page.

    Attributes:
        kind: ``console``, ``python``, ``js``.
        text: What stands in it.
        path: The file that it is; empty for commands and for examples that are only read.
        line: Where it begins.
    """

    kind: str
    text: str
    path: str
    line: int


@dataclass(frozen=True)
class Step:
    """A command and the lines that it must print."""

    command: str
    printed: tuple[str, ...]


def blocks_of(page: str) -> list[Block]:
    """Every fenced block of a page, in order."""
    return [
        Block(found["kind"], found["text"], found["path"] or "", page.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(page)
    ]


def steps_of(block: Block) -> Iterator[Step]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        yield Step(command, tuple(line for line in printed.splitlines() if line))


class Environment:
    """A fresh virtual environment: libraries of this one, and of EXACT only what is installed into it from wheels."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        self.bin = folder / "venv" / "bin"
        site = next((folder / "venv" / "lib").glob("python*/site-packages"))
        for library in Path(_site_packages()).iterdir():
            if not library.name.startswith(_OWN) and library.suffix != ".pth":
                (site / library.name).symlink_to(library)
        for name in ("pytest", "hatchling"):
            self._script(name, f'exec "{self.bin}/python" -m {name} "$@"')
        installer = (
            f'"{sys.executable}" -m uv pip "$@" --quiet --python "{self.bin}/python" --no-deps --no-build-isolation'
        )
        self._script("pip", f'exec {installer} --no-index --find-links "{wheels}"')

    def run(self, step: Step, timeout: float = 240.0) -> None:
        """Run a command and compare what it prints; one that serves is stopped as soon as it printed everything."""
        serves = step.command.startswith("exact dev")
        command = f"exec {step.command} --port 0" if serves else step.command
        process = subprocess.Popen(
            ["/bin/sh", "-ec", command],
            cwd=self.home,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        limit = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
        limit.start()
        printed: list[str] = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                printed.append(line.rstrip())
                if serves and not missing(step, printed):
                    os.killpg(process.pid, signal.SIGINT)
            code = process.wait()
        finally:
            limit.cancel()
            process.stdout.close()  # type: ignore[union-attr]
        told = "\n".join(printed)
        assert code == 0, f"$ {step.command} ended with {code}:\n{told[-4000:]}"
        assert not missing(step, printed), (
            f"$ {step.command} did not print {missing(step, printed)}, but:\n{told[-4000:]}"
        )

    def variables(self) -> Mapping[str, str]:
        """What commands of the page find in their environment: nothing of this repository."""
        kept = {name: os.environ[name] for name in ("LANG", "TZ") if name in os.environ}
        path = os.pathsep.join([str(self.bin), *_path_without_venv()])
        return {**kept, "PATH": path, "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def _script(self, name: str, line: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)


def missing(step: Step, printed: list[str]) -> list[str]:
    """Lines of the page that were not printed; a line of the page may be the beginning or a part of a printed one."""
    return [wanted for wanted in step.printed if not any(wanted in line for line in printed)]


def _site_packages() -> str:
    import pytest

    return str(Path(pytest.__file__).parent.parent)


def _path_without_venv() -> list[str]:
    own = str(Path(sys.executable).parent)
    return [path for path in os.environ.get("PATH", "").split(os.pathsep) if path and path != own]
