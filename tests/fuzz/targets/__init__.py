"""One file per target; see `tests.fuzz`."""
