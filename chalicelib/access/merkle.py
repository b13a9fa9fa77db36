"""Merkle trees by the rules of RFC 9162 2.1: one hash for many entries, and a short proof for each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_hash(entry: bytes) -> str:
    """Hash of an entry, 64 hexadecimal digits.

    >>> leaf_hash(b"")
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
    """
    return hashlib.sha256(b"\0" + entry).hexdigest()


def root(leaves: Sequence[str]) -> str:
    """Hash over leaves in order; of none it is SHA-256 of nothing."""
    if not leaves:
        return hashlib.sha256(b"").hexdigest()
    while len(leaves) > 1:
        leaves = _level_above(leaves)
    return leaves[0]


def proof(leaves: Sequence[str], index: int) -> list[list[str]]:
    """What to join to a leaf, level by level, to reach the root: pairs of side (`left`, `right`) and hash."""
    path: list[list[str]] = []
    while len(leaves) > 1:
        sibling = index ^ 1
        if sibling < len(leaves):
            path.append(["left" if sibling < index else "right", leaves[sibling]])
        leaves, index = _level_above(leaves), index // 2
    return path


def root_by_proof(leaf: str, path: Sequence[Sequence[str]]) -> str:
    """The root that a leaf and its proof lead to.

    Raises
    ------
    ValueError
        If the proof is malformed.

    >>> leaves = [leaf_hash(bytes([n])) for n in range(5)]
    >>> all(root_by_proof(leaf, proof(leaves, n)) == root(leaves) for n, leaf in enumerate(leaves))
    True
    """
    for side, sibling in path:
        if side not in ("left", "right"):
            raise ValueError("A step of a proof is left or right.")
        leaf = _node(sibling, leaf) if side == "left" else _node(leaf, sibling)
    return leaf


def _level_above(leaves: Sequence[str]) -> list[str]:
    """Pairs joined; an odd one at the end rises as it is, which gives the tree of RFC 9162."""
    joined = [_node(leaves[at], leaves[at + 1]) for at in range(0, len(leaves) - 1, 2)]
    return joined + list(leaves[len(joined) * 2 :])


def _node(left: str, right: str) -> str:
    return hashlib.sha256(b"\1" + bytes.fromhex(left) + bytes.fromhex(right)).hexdigest()
