"""JSON Schemas of what is kept back of studies."""

from __future__ import annotations

from chalicelib.web.schema_parts import STRING, TIME, Schema, list_of, object_of
from chalicelib.web.schemas_sharing import UID

KIND: Schema = {
    "type": "string",
    "enum": ["delayed", "masked", "private"],
    "description": "delayed: from the patient until it was announced (INVISIBLE_PATIENT); masked: from professionals "
    "of other places and from every share (MASQUE_PS); private: from those who act for the patient (L1111-5)",
}
ANNOUNCER: Schema = {"type": "string", "maxLength": 100, "description": "Who is going to tell the patient"}
MARK = object_of(
    {
        "id": STRING,
        "kind": KIND,
        "of": {"type": "string", "enum": ["study", "reports", "series", "instance"]},
        "series": {"type": "string", "description": "Series Instance UID; empty for the study and its reports"},
        "instance": {"type": "string", "description": "SOP Instance UID; empty for more than an instance"},
        "announcer": ANNOUNCER,
        "set_by": STRING,
        "set_at": TIME,
        "until": {"type": ["string", "null"], "description": "When it ends by itself"},
        "is_live": {"type": "boolean", "description": "Whether it keeps something back"},
        "lifted_by": STRING,
        "lifted_at": {"type": ["string", "null"]},
    }
)
MARK_SCHEMAS: dict[str, Schema] = {
    "MarkRequest": object_of(
        {
            "kind": KIND,
            "reports": {"type": "boolean", "description": "Every report of the study, those that come later too"},
            "series": {**UID, "description": "By default all of the study"},
            "instance": {**UID, "description": "A document of that series"},
            "until": {
                "type": "string",
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                "description": "Day in Paris on which a delay ends by itself",
            },
            "announcer": ANNOUNCER,
        },
        frozenset({"reports", "series", "instance", "until", "announcer"}),
    ),
    "Mark": MARK,
    "Marks": list_of("marks", MARK),
}
