"""Runs tests of browser modules with node, without a browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from exact_sdk.scaffold import browser_folder

OLDEST_NODE = 20


class NodeMissing(Exception):
    """There is no node, or it is too old; the message says which."""


def run_node_tests(path: Path, timeout: float = 120.0) -> str:
    """Run the tests of a file with ``exact/sdk`` and ``exact/testing`` in reach.

    Returns:
        What node printed.

    Raises:
        AssertionError: A test failed; the message is what node printed.
        NodeMissing: There is no usable node.
    """
    node = shutil.which("node")
    if node is None:
        raise NodeMissing("node is not installed, so that tests of browser modules cannot run")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    if int(version.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        raise NodeMissing(f"node {version} is too old for its own test runner; {OLDEST_NODE} or newer is needed")
    command = [node, "--import", (browser_folder() / "register.js").as_uri(), "--test", str(path)]
    done = subprocess.run(  # noqa: S603 - node, with a test file of the plugin
        command, capture_output=True, text=True, timeout=timeout, check=False
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "# tests 0" not in told, f"{path} holds no test"
    return told
