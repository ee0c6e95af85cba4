"""What ``exact-sdk.d.ts`` promises, read from its text: names, and the members of each interface."""

from __future__ import annotations

import re
from pathlib import Path

TYPES = Path(__file__).resolve().parents[2] / "sdk" / "js" / "exact-sdk.d.ts"


def members() -> dict[str, list[str]]:
    """Members of each interface and class, in their order; a member that may be left out ends with ``?``."""
    found: dict[str, list[str]] = {}
    for kind in re.finditer(r"^  export (?:interface|class) (\w+)[^{]*\{\n(.*?)^  \}", _text(), re.M | re.S):
        lines = re.findall(r"^    (?:get )?(\w+\??)\s*[:(]", kind[2], re.MULTILINE)
        found[kind[1]] = [name for name in lines if name != "constructor"]
    return found


def functions() -> list[str]:
    """Functions, classes and values that a module can import."""
    return re.findall(r"^  export (?:function|class|const) (\w+)", _text(), re.MULTILINE)


def _text() -> str:
    return re.sub(r"[ \t]*/\*\*.*?\*/\n?", "", TYPES.read_text(), flags=re.DOTALL)
