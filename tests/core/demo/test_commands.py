"""``exact demo`` as people start it: a process of its own, until Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import pyvips

from exact_core.demo.tissue import make_tissue


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A demo folder whose slide is already there, and small: composing the large one takes most of a minute."""
    folder = tmp_path_factory.mktemp("demo")
    path = folder / "slides" / "composed-tissue.tif"
    path.parent.mkdir()
    picture = np.tile(make_tissue(768, brownness=1.2, seed=4), (2, 2, 1))
    image = pyvips.Image.new_from_array(picture)
    image.tiffsave(str(path), tile=True, pyramid=True, tile_width=256, tile_height=256, compression="jpeg", Q=90)
    return folder


class Demo:
    """A running ``exact demo``."""

    def __init__(self, folder, *arguments: str) -> None:
        command = [sys.executable, "-m", "exact_core", "demo", "--port", "0", "--no-browser", "--folder", str(folder)]
        environment = {**os.environ, "EXACT_DATABASE_URL": "postgresql://must.not.be/used"}
        self.process = subprocess.Popen(
            [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self.lines: list[str] = []
        deadline = time.monotonic() + 150
        assert self.process.stdout is not None
        while time.monotonic() < deadline:
            line = self.process.stdout.readline()
            self.lines.append(line)
            if "Log in once" in line or not line:
                break
        self.output = "".join(self.lines)

    def find(self, pattern: str) -> str:
        found = re.search(pattern, self.output)
        assert found, self.output
        return found[1]

    def stop(self) -> str:
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        return rest


def test_it_serves_prints_the_way_in_stops_cleanly_and_goes_on_when_told_to(folder):
    demo = Demo(folder)
    try:
        address = demo.find(r"(?m)^ready (http://127\.0\.0\.1:\d+)$")
        link = demo.find(r"(http://127\.0\.0\.1:\d+/login/link#\S+)")
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert answer.status == 200
            assert b"Log in" in answer.read()
        with urllib.request.urlopen(link, timeout=20) as answer:
            assert answer.status == 200
    finally:
        rest = demo.stop()
    assert demo.process.returncode == 0, rest
    assert "Traceback" not in demo.output + rest
    assert "--keep" in rest
    assert "graded nuclei" in demo.output
    second = Demo(folder, "--keep")
    second.stop()
    assert "graded nuclei" not in second.output
    assert second.process.returncode == 0


def test_a_folder_that_is_not_the_demos_is_never_emptied(tmp_path):
    precious = tmp_path / "data" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("four years")
    command = [sys.executable, "-m", "exact_core", "demo", "--folder", str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert "choose another --folder" in result.stderr
    assert precious.read_text() == "four years"
