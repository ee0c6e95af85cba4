"""Keys that the viewer uses itself; a plugin's tool that wants one of them gets none."""

from __future__ import annotations

import re

CORE_KEYS = frozenset(
    {
        *("m", ".", "r", "o", "l", "v", "p", "t"),
        *("1", "2", "3", "4", "5", "6", "7", "8", "9", "0"),
        *("ctrl+z", "ctrl+shift+z", "ctrl+y", "delete", "backspace", "enter", "escape", "ctrl+d", "ctrl+a"),
        *("]", "[", "h", "shift+h", "shift+v", "ctrl+enter", "n"),
        *("+", "=", "-", "z", "a", "f", "x", "<", ">", "ctrl+k", "ctrl+f", "/", "f3", "shift+f3"),
        *("q", "e", "shift+q", "shift+e", "shift+p", "?"),
    }
)
"""As ``Tool.key`` spells them. A test compares them with what the viewer's modules say."""

WRITTEN = re.compile(r"((ctrl|alt|shift)\+)*([a-z0-9]|f[1-9]|f1[0-2]|[,.;/\[\]'-])")
"""What the kernel takes for ``Tool.key``. A test compares the two."""

_ORDER = ("ctrl", "alt", "shift")


def spelled(key: str) -> str:
    """One spelling per combination: modifiers in order, in small letters."""
    parts = key.lower().split("+") if key != "+" else ["+"]
    return "+".join([*(each for each in _ORDER if each in parts[:-1]), parts[-1]])
