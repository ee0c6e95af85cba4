"""The library that the player draws with is the one that was looked at."""

from __future__ import annotations

import hashlib
from pathlib import Path

import exact_media

VENDOR = Path(exact_media.__file__).parent / "static" / "vendor" / "wavesurfer"
HASHES = {
    "wavesurfer.esm.js": "079f3b142f37737f975b03ea8fd18652a316dc2120a2629aeca0844a0c08f2b1",
    "spectrogram.esm.js": "fd898448381fff57ac50216fef287234e82d892ab8efe108084cb5e50e4be6da",
}


def test_vendored_files_are_unchanged_and_carry_their_licence() -> None:
    assert {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in HASHES} == HASHES
    assert "BSD 3-Clause" in (VENDOR / "LICENSE.txt").read_text()
    assert "8.0.1" in (VENDOR / "README.md").read_text()
