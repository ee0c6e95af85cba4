"""One request of an operation, as the rules of rights know it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.testclient import TestClient

from tests.platform.rights_rules import Rule
from tests.platform.rights_world import Place


def ask(client: TestClient, operation: str, rule: Rule, place: Place, replaced: Mapping[str, str] | None = None) -> Any:
    """One request, with everything that the operation needs at this place."""
    method, path = operation.split(" ")
    values = {**place.parameters(), **(rule.parameters(place) if rule.parameters else {}), **(replaced or {})}
    address = path.format_map(values)
    assert "{" not in address
    query = {**rule.query, **(rule.query_of(place) if rule.query_of else {})}
    more: dict[str, Any] = {"params": query, "headers": dict(rule.headers(place)) if rule.headers else {}}
    if rule.files is not None:
        more["files"] = rule.files
    elif rule.content is not None:
        more["content"] = rule.content
    elif rule.body is not None:
        more["json"] = rule.body(place)
    return client.request(method, address, **more)
