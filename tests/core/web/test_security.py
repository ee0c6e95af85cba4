from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from exact_core.web.security import SecurityHeaders, nonce_of


def page(request: Request) -> Response:
    return PlainTextResponse(f"{nonce_of(request)} {nonce_of(request)}")


def data(request: Request) -> Response:
    return JSONResponse({})


def own(request: Request) -> Response:
    return JSONResponse({}, headers={"Referrer-Policy": "no-referrer", "Content-Security-Policy": "default-src 'self'"})


def client(*, https: bool = False) -> TestClient:
    app = Starlette(routes=[Route("/page", page), Route("/data", data), Route("/own", own)])
    return TestClient(SecurityHeaders(app, https=https))


def test_a_page_may_run_only_what_carries_its_nonce() -> None:
    answer = client().get("/page")
    first, second = answer.text.split()
    policy = answer.headers["content-security-policy"]
    assert first == second
    assert f"'nonce-{first}'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy, "no other host is allowed"
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"


def test_each_page_has_a_nonce_of_its_own() -> None:
    nonces = {
        re.search(r"nonce-([\w-]+)", client().get("/page").headers["content-security-policy"])[1] for _ in range(5)
    }  # type: ignore[index]
    assert len(nonces) == 5
    assert all(len(nonce) >= 20 for nonce in nonces)


def test_an_answer_that_is_no_page_may_do_nothing() -> None:
    headers = client().get("/data").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "strict-transport-security" not in headers


def test_an_answer_that_sets_a_header_itself_keeps_its_own() -> None:
    headers = client().get("/own").headers
    assert headers.get_list("referrer-policy") == ["no-referrer"]
    assert headers.get_list("content-security-policy") == ["default-src 'self'"]


def test_browsers_are_told_to_stay_on_https_where_there_is_one() -> None:
    assert "max-age" in client(https=True).get("/data").headers["strict-transport-security"]
