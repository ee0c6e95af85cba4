"""Elements of a file that cannot be read: one of them refuses the file, or is left out where the report says so."""

from __future__ import annotations

from exact_core.api.errors import Invalid
from exact_core.exchange.document import Report


def refuse(report: Report, place: str, message: str) -> None:
    """Tell of a bad element, by a message that names its place; raises ``Invalid`` unless bad ones are left out."""
    leave_out = getattr(report, "refuse", None)
    if leave_out is None:
        raise Invalid(message)
    leave_out(place, message.removeprefix(place).lstrip(" ,:") or message)
