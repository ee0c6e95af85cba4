"""The statements that a piece of work sends to the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from exact_core.storage.prepared import Prepared

_BEGINNINGS = ("PRAGMA", "BEGIN")


@contextmanager
def statements_of(*engines: Engine, beginnings: bool = True) -> Iterator[list[str]]:
    """All that is sent meanwhile: through these engines, and prepared ones.

    Args:
        engines: Whose statements count.
        beginnings: Whether what begins a transaction or sets up a connection counts, too.
    """
    sent: list[str] = []
    run = Prepared.on

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if beginnings or not statement.lstrip().upper().startswith(_BEGINNINGS):
            sent.append(statement)

    def prepared(*arguments: Any, **options: Any) -> Any:
        answer = run(*arguments, **options)
        sent.append(answer[0].text)
        return answer

    with ExitStack() as stack:
        stack.enter_context(patch.object(Prepared, "on", prepared))
        for engine in engines:
            event.listen(engine, "before_cursor_execute", note)
            stack.callback(event.remove, engine, "before_cursor_execute", note)
        yield sent
