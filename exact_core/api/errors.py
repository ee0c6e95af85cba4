"""The errors of the platform: one root, each subclass with its HTTP status and a stable code."""

from __future__ import annotations

from typing import ClassVar


class ExactError(Exception):
    """Anything the platform refuses; the message says what happened, to what, and what to do."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(ExactError):
    """The thing does not exist, or the actor may not know that it does."""

    status = 404
    code = "not-found"


class Unauthenticated(ExactError):
    """Nobody is logged in, or the session or token is no longer valid."""

    status = 401
    code = "unauthenticated"


class Forbidden(ExactError):
    """The actor is known and may see the thing, but not do this to it."""

    status = 403
    code = "forbidden"


class Conflict(ExactError):
    """The change was made against a state that is no longer the current one."""

    status = 409
    code = "conflict"


class Invalid(ExactError):
    """The input is well-formed but not acceptable; the message names the field."""

    status = 422
    code = "invalid"


class TooLarge(ExactError):
    """The input is over a limit that the administrator set."""

    status = 413
    code = "too-large"


class TooMany(ExactError):
    """Too many tries; wait before the next one."""

    status = 429
    code = "too-many-requests"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(ExactError):
    """Something the request needs is not reachable now; trying again later can help."""

    status = 503
    code = "unavailable"


class Refused(ExactError):
    """A plugin does not allow a change; the reason is shown to the user.

    Plugins raise it with a reason only; the dispatcher fills in the plugin's name.
    """

    status = 409
    code = "change-refused"

    def __init__(self, reason: str, plugin: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.plugin = plugin


class PluginError(ExactError):
    """A plugin answers a request with an error of its own choosing."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status  # type: ignore[misc]
        self.code = code  # type: ignore[misc]


class DriverError(ExactError):
    """A named driver is missing, doubly installed, or failed to load."""

    status = 503
    code = "driver-unavailable"


class ConfigurationError(ExactError):
    """A setting is missing or wrong; the message names the setting."""

    code = "configuration"
