"""A hook belongs to the promise when a plugin of ours uses it; one that none has tried is provisional, and says so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from exact_core.kernel.signatures import all_hooks

ROOT = Path(__file__).resolve().parents[2]
_LINE = re.compile(r"^  \| `(exact_\w+)` \| ([\w, ]+) \|$", re.MULTILINE)


def users() -> dict[str, set[str]]:
    """Which of our plugins, and of the core's built-in ones, implement each hook."""
    found: dict[str, set[str]] = {name: set() for name in all_hooks()}
    modules = {path.parts[-3]: path for path in (ROOT / "plugins").glob("*/exact_*/plugin.py")}
    builtin = [path for path in (ROOT / "exact_core").rglob("*.py") if "exact_core/api" not in path.as_posix()]
    for plugin, path in [*modules.items(), *(("core", path) for path in builtin)]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name in found and _is_marked(node):
                found[node.name].add(plugin)
    return found


def _is_marked(node: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "hookimpl" for each in node.decorator_list)


def test_a_hook_without_a_plugin_of_ours_is_provisional_and_no_other() -> None:
    provisional = {name for name, hook in all_hooks().items() if hook.facts.is_provisional}
    assert provisional == {name for name, plugins in users().items() if not plugins}


def test_the_changelog_says_which_plugin_uses_which_hook() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "**Hook API 1.0**" in text
    told = {name: set(re.split(", ?", plugins)) for name, plugins in _LINE.findall(text)}
    expected = {name: plugins or {"provisional"} for name, plugins in users().items()}
    assert told == expected
