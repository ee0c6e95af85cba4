"""The tutorial works: each block is run, in a fresh environment with nothing of EXACT but two built wheels."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platform.tutorial import Block, Environment, Step, blocks_of, steps_of

pytestmark = pytest.mark.xdist_group("tutorial")

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial.md"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    if importlib.util.find_spec("uv") is None:
        pytest.skip("uv is not installed, so that wheels cannot be installed without a network")
    folder = tmp_path_factory.mktemp("tutorial")
    for project in (ROOT, ROOT / "sdk"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels")]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    return Environment(folder, folder / "wheels")


def test_a_reader_of_the_tutorial_ends_with_a_plugin_that_works(environment: Environment) -> None:
    blocks = blocks_of(PAGE.read_text())
    assert [block.kind for block in blocks].count("console") >= 5
    for block in blocks:
        if block.kind == "console":
            for step in steps_of(block):
                environment.run(step)
        else:
            assert block.path, f"tutorial.md:{block.line}: a block without the name of its file"
            (environment.home / block.path).write_text(block.text)
    where = "import exact_core, exact_sdk; print(exact_core.__file__, exact_sdk.__file__)"
    told = subprocess.run(
        [str(environment.bin / "python"), "-c", where], capture_output=True, text=True, check=True, cwd=environment.home
    )
    assert str(ROOT) not in told.stdout.replace(str(environment.folder), "")


def test_a_page_that_promises_too_much_is_noticed(environment: Environment) -> None:
    page = "```console\n$ echo one\none\n$ echo two\nthree\n```\n\n**`a/b.py`**\n\n```python\nx = 1\n```\n"
    console, file = blocks_of(page)
    assert file == Block("python", "x = 1\n", "a/b.py", 8)
    good, bad = steps_of(console)
    environment.run(good)
    with pytest.raises(AssertionError, match="did not print \\['three'\\]"):
        environment.run(bad)
    with pytest.raises(AssertionError, match="ended with 3"):
        environment.run(Step("exit 3", ()))
