"""The targets and their corpora: what lies in the folders, nothing is registered by hand."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.fuzz import targets

CORPUS = Path(__file__).parent / "corpus"
DEFAULT_LONGEST_BYTES = 4096


@dataclass(frozen=True)
class Target:
    """One parser and its inputs."""

    name: str
    fuzz: Callable[[bytes], None]
    seeds: Sequence[bytes]
    longest_bytes: int

    @property
    def corpus(self) -> Path:
        """Folder of the committed inputs, each named by its SHA-1; it may be missing."""
        return CORPUS / self.name

    def inputs(self) -> Iterator[tuple[str, bytes]]:
        """Seeds and committed inputs with a name for each."""
        for number, seed in enumerate(self.seeds):
            yield f"seed {number}", seed
        if self.corpus.is_dir():
            for path in sorted(self.corpus.iterdir()):
                yield path.name, path.read_bytes()


def names() -> list[str]:
    """Names of all targets."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def load(name: str) -> Target:
    """The target of that name. Imports the parser: instrumentation has to be on before."""
    module = import_module(f"tests.fuzz.targets.{name}")
    longest_bytes = getattr(module, "LONGEST_BYTES", DEFAULT_LONGEST_BYTES)
    return Target(name, module.fuzz, list(module.SEEDS), longest_bytes)
