"""Adapters: the only code that imports boto3, one module per port."""
