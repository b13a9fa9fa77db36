"""Parts of the OpenAPI document: operations, parameters, content."""

from __future__ import annotations

from typing import Any

from chalicelib.web.schema_parts import STRING


def json_content(schema: str) -> dict[str, Any]:
    """Content that is JSON of a schema."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def operation(
    name: str,
    summary: str,
    schema: str | None,
    *,
    body: str | None = None,
    parameters: tuple[dict[str, Any], ...] = (),
    problems: tuple[int, ...] = (401, 403, 503),
    is_public: bool = False,
    status: int = 200,
) -> dict[str, Any]:
    """An operation: its answer's and body's schemas by name, the statuses of its problems."""
    answer = {"description": summary, **({"content": json_content(schema)} if schema else {})}
    responses: dict[str, Any] = {str(status): answer}
    for problem in problems:
        responses[str(problem)] = {"$ref": f"#/components/responses/{problem}"}
    described: dict[str, Any] = {"operationId": name, "summary": summary, "responses": responses}
    if body:
        described["requestBody"] = {"required": True, "content": json_content(body)}
    if parameters:
        described["parameters"] = list(parameters)
    if is_public:
        described["security"] = []
    return described


def path_parameter(name: str, description: str) -> dict[str, Any]:
    """A parameter in the path."""
    return {"name": name, "in": "path", "required": True, "schema": STRING, "description": description}
