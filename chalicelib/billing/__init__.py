"""The ledger of billable facts."""
