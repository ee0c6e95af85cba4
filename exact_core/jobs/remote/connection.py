"""The worker's connection to its server: HTTPS only, patient when the network is away, never following elsewhere."""

from __future__ import annotations

import ipaddress
import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from exact_core import __version__
from exact_core.api.errors import ConfigurationError, ExactError, Forbidden, Unauthenticated, Unavailable
from exact_core.jobs.hosts.wire import error_from_json
from exact_core.jobs.interruption import JobLost

_CONNECT_SECONDS = 15.0
_READ_SECONDS = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.3, 20.0
_PATIENCE = 600.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that another try can change."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Connection:
    """Asks one server, with one token; threads may share it."""

    def __init__(
        self,
        server: str,
        token: str,
        *,
        insecure: bool = False,
        ca_file: Path | None = None,
        stopping: threading.Event | None = None,
        patience: float = _PATIENCE,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            server: Its address, such as ``https://exact.example.org``.
            token: An access token with the scope ``work``.
            insecure: Allow plain http to other machines: everybody on the way can read the token and the pixels.
            ca_file: Certificates to trust instead of the system's.
            stopping: When set, nobody waits for the network any more.
            patience: For how many seconds requests are tried again while the server does not answer.

        Raises:
            ConfigurationError: The address is none, or neither https nor on this machine.
        """
        self._server = checked_server(server, insecure=insecure)
        self._stopping = stopping or threading.Event()
        self._patience = patience
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": f"exact-worker/{__version__}"}
        self._pool = _pool(self._server, ca_file)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        told: Mapping[str, Any] | None = None,
        file: Path | None = None,
        patience: float | None = None,
    ) -> Answer:
        """Ask until there is an answer.

        Args:
            method: GET or POST.
            path: Below ``/api/v2/work``.
            query: Its query; lists are repeated.
            told: A JSON body.
            file: A file as body.
            patience: Another time in which to try again; 0 for one try.

        Raises:
            JobLost: The lease that the request names is not the worker's any more.
            Unavailable: The server did not answer for so long, or the worker stops.
            ExactError: It refused, with its reason.
        """
        url = self._url(path, query)
        deadline = time.monotonic() + (self._patience if patience is None else patience)
        pause = _FIRST_PAUSE
        while True:
            try:
                return _checked(self._once(method, url, told, file))
            except Unavailable:
                wait = pause * random.uniform(0.7, 1.3)  # noqa: S311 - spreads workers, hides nothing
                if time.monotonic() + wait > deadline or self._stopping.wait(wait):
                    raise
            pause = min(_LONGEST_PAUSE, pause * 2)

    def fetch(self, path: str, query: Mapping[str, Any], target: Path) -> None:
        """Write an answer to a file, block by block; as :meth:`ask`, but with one try."""
        url = self._url(path, query)
        try:
            with self._pool.request(
                "GET", url, headers=self._headers, preload_content=False, redirect=False, retries=False
            ) as response:
                if response.status != 200:
                    _checked(Answer(response.status, dict(response.headers), response.data))
                with target.open("wb") as file:
                    for block in response.stream(1024 * 1024):
                        file.write(block)
        except urllib3.exceptions.HTTPError as error:
            raise _no_answer(error) from None

    def close(self) -> None:
        """Close what is open."""
        self._pool.clear()

    def _url(self, path: str, query: Mapping[str, Any] | None) -> str:
        told = {name: each for name, each in (query or {}).items() if each is not None}
        return f"{self._server}/api/v2/work{path}" + (f"?{urlencode(told, doseq=True)}" if told else "")

    def _once(self, method: str, url: str, told: Mapping[str, Any] | None, file: Path | None) -> Answer:
        headers = dict(self._headers)
        try:
            if file is not None:
                headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(file.stat().st_size)}
                with file.open("rb") as body:
                    response = self._pool.request(
                        method, url, body=body, headers=headers, redirect=False, retries=False
                    )
            else:
                body_json = None if told is None else json.dumps(told).encode()
                headers |= {} if told is None else {"Content-Type": "application/json"}
                response = self._pool.request(
                    method, url, body=body_json, headers=headers, redirect=False, retries=False
                )
        except urllib3.exceptions.HTTPError as error:
            raise _no_answer(error) from None
        return Answer(response.status, {name.lower(): each for name, each in response.headers.items()}, response.data)


def checked_server(server: str, *, insecure: bool) -> str:
    """The address without a slash at its end; refuses plain http to other machines."""
    parts = urlsplit(server)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigurationError(f"--server: {server!r} is no address such as https://exact.example.org.")
    if parts.scheme == "http" and not insecure and not _is_here(parts.hostname):
        raise ConfigurationError(
            f"--server: {server} is plain http, which anybody on the way can read and change. Use https, or say"
            " --insecure in a network that you trust."
        )
    return server.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _pool(server: str, ca_file: Path | None) -> urllib3.PoolManager:
    parts = urlsplit(server)
    options: dict[str, Any] = {
        "maxsize": 16,
        "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
    }
    if ca_file is not None:
        options["ca_certs"] = str(ca_file)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def _checked(answer: Answer) -> Answer:
    """The answer if it is a good one; else what it says, as an error."""
    if 200 <= answer.status < 300:
        return answer
    try:
        problem = json.loads(answer.body)
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, LookupError, TypeError):
        code, detail = "", f"The server answered with status {answer.status}, which is no answer of EXACT."
    if code == "lease-lost":
        raise JobLost
    if answer.status in _PASSING or (not code and answer.status >= 500):
        raise Unavailable(detail)
    if answer.status in (401, 403):
        raise (Unauthenticated if answer.status == 401 else Forbidden)(detail)
    raise _refusal(code, detail)


def _refusal(code: str, detail: str) -> ExactError:
    return error_from_json({"code": code, "message": detail})


def _no_answer(error: Exception) -> Unavailable:
    return Unavailable(f"The server does not answer ({type(error).__name__}).")
