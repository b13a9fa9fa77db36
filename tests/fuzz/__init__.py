"""Fuzzers of every parser that reads what strangers send.

A target is a file of `tests/fuzz/targets`, named after what it feeds. It has

- `fuzz(data: bytes) -> None`: feeds one input; errors that the parser documents are caught there, any other
  exception, and any `AssertionError`, is a finding;
- `SEEDS: Iterable[bytes]`: valid inputs to start from;
- optionally `LONGEST_BYTES: int`, the length of the longest input that is tried.

`python -m tests.fuzz NAME --runs N` looks for findings (coverage-guided, needs `tests/fuzz/requirements.txt`);
`tests/fuzz/test_corpora.py` replays seeds and committed corpora in every test run and needs nothing.
"""
