"""The core alone is a product: with no plugin, no SDK and no plugin code in reach it serves and annotates."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from exact_sdk.pytest_plugin import Builder

from exact_core.cli import main

ROOT = Path(__file__).resolve().parents[2]

ALONE = """
import importlib.abc, importlib.metadata, json, sys

class NoPlugins(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].startswith("exact_") and not name.startswith("exact_core"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoPlugins())
others = importlib.metadata.distributions
importlib.metadata.distributions = lambda **more: (
    each
    for each in others(**more)
    if not (each.metadata["Name"] or "").startswith("exact-") or each.metadata["Name"] == "exact-core"
)
from exact_core.cli import main
main(["db", "upgrade"], standalone_mode=False)
main(["plugins", "list"], standalone_mode=False)

from starlette.testclient import TestClient
from exact_core.app import create_app
with TestClient(create_app(), base_url="http://127.0.0.1") as client:
    answers = {path: client.get(path).status_code for path in ("/healthz", "/readyz", "/login", "/api/openapi.json")}
print(json.dumps(answers))
"""


def test_the_core_starts_and_serves_where_no_plugin_is_installed(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", ALONE],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "EXACT_DATA_DIR": str(tmp_path / "data")},
    )
    assert answer.returncode == 0, answer.stderr
    assert "No plugin is installed." in answer.stdout
    assert set(json.loads(answer.stdout.splitlines()[-1]).values()) == {200}


def test_without_a_plugin_people_annotate(exact: Builder) -> None:
    app = exact.start()
    image_set = app.image_set()
    image = app.image(image_set)
    annotator = app.as_user("annotator", image_set)
    number = app.annotate(image, "Cell", box=(10, 10, 60, 60), client=annotator)
    listed = annotator.get(f"/api/v2/images/{image}/annotations").json()["items"]
    assert [each["id"] for each in listed] == [number]
    assert annotator.post(f"/api/v2/images/{image}/undo").status_code == 200
    assert annotator.get(f"/api/v2/images/{image}/annotations").json()["items"] == []
    assert app.client.get("/api/v2/plugins").json() == []
    assert app.client.get(f"/api/v2/image-sets/{image_set}/plugins").json() == []
    assert app.client.get(f"/api/v2/images/{image}/statistics").json() == []


def test_commands_of_authors_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "exact_sdk" else found(name))
    told = CliRunner().invoke(main, ["plugin", "new", "mine"])
    assert (told.exit_code, "pip install exact-sdk" in told.output) == (2, True)
    assert "plugins " in CliRunner().invoke(main, ["--help"]).output
    assert "plugin of your own" not in CliRunner().invoke(main, ["--help"]).output
    monkeypatch.undo()
    assert "plugin of your own" in CliRunner().invoke(main, ["--help"]).output
