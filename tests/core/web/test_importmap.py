from __future__ import annotations

import json
from pathlib import Path

from exact_core.web.assets import Assets, AssetTree
from exact_core.web.importmap import import_map, script_json


def test_the_map_names_the_core_and_only_the_plugins_that_are_on(tmp_path: Path) -> None:
    for name in ("core", "one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.js").write_text(name)
    trees = {name: AssetTree(tmp_path / name, f"/plugins/{name}/static") for name in ("one", "two")}
    assets = Assets(AssetTree(tmp_path / "core", "/static"), trees)
    imports = import_map(assets, ["two", "not_installed"])["imports"]
    assert imports["exact/sdk"] == assets.core.url("sdk/index.js")
    assert imports["exact/plugins/two/"] == trees["two"].base
    assert "exact/plugins/one/" not in imports
    assert all(address.startswith("/") for address in imports.values())


def test_no_text_can_end_the_script_that_holds_it() -> None:
    evil = {"name": "</script><script>alert(1)</script><!--", "line": "\u2028\u2029", "and": "a&b"}
    text = script_json(evil)
    assert "<" not in text
    assert ">" not in text
    assert "\u2028" not in text
    assert json.loads(text) == evil
