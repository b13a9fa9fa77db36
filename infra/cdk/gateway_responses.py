"""What API Gateway answers by itself (no session, no such route, throttled): problem details (RFC 9457) as ever."""

from __future__ import annotations

from typing import Any

RESPONSE_TYPES = ("DEFAULT_4XX", "DEFAULT_5XX")
TEMPLATES = {"application/json": '{"type":"about:blank","detail":$context.error.messageString}'}
CONTENT_TYPE = "'application/problem+json'"


def for_stack() -> dict[str, Any]:
    """As the template of the stack has them (AWS SAM, GatewayResponses)."""
    response = {"ResponseTemplates": TEMPLATES, "ResponseParameters": {"Headers": {"Content-Type": CONTENT_TYPE}}}
    return dict.fromkeys(RESPONSE_TYPES, response)


def for_api() -> dict[str, Any]:
    """As API Gateway's own API takes them, for an emulator that leaves them out of a stack."""
    return {
        "responseTemplates": TEMPLATES,
        "responseParameters": {"gatewayresponse.header.Content-Type": CONTENT_TYPE},
    }
