"""botocore's parser of JSON answers, with a short cut for DynamoDB's items.

botocore walks the model for every attribute value of every item: half of the CPU of a worklist page. The answer
already has the shape that callers get: only binary values have to be decoded.
"""

from __future__ import annotations

from binascii import a2b_base64
from typing import Any

from botocore.parsers import JSONParser, ResponseParserFactory

_NESTED = frozenset({"BS", "L", "M"})


class _JsonParser(JSONParser):
    """Takes maps of attribute values as they are; what holds others, or is not as documented, goes the long way."""

    def _handle_map(self, shape: Any, value: Any) -> Any:
        long_way: Any = super()
        if shape.value.name != "AttributeValue":
            return long_way._handle_map(shape, value)
        binaries = []
        for attribute in value.values():
            kind = next(iter(attribute))
            if kind == "B":
                binaries.append(attribute)
            elif kind in _NESTED:
                return long_way._handle_map(shape, value)
        for attribute in binaries:
            attribute["B"] = a2b_base64(attribute["B"])
        return value


class ParserFactory(ResponseParserFactory):
    """botocore's session component `response_parser_factory`."""

    def create_parser(self, protocol_name: str) -> Any:
        """A parser of a protocol; that of DynamoDB is the one above."""
        return _JsonParser() if protocol_name == "json" else super().create_parser(protocol_name)
