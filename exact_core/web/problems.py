"""One shape for everything that goes wrong: ``application/problem+json``, and a page for people with a browser."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Send

from exact_core.api.errors import ExactError, PluginError, Refused, TooMany, Unauthenticated, Unavailable
from exact_core.web.error_pages import error_page, wants_page

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_PLUGIN_PATH = re.compile(r"/api/v2/(?:image-sets/\d+/)?plugins/([a-z][a-z0-9_]*)(?:/|$)")
_UNEXPECTED = "The server ran into an error that it did not expect; the log has the details."


def install(app: FastAPI) -> None:
    """Make an application answer every error in the one shape."""
    app.add_exception_handler(ExactError, _exact_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def problem(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The members of a problem."""
    return {
        "type": f"about:blank#{code}",
        "title": _PHRASES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }


def problem_of(error: ExactError, plugin: str = "") -> tuple[dict[str, Any], dict[str, str]]:
    """An error of the platform as a problem, and the headers that go with it."""
    more: dict[str, Any] = dict(getattr(error, "details", None) or {})
    headers = {"Cache-Control": "no-store"}
    named = error.plugin if isinstance(error, Refused) and error.plugin else plugin
    if named and isinstance(error, Refused | PluginError | Unavailable):
        more["plugin"] = named
    if isinstance(error, TooMany):
        more["retry_after"] = error.retry_after
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(error.status, error.code, error.message, **more), headers


async def send_problem(send: Send, error: ExactError) -> None:
    """Answer from a middleware, before any route."""
    body, headers = problem_of(error)
    content = json.dumps(body).encode()
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    sent += [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": sent})
    await send({"type": "http.response.body", "body": content})


def _answer(request: Request, body: dict[str, Any], headers: dict[str, str]) -> Response:
    if wants_page(request):
        return error_page(request, body["status"], body["detail"])
    return Response(json.dumps(body), body["status"], headers, MEDIA_TYPE)


def _plugin_of(request: Request) -> str:
    found = _PLUGIN_PATH.match(request.url.path)
    return found[1] if found else ""


def _exact_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ExactError)
    if error.status >= 500:
        _log.warning("%s %s: %s", request.method, request.url.path, error.message, exc_info=error.__cause__)
    return _answer(request, *problem_of(error, _plugin_of(request)))


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = readable(error.errors())
    detail = "; ".join(f"{each['location']}: {each['message']}" for each in errors[:3])
    more = f" (and {len(errors) - 3} more)" if len(errors) > 3 else ""
    body = problem(422, "invalid", f"{detail}{more}", errors=errors)
    return _answer(request, body, {"Cache-Control": "no-store"})


def readable(errors: Sequence[Any]) -> list[dict[str, str]]:
    """Validation errors as location and message. What was sent is not repeated: it can be a password."""
    found = []
    for each in errors:
        message = str(each["msg"]).removeprefix("Value error, ")
        found.append({"location": ".".join(str(part) for part in each["loc"]), "message": message})
    return found


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = "-".join(_PHRASES.get(error.status_code, "error").lower().split())
    detail = str(error.detail)
    if error.status_code == 404 and detail == "Not Found":
        detail = f"There is nothing at {request.url.path}."
    elif error.status_code == 405:
        detail = f"{request.method} is not possible at {request.url.path}."
    more = {"plugin": plugin} if (plugin := _plugin_of(request)) else {}
    headers = {**dict(error.headers or {}), "Cache-Control": "no-store"}
    return _answer(request, problem(error.status_code, code, detail, **more), headers)


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    body = problem(500, "error", _UNEXPECTED)
    if wants_page(request):
        return error_page(request, 500, _UNEXPECTED)
    return Response(json.dumps(body), 500, {"Cache-Control": "no-store"}, MEDIA_TYPE)
