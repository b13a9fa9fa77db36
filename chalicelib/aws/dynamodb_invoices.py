"""Invoices in the ledger's table, billing accounts in the registry's; no invoice is ever updated or deleted.

| item | table | pk | sk |
|---|---|---|---|
| invoice | ledger | `I#{hospital}` | `INVOICE#{YYYY-MM}` |
| credit note | ledger | `I#{hospital}` | `CREDIT#{dispute}` |
| number of documents of a hospital | ledger | `I#{hospital}` | `COUNT` |
| last number of a year | ledger | `INVOICE-NUMBERS` | `{YYYY}`, of credit notes `AV{YYYY}` |
| seller | registry | `BILLING` | `SELLER` |
| account | registry | `BILLING` | `ACCOUNT#{hospital}` |
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import TransactionCancelled, call, query
from chalicelib.billing.invoice import INVOICE, SERIES, Account, Invoice, Party, Seller, from_json, to_json

NUMBERS = "INVOICE-NUMBERS"


class DynamoDBInvoices:
    """Implements `billing.invoicing.Invoices`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def of_hospital(self, hospital: str) -> list[Invoice]:
        """Every invoice and credit note of a hospital, the latest month first."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": f"I#{hospital}"}),
            ConsistentRead=True,
        )
        found = [_invoice(item) for item in items if "content" in item]
        return sorted(found, key=lambda each: (each.period, each.kind, each.number), reverse=True)

    def of_period(self, hospital: str, period: str) -> Invoice | None:
        """The invoice of a month."""
        key = to_item({"pk": f"I#{hospital}", "sk": f"INVOICE#{period}"})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return _invoice(answer["Item"]) if "Item" in answer else None

    def last_number(self, year: int, kind: str = INVOICE) -> int:
        """The last number of a year."""
        key = to_item({"pk": NUMBERS, "sk": _series(year, kind)})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return int(from_item(answer["Item"])["last_number"]) if "Item" in answer else 0

    def add(self, invoice: Invoice, number: int, documents: int) -> bool:
        """Keep a document, move the year's last number and count the hospital's documents."""
        pk = f"I#{invoice.hospital}"
        item = {
            "pk": pk,
            "sk": f"CREDIT#{invoice.corrects.dispute}" if invoice.corrects else f"INVOICE#{invoice.period}",
            "number": invoice.number,
            "content": json.dumps(to_json(invoice), ensure_ascii=False),
        }
        new = "attribute_not_exists(pk)"
        writes = [
            self._step(NUMBERS, _series(invoice.issued_on.year, invoice.kind), number, is_first=number == 1),
            # Invoices of earlier releases were not counted.
            self._step(pk, "COUNT", documents + 1, is_first=None),
            {"Put": {"TableName": self._table, "Item": to_item(item), "ConditionExpression": new}},
        ]
        try:
            call(self._dynamodb.transact_write_items, TransactItems=writes)
        except TransactionCancelled:
            return False
        return True

    def _step(self, pk: str, sk: str, number: int, *, is_first: bool | None) -> dict[str, Any]:
        """From `number` - 1 to `number`; None: it may be the first, whatever it is."""
        new, follows = "attribute_not_exists(pk)", "last_number = :previous"
        condition = {True: new, False: follows, None: f"{new} OR {follows}"}[is_first]
        values = {":number": number, **({} if is_first else {":previous": number - 1})}
        return {
            "Update": {
                "TableName": self._table,
                "Key": to_item({"pk": pk, "sk": sk}),
                "UpdateExpression": "SET last_number = :number",
                "ConditionExpression": condition,
                "ExpressionAttributeValues": to_item(values),
            }
        }


class DynamoDBBillingAccounts:
    """Implements `billing.invoicing.Accounts`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def seller(self) -> Seller | None:
        """Who issues invoices."""
        content = self._get("SELLER")
        return Seller(**content) if content else None

    def put_seller(self, seller: Seller) -> None:
        """Register or replace."""
        self._put("SELLER", asdict(seller))

    def account(self, hospital: str) -> Account | None:
        """How a hospital is invoiced."""
        content = self._get(f"ACCOUNT#{hospital}")
        return Account(**{**content, "buyer": Party(**content["buyer"])}) if content else None

    def put_account(self, hospital: str, account: Account) -> None:
        """Register or replace."""
        self._put(f"ACCOUNT#{hospital}", asdict(account))

    def _get(self, sk: str) -> dict[str, Any] | None:
        key = to_item({"pk": "BILLING", "sk": sk})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return json.loads(from_item(answer["Item"])["content"]) if "Item" in answer else None

    def _put(self, sk: str, content: dict[str, Any]) -> None:
        item = to_item({"pk": "BILLING", "sk": sk, "content": json.dumps(content, ensure_ascii=False)})
        call(self._dynamodb.put_item, TableName=self._table, Item=item)


def _invoice(item: dict[str, Any]) -> Invoice:
    return from_json(json.loads(from_item(item)["content"]))


def _series(year: int, kind: str) -> str:
    return str(year) if kind == INVOICE else f"{SERIES[kind]}{year}"
