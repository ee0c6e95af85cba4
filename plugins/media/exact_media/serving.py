"""Sending the bytes of a file: whole or a part of it, never as something that a browser would run."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import Request
from starlette.responses import FileResponse, Response

from exact_core.api import NotFound
from exact_media.tables import MediaFile

MOST_AT_ONCE = 8 * 1024 * 1024
"""Bytes that answer a part without an end."""

_ONE_PART = re.compile(r"\s*bytes\s*=\s*(?P<first>[0-9]{0,18})\s*-\s*(?P<last>[0-9]{0,18})\s*", re.IGNORECASE)
_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


def send(request: Request, path: Path, file: MediaFile, name: str) -> Response:
    """The answer to a request for a file.

    Parts (``Range``, with ``If-Range``) are read in small pieces from their place, so seeking costs the same in a
    file of any size. Browsers must ask again before they use what they keep: rights may have ended.

    Args:
        request: What was asked, with its headers.
        path: Where the bytes lie.
        file: The row; its type comes from the allow-list.
        name: What the file is called when it is saved.
    """
    if not path.is_file():
        raise NotFound("The file is missing on the server; an administrator can restore it from a backup.")
    headers = {
        "ETag": f'"{file.sha256}"',
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
    }
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if headers["ETag"] in known and "range" not in request.headers:
        return Response(status_code=304, headers=headers)
    # Several parts in one answer are for no player, and without this a request could ask for thousands of them.
    part = one_part(request.headers.get("range", ""))
    others = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
    request.scope["headers"] = [*others, (b"range", part.encode())] if part else others
    return FileResponse(path, media_type=file.media_type, filename=name, headers=headers)


def one_part(header: str) -> str:
    """The one part that a ``Range`` header asks for, as it is answered; empty when the header is not looked at.

    Of a part without an end only the beginning is sent, as the standard allows: players ask for more when they come to
    it, so that a film that nobody watches holds no connection, and rights are asked again all along.
    """
    match = _ONE_PART.fullmatch(header)
    if match is None or not (match["first"] or match["last"]):
        return ""
    if match["first"] and match["last"] and int(match["first"]) > int(match["last"]):
        return ""
    if match["first"] and not match["last"]:
        return f"bytes={match['first']}-{int(match['first']) + MOST_AT_ONCE - 1}"
    return f"bytes={match['first']}-{match['last']}"
