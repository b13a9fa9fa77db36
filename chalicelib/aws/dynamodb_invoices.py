"""Invoices in the ledger's table, billing accounts in the registry's; no invoice is ever updated or deleted.

| item | table | pk | sk |
|---|---|---|---|
| invoice | ledger | `I#{hospital}` | `INVOICE#{YYYY-MM}` |
| last number of a year | ledger | `INVOICE-NUMBERS` | `{YYYY}` |
| seller | registry | `BILLING` | `SELLER` |
| account | registry | `BILLING` | `ACCOUNT#{hospital}` |
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from chalicelib.aws.dynamodb_items import from_item, to_item
from chalicelib.aws.dynamodb_requests import TransactionCancelled, call, query
from chalicelib.billing.invoice import Account, Invoice, Party, Seller, from_json, to_json

NUMBERS = "INVOICE-NUMBERS"


class DynamoDBInvoices:
    """Implements `billing.invoicing.Invoices`."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def of_hospital(self, hospital: str) -> list[Invoice]:
        """Every invoice of a hospital, the latest month first."""
        items = query(
            self._dynamodb,
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": f"I#{hospital}"}),
            ScanIndexForward=False,
        )
        return [_invoice(item) for item in items]

    def of_period(self, hospital: str, period: str) -> Invoice | None:
        """The invoice of a month."""
        key = to_item({"pk": f"I#{hospital}", "sk": f"INVOICE#{period}"})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return _invoice(answer["Item"]) if "Item" in answer else None

    def last_number(self, year: int) -> int:
        """The last number of a year."""
        key = to_item({"pk": NUMBERS, "sk": str(year)})
        answer = call(self._dynamodb.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return int(from_item(answer["Item"])["last_number"]) if "Item" in answer else 0

    def add(self, invoice: Invoice, number: int) -> bool:
        """Keep an invoice and move the year's last number."""
        item = {
            "pk": f"I#{invoice.hospital}",
            "sk": f"INVOICE#{invoice.period}",
            "number": invoice.number,
            "content": json.dumps(to_json(invoice), ensure_ascii=False),
        }
        new = "attribute_not_exists(pk)"
        follows = {
            "TableName": self._table,
            "Key": to_item({"pk": NUMBERS, "sk": str(invoice.issued_on.year)}),
            "UpdateExpression": "SET last_number = :number",
            "ConditionExpression": new if number == 1 else "last_number = :previous",
            "ExpressionAttributeValues": to_item(
                {":number": number, **({":previous": number - 1} if number > 1 else {})}
            ),
        }
        put = {"TableName": self._table, "Item": to_item(item), "ConditionExpression": new}
        try:
            call(self._dynamodb.transact_write_items, TransactItems=[{"Update": follows}, {"Put": put}])
        except TransactionCancelled:
            return False
        return True


class DynamoDBAccounts:
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
