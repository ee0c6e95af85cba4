"""What a decoding process may no longer do, tried out in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_PROLOGUE = """
import os, socket, subprocess, sys
from exact_core.tiles.limits import allow_seconds, limit_this_process
assert limit_this_process(512) == [], "this system lacks a limit"
path = sys.argv[1]
"""


def _run(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", _PROLOGUE + code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="these limits exist on Linux only")
@pytest.mark.parametrize(
    "code",
    [
        "socket.socket()",
        "socket.create_connection(('127.0.0.1', 9))",
        "subprocess.run(['/bin/true'])",
        "os.execv('/bin/true', ['true'])",
        "open(path, 'w')",
        "open(path + '.new', 'w')",
        "open(path, 'r+b')",
        "os.unlink(path)",
        "os.rename(path, path + '.moved')",
        "os.mkdir(path + '.folder')",
        "os.symlink(path, path + '.link')",
        "os.truncate(path, 0)",
        "os.chmod(path, 0o777)",
        "os.kill(os.getppid(), 0)",
    ],
)
def test_the_process_may_not(code: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    result = _run(code, path)
    assert "PermissionError" in result.stderr
    assert path.read_text() == "content"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_the_process_may_read_files_and_compute(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("content")
    result = _run("print(open(path).read(), sum(range(1000)))", path)
    assert result.stdout == "content 499500\n"


def test_too_much_memory_is_refused(tmp_path: Path) -> None:
    assert "MemoryError" in _run("bytearray(1 << 30)", tmp_path).stderr


def test_computing_for_too_long_ends_the_process(tmp_path: Path) -> None:
    result = _run("allow_seconds(0)\nwhile True: pass", tmp_path)
    assert result.returncode == -24  # SIGXCPU
