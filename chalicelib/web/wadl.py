"""Capabilities as a Web Application Description (PS3.18 8.9.4; WADL), in XML and in JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.web.dicomweb_operations import ATTRIBUTE, PARAMETERS, Operation, methods

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NAMESPACE = "http://wadl.dev.java.net/2009/02"
_TYPES = {"integer": "xs:integer", "boolean": "xs:boolean"}


def description(base_url: str, operations: Sequence[Operation]) -> dict[str, Any]:
    """Resources with their methods, as plain values; `base_url` ends without a slash."""
    templates = dict.fromkeys(operation.path for operation in operations)
    return {
        "base": base_url + "/",
        "resources": [_resource(template, operations) for template in templates],
    }


def _resource(template: str, operations: Sequence[Operation]) -> dict[str, Any]:
    own = [operation for operation in operations if operation.path == template]
    return {
        "path": template.lstrip("/"),
        "params": [{"name": name, "style": "template"} for name in own[0].path_parameters],
        "methods": [
            *(_method(operation) for operation in own),
            *({"name": name} for name in methods(template) if name in ("HEAD", "OPTIONS")),
        ],
    }


def _method(operation: Operation) -> dict[str, Any]:
    params = [
        {
            "name": name,
            "style": "query",
            "type": _TYPES.get(PARAMETERS[name][0]["type"], "xs:string"),
            "repeating": PARAMETERS[name][0]["type"] == "array",
            "doc": PARAMETERS[name][1],
        }
        for name in operation.parameters
        if name != ATTRIBUTE
    ]
    if ATTRIBUTE in operation.parameters:
        doc = "Any attribute by tag, keyword or dotted path of them is a matching key (PS3.18 8.3.4)"
        params.insert(0, {"name": ATTRIBUTE, "style": "query", "type": "xs:string", "repeating": True, "doc": doc})
    good = [status for status in operation.statuses if status < 300]
    return {
        "name": operation.method,
        "id": operation.operation_id,
        "request": {"params": params, "representations": list(operation.request_types)},
        "responses": [
            {"status": good, "representations": list(operation.media_types)},
            {
                "status": [status for status in operation.statuses if status not in good],
                "representations": ["application/problem+json"],
            },
        ],
    }


def to_xml(described: dict[str, Any]) -> bytes:
    """The description as WADL."""
    from xml.etree import ElementTree

    root = ElementTree.Element("application", {"xmlns": NAMESPACE, "xmlns:xs": "http://www.w3.org/2001/XMLSchema"})
    resources = ElementTree.SubElement(root, "resources", {"base": described["base"]})
    for resource in described["resources"]:
        node = ElementTree.SubElement(resources, "resource", {"path": resource["path"]})
        for param in resource["params"]:
            ElementTree.SubElement(node, "param", {**param, "type": "xs:string", "required": "true"})
        for method in resource["methods"]:
            _add_method(node, method)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _add_method(resource: Element, method: dict[str, Any]) -> None:
    from xml.etree import ElementTree

    node = ElementTree.SubElement(resource, "method", {name: method[name] for name in ("name", "id") if name in method})
    if "request" in method:
        request = ElementTree.SubElement(node, "request")
        for param in method["request"]["params"]:
            attributes = {name: param[name] for name in ("name", "style", "type")}
            attributes["repeating"] = "true" if param["repeating"] else "false"
            ElementTree.SubElement(ElementTree.SubElement(request, "param", attributes), "doc").text = param["doc"]
        _add_representations(request, method["request"]["representations"])
    for response in method.get("responses", ()):
        status = " ".join(map(str, response["status"]))
        _add_representations(ElementTree.SubElement(node, "response", {"status": status}), response["representations"])


def _add_representations(node: Element, media_types: Sequence[str]) -> None:
    from xml.etree import ElementTree

    for media_type in media_types:
        ElementTree.SubElement(node, "representation", {"mediaType": media_type})
