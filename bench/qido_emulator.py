"""The emulator with an index of many studies, for `bench.qido_scale`; runs in `.venv-emulator`.

Items are made by the index writer's own functions and put where ministack keeps them: sending two million of them would
take longer than everything that is measured.
"""

from __future__ import annotations

import base64
import gc
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ministack import app
from ministack.services import dynamodb as engine

from chalicelib.archive.levels import text
from chalicelib.archive.model import DicomJson
from chalicelib.aws import index_items as shape
from chalicelib.aws.index_postings import posting_items
from chalicelib.aws.index_transaction import set_study_attributes
from chalicelib.aws.tables import INDEX, TableSchema

TABLE = "index"
HOSPITAL = "nord"
STUDIES_PER_DAY = 137
"""50,000 a year."""
NEWEST = datetime(2026, 11, 1, 18)
_FAMILY = (
    "MARTIN BERNARD THOMAS PETIT ROBERT RICHARD DURAND DUBOIS MOREAU LAURENT SIMON MICHEL LEFÈVRE LEROY "
    "ROUX DAVID BERTRAND MOREL FOURNIER GIRARD BONNET DUPONT LAMBERT FONTAINE ROUSSEAU VINCENT MULLER "
    "LEFEBVRE FAURE ANDRÉ MERCIER BLANC GUÉRIN BOYER GARNIER CHEVALIER FRANÇOIS LEGRAND GAUTHIER GARCIA "
    "PERRIN ROBIN CLÉMENT MORIN NICOLAS HENRY ROUSSEL MATHIEU GAUTIER MASSON MARCHAND DUVAL DENIS DUMONT "
    "MARIE LEMAIRE NOËL MEYER DUFOUR MEUNIER BRUN"
)
FAMILY = _FAMILY.split()
_GIVEN = (
    "MARIE JEAN PIERRE MICHEL ANDRÉ PHILIPPE NATHALIE ISABELLE SYLVIE CATHERINE MARTINE CHRISTINE "
    "FRANÇOISE NICOLAS JULIEN SOPHIE JEAN-PIERRE ANNE-MARIE JACQUES MONIQUE STÉPHANE LAURENT CAMILLE LÉA "
    "ÉLODIE HUGO"
)
GIVEN = _GIVEN.split()
_SYLLABLES = "BA BEL CHA DE DRO FOU GA GNAC LE LAN MA MON NE PEY QUI RI ROU SA TEL TI VAL VER ZA"
SYLLABLES = _SYLLABLES.split()
MODALITIES = ["CT"] * 35 + ["CR"] * 30 + ["MR"] * 20 + ["US"] * 14 + ["PT"]
DESCRIPTIONS = ("Thorax", "Crâne", "Abdomen", "Genou droit", "Rachis lombaire", "Mammographie")


def study(number: int, chance: random.Random) -> tuple[DicomJson, list[str]]:
    """Attributes and modalities of the n-th newest study: two of three patients have a common family name."""
    when = NEWEST - timedelta(days=number / STUDIES_PER_DAY)
    common = chance.random() < 0.65
    family = FAMILY[min(int(chance.expovariate(0.07)), len(FAMILY) - 1)] if common else ""
    family = family or "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 4)))
    values = {
        ("00080020", "DA"): f"{when:%Y%m%d}",
        ("00080030", "TM"): f"{when:%H%M%S}",
        ("00080050", "SH"): f"A{number}",
        ("00080090", "PN"): {"Alphabetic": "MARCHAND^CLAIRE"},
        ("00081030", "LO"): chance.choice(DESCRIPTIONS),
        ("00100010", "PN"): {"Alphabetic": f"{family}^{chance.choice(GIVEN)}"},
        ("00100020", "LO"): f"P{chance.randrange(max(1, number // 3 + 1))}",
        ("00100030", "DA"): f"19{chance.randint(20, 99)}0{chance.randint(1, 9)}11",
        ("00100040", "CS"): chance.choice("MF"),
        ("0020000D", "UI"): f"1.2.250.1.999.{number}",
        ("00200010", "SH"): f"S{number}",
    }
    return {tag: {"vr": vr, "Value": [value]} for (tag, vr), value in values.items()}, [chance.choice(MODALITIES)]


class Row:
    """Collects what `set_study_attributes` sets, as `aws.update_expression.Update` would."""

    def __init__(self) -> None:
        self.item: dict[str, Any] = {}

    def set(self, name: str, value: dict[str, Any]) -> None:
        """Set an attribute."""
        self.item[name] = {"B": base64.b64encode(value["B"]).decode()} if "B" in value else value


def items(count: int) -> Iterator[dict[str, Any]]:
    """Row and postings of every study."""
    chance = random.Random(4)
    for number in range(count):
        attributes, modalities = study(number, chance)
        uid = text(attributes, "0020000D")
        row = Row()
        set_study_attributes(row, HOSPITAL, uid, attributes)  # type: ignore[arg-type]
        counters = {"series_count": 4, "instance_count": 210, "conflict_count": 0, "size_bytes": 110_000_000}
        counters |= {"first_received_at_ms": 1_790_000_000_000, "last_received_at_ms": 1_790_000_000_000, "revision": 7}
        yield {
            **shape.key(shape.study_pk(HOSPITAL, uid), "STUDY"),
            **row.item,
            **{name: {"N": str(value)} for name, value in counters.items()},
            "state": {"S": "ready"},
            "modalities": shape.strings(modalities),
            "sop_classes": shape.strings(["1.2.840.10008.5.1.4.1.1.2"]),
        }
        yield from posting_items(HOSPITAL, uid, attributes, modalities)


def create_table(schema: TableSchema) -> dict[str, Any]:
    """The index's table, as ministack has it."""
    attributes = {"pk": "S", "sk": "S"}
    indexes = []
    for gsi in schema.indexes:
        keys = [(gsi.partition_key, "HASH"), *([(gsi.sort_key, "RANGE")] if gsi.sort_key else [])]
        attributes |= {name: kind for (name, kind), _ in keys}
        indexes.append(
            {
                "IndexName": gsi.name,
                "KeySchema": [{"AttributeName": name, "KeyType": role} for (name, _), role in keys],
                "Projection": {"ProjectionType": gsi.projection},
            }
        )
    engine._create_table(
        {
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()
            ],
            "GlobalSecondaryIndexes": indexes,
        }
    )
    table: dict[str, Any] = engine._tables[TABLE]
    return table


def main(count: int) -> int:
    """Load, tell on standard output, serve."""
    table = create_table(INDEX)
    gc.disable()
    written = 0
    for item in items(count):
        table["items"].setdefault(item["pk"]["S"], {})[item["sk"]["S"]] = item
        written += 1
    gc.freeze()
    gc.enable()
    print(f"{written / count:.1f}", flush=True)
    sys.argv = sys.argv[:1]
    return app.main() or 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
