"""Benchmarks against peers; not timed tests."""
