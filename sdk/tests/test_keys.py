"""The keys that the check knows are the keys that the viewer has."""

from __future__ import annotations

import re
from pathlib import Path

from exact_sdk.keys import CORE_KEYS, WRITTEN, spelled

import exact_core
from exact_core.kernel import contributed

STATIC = Path(exact_core.__file__).parent / "web" / "static"


def test_every_key_of_the_viewer_is_known_and_no_other() -> None:
    text = (STATIC / "viewer" / "shortcuts.js").read_text() + (STATIC / "viewer" / "review" / "index.js").read_text()
    named = set(re.findall(r"^\s+\['([^']+)', '", text, re.MULTILINE))
    named |= set(re.findall(r"key: '([^']+)' \}", (STATIC / "viewer" / "shapes.js").read_text()))
    named |= set(re.findall(r"keys\.add\(\{ keys: '([^'/]+)'", (STATIC / "shell" / "shell.js").read_text()))
    assert {"Ctrl+Z", "M", "?"} <= named
    digits = set("123456789")  # those of annotation types
    assert {spelled(key) for key in named} | digits == CORE_KEYS


def test_a_combination_has_one_spelling() -> None:
    assert spelled("Shift+Ctrl+Z") == spelled("ctrl+shift+z") == "ctrl+shift+z"
    assert spelled("+") == "+"
    assert contributed._KEY.pattern == WRITTEN.pattern
