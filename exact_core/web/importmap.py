"""The import map: the bare names that modules of the core and of plugins import by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from exact_core.web.assets import Assets


def import_map(assets: Assets, plugins: Iterable[str] = ()) -> dict[str, dict[str, str]]:
    """The map of one page: the core's names, and one prefix per plugin that is on there."""
    core = assets.core
    imports = {
        "exact/sdk": core.url("sdk/index.js"),
        "exact/shell/": core.url("shell/"),
        "exact/viewer/": core.url("viewer/"),
        "openseadragon": core.url("viewer/openseadragon.js"),
    }
    for name in sorted(plugins):
        if name in assets.plugins:
            imports[f"exact/plugins/{name}/"] = assets.plugins[name].base
    return {"imports": imports}


def script_json(value: Any) -> str:
    """JSON that can stand inside a ``<script>`` element, whatever strings it holds."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return (
        text.replace("&", "\\u0026")
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )
