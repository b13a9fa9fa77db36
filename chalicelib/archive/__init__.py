"""Use cases of the archive (store, index, search, retrieve, rendered) and the ports they need."""
