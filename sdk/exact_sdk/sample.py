"""Values that a route accepts, made from its description, so that a check gets past the look at the body."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

_TEXTS = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "uri": "http://127.0.0.1/",
    "binary": "",
}


def sample_body(route: APIRoute) -> Any:
    """A JSON body that a route accepts, as far as its model's JSON schema says; an empty object without a model."""
    annotation: Any = route.body_field.field_info.annotation if route.body_field is not None else None
    if annotation is None:
        return {}
    from pydantic import TypeAdapter

    schema = TypeAdapter(annotation).json_schema()
    return sample(schema, schema.get("$defs", {}))


def sample(schema: Mapping[str, Any], definitions: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """One value that a JSON schema allows.

    Args:
        schema: What is described.
        definitions: What ``$ref`` names lead to.
    """
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for name in ("default", "const"):
        if name in schema:
            return schema[name]
    if "enum" in schema:
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if name in schema:
            return sample(schema[name][0], definitions)
    return _of_type(schema, definitions)


def _of_type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "object":
        wanted = schema.get("required", ())
        return {name: sample(schema["properties"][name], definitions) for name in wanted}
    if kind == "array":
        described = schema.get("prefixItems") or [schema.get("items", {})] * schema.get("minItems", 0)
        return [sample(each, definitions) for each in described]
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + (1 if "exclusiveMinimum" in schema else 0))
        return min(low, schema["maximum"]) if "maximum" in schema else low
    if kind == "string":
        return _TEXTS.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))
    return {"boolean": False, "null": None}.get(str(kind), {})
