"""The icon sprite: the chosen icons of lucide, made into one SVG file that pages refer to by name."""

from __future__ import annotations

import re
from pathlib import Path

_INNER = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def sprite(folder: Path) -> bytes:
    """One SVG with a symbol per icon file of a folder, named like the file."""
    symbols = []
    for file in sorted(folder.glob("*.svg")):
        found = _INNER.search(file.read_text(encoding="utf-8"))
        if found:
            drawing = " ".join(found.group(1).split())
            symbols.append(f'<symbol id="{file.stem}" viewBox="0 0 24 24">{drawing}</symbol>')
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'.encode()
