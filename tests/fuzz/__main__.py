"""Fuzz one target: `python -m tests.fuzz NAME --runs 1000000`; without a name, the list of targets.

New inputs are kept under `build/fuzz/NAME`, a finding's input beside them as `crash-*`, `timeout-*` or `oom-*`.
`--minimize` writes the smallest set of all inputs that reaches the same code into the committed corpus;
`--replay FILE` feeds one input.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from tests.fuzz import registry

WORK = Path("build/fuzz")
LONGEST_INPUT_S = 5
"""No input may take longer: parsers are linear."""
MEMORY_LIMIT_MB = 1024
CORPUS_LIMIT = 150
"""Inputs a committed corpus has at most: replaying all corpora takes seconds."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=registry.names())
    parser.add_argument("--runs", type=int, default=100_000, help="inputs to try")
    parser.add_argument("--seconds", type=int, default=0, help="stop after that long; 0: never")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers; 0: another one each time")
    parser.add_argument("--minimize", action="store_true", help="rewrite the committed corpus")
    parser.add_argument("--replay", type=Path, help="feed the input of that file")
    return parser.parse_args()


def _atheris():
    try:
        import atheris
    except ImportError:
        sys.exit("Fuzzing needs atheris: .venv/bin/uv pip install --require-hashes -r tests/fuzz/requirements.txt")
    return atheris


def _fuzz(name: str, runs: int, seconds: int, seed: int) -> None:
    atheris = _atheris()
    with atheris.instrument_imports(include=["chalicelib", "scp_fargate"]):
        target = registry.load(name)
    folder = WORK / name
    folder.mkdir(parents=True, exist_ok=True)
    for content in target.seeds:
        (folder / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)
    options = [
        f"-runs={runs}",
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={target.longest_bytes}",
        f"-timeout={LONGEST_INPUT_S}",
        f"-rss_limit_mb={MEMORY_LIMIT_MB}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
    ]
    committed = [str(target.corpus)] if target.corpus.is_dir() else []
    atheris.Setup([sys.argv[0], *options, str(folder), *committed], target.fuzz)
    atheris.Fuzz()


def _minimize(name: str) -> None:
    """Keep an input if it runs a line that no smaller input runs; findings that were fixed are kept as they are."""
    target = registry.load(name)
    found = [path for path in (WORK / name).glob("*") if path.is_file()]
    inputs = {content for _, content in target.inputs()} | {path.read_bytes() for path in found}
    kept: list[bytes] = []
    seen: set[tuple[str, int, int]] = set()
    for content in sorted(inputs, key=lambda each: (len(each), each)):
        reached = _arcs(target, content)
        if not reached <= seen and len(kept) < CORPUS_LIMIT:
            seen |= reached
            kept.append(content)
    kept += [path.read_bytes() for path in found if path.name.startswith(("crash-", "timeout-", "oom-"))]
    target.corpus.mkdir(parents=True, exist_ok=True)
    for path in target.corpus.iterdir():
        path.unlink()
    for content in set(kept) - set(target.seeds):
        (target.corpus / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)
    print(f"{name}: {len(inputs)} inputs, {len(kept)} kept")


def _arcs(target: registry.Target, content: bytes) -> set[tuple[str, int, int]]:
    """Steps from line to line of the product's code that an input takes."""
    reached: set[tuple[str, int, int]] = set()

    def local(previous: int):
        def trace(frame, event, _argument):
            nonlocal previous
            if event == "line":
                reached.add((frame.f_code.co_filename, previous, frame.f_lineno))
                previous = frame.f_lineno
            return trace

        return trace

    def on_call(frame, _event, _argument):
        is_ours = "/chalicelib/" in frame.f_code.co_filename or "/scp_fargate/" in frame.f_code.co_filename
        return local(0) if is_ours else None

    sys.settrace(on_call)
    try:
        target.fuzz(content)
    finally:
        sys.settrace(None)
    return reached


def main() -> None:
    """See the module."""
    arguments = _arguments()
    if arguments.target is None:
        print("\n".join(registry.names()))
    elif arguments.replay:
        registry.load(arguments.target).fuzz(arguments.replay.read_bytes())
    elif arguments.minimize:
        _minimize(arguments.target)
    else:
        _fuzz(arguments.target, arguments.runs, arguments.seconds, arguments.seed)


if __name__ == "__main__":
    main()
