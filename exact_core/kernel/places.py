"""Where in a plugin's source something stands, for messages that say which line to mend."""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_DECORATORS = 40
"""Lines between a function's first decorator and its ``def`` that are looked through."""


def place_of_function(function: Any) -> str:
    """``file:line`` of a function's ``def``; empty for what was not written in Python."""
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    for line in range(code.co_firstlineno, code.co_firstlineno + _DECORATORS):
        if linecache.getline(code.co_filename, line).lstrip().startswith(("def ", "async def ")):
            return f"{code.co_filename}:{line}"
    return f"{code.co_filename}:{code.co_firstlineno}"


def place_of_error(error: BaseException, folders: Iterable[Path]) -> str:
    """``file:line`` of the innermost frame of an error that lies in one of the folders; empty when none does."""
    roots = tuple(f"{folder.resolve()}{os.sep}" for folder in folders)
    if isinstance(error, SyntaxError) and error.filename and str(Path(error.filename).resolve()).startswith(roots):
        return f"{error.filename}:{error.lineno or 1}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if str(Path(frame.filename).resolve()).startswith(roots):
            return f"{frame.filename}:{frame.lineno}"
    return ""
