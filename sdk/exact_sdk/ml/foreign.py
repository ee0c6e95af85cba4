"""Weights of other programs (``.pth``, ``.pt``) made into safetensors: an explicit act of an administrator.

Such files are pickles. They are read by torch's restricted reader, in a process of its own with a bound on memory and
time; nothing of what comes out but tensors is kept (ml-spec 0.6).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from exact_core.api.errors import Conflict, Invalid
from exact_core.models.tensors import check_tensors

MEMORY_MIB = 8192
SECONDS = 300

_HEADER = 25_000_000


def convert(source: Path, target: Path, *, memory_mib: int = MEMORY_MIB, seconds: float = SECONDS) -> None:
    """Read foreign weights and write them as safetensors.

    Args:
        source: A file of ``torch.save``: a dictionary of tensors, or one that has it as ``state_dict`` or ``model``.
        target: A new safetensors file.
        memory_mib: Most address space of the process that reads.
        seconds: How long it may take.

    Raises:
        Conflict: The target exists.
        Invalid: The file holds something else than tensors, is damaged or too large, or a number is not finite; the
            message says which.
    """
    if target.exists():
        raise Conflict(f"There is a {target.name!r} already; choose another name.")
    if not source.is_file():
        raise Invalid(f"There is no file {source.name!r}.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".convert-") as place:
        written = Path(place) / "model.safetensors"
        command = [sys.executable, "-P", "-m", "exact_sdk.ml.foreign_reader"]
        command += [str(source.resolve()), str(written.resolve()), str(memory_mib)]
        try:
            done = subprocess.run(  # noqa: S603 - fixed arguments
                command, capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            raise Invalid(f"{source.name} could not be read in {seconds:.0f} s.") from None
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"the reader ended with {done.returncode}"])[-1]
            raise Invalid(f"{source.name} cannot be converted: {reason[:500]}")
        check_tensors(written, target.name, _HEADER)
        written.rename(target)
