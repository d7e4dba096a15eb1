"""The OpenAPI 3.1 document of the JSON twins, made from the table of addresses."""

from __future__ import annotations

import re
from typing import Any, Final

from bus.console.pages import WAYS, Way

_JSON: Final = {"application/json": {"schema": {"type": "object"}}}
_IN_PATH: Final = re.compile(r"\{(\w+)\}")


def described() -> dict[str, Any]:
    """Every address that answers with data, its parameters, and what a refusal looks like."""
    refusal = {"description": "コード・指摘・対処 / code, findings, what to do",
               "content": {"application/json": {"schema": {"$ref": "#/components/schemas/refusal"}}}}  # fmt: skip
    paths: dict[str, dict[str, Any]] = {}
    for way in WAYS:
        path = "/overview.json" if way.path == "/" else f"{way.path}.json"
        operation: dict[str, Any] = {
            "summary": way.summary,
            "parameters": _parameters(way),
            "responses": {"200": {"description": "JSON", "content": _JSON}, "default": refusal},
        }  # fmt: skip
        if way.right is not None:
            operation["security"] = [{"session": []}]
            operation["x-right"] = way.right.value
        if way.method == "POST":
            form = {"schema": {"type": "object", "additionalProperties": {"type": "string"}}}
            operation["requestBody"] = {"content": {"application/x-www-form-urlencoded": form}}
        paths.setdefault(path, {})[way.method.lower()] = operation
    texts = {name: {"type": "string"} for name in ("code", "title_ja", "title_en", "action_ja", "action_en")}
    schema = {"type": "object", "required": ["code", "findings"],
              "properties": {**texts, "findings": {"type": "array", "items": {"type": "object"}}}}  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {"title": "地域バス 運用画面 / chiikibus console", "version": "1.0"},
        "paths": paths,
        "components": {
            "schemas": {"refusal": schema},
            "securitySchemes": {"session": {"type": "apiKey", "in": "cookie", "name": "chiikibus_console"}},
        },
    }


def _parameters(way: Way) -> list[dict[str, Any]]:
    text = {"type": "string"}
    inside = [{"name": name, "in": "path", "required": True, "schema": text} for name in _IN_PATH.findall(way.path)]
    return inside + [{"name": name, "in": "query", "schema": text} for name in way.query]
