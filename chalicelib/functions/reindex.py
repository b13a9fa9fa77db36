"""Operator command: rebuild the index, or add what it misses, from the archive bucket.

    python -m chalicelib.functions.reindex [--hospital ID] [--missing-only]

Safe beside a running platform, to stop and to run again: what is in the bucket stays in the index all the time.
Objects that are gone from the bucket leave the index. Of two contents of a SOP Instance UID the one that is served
stays served; an empty index takes them study by study, the first stored of a study first. When the items change keys,
start from an empty table. Settings come from the environment as for the Lambdas, on AWS and locally.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from chalicelib import errors, wiring
from chalicelib.archive.reindex import add_missing, rebuild


def reindex(hospital: str = "", missing_only: bool = False) -> Counter[str]:
    """Reindex a hospital or all; return how many objects had each outcome, failures under `failed`.

    Raises
    ------
    errors.Unavailable
        If a service does not answer; running again continues.
    """
    from tqdm import tqdm

    reader = wiring.index_reader()
    index = wiring.index()
    outcomes: Counter[str] = Counter()
    studies = (add_missing if missing_only else rebuild)(index, reader, hospital)
    progress = tqdm(studies, desc="reindex", unit=" studies", file=sys.stderr)
    for results in progress:
        for result in results:
            outcomes["failed" if result.error or not result.outcome else result.outcome.value] += 1
            if result.error:
                progress.write(f"{result.object_key}: {result.error}", file=sys.stderr)
        progress.set_postfix(outcomes)
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if an object could not be indexed or a service does not answer."""
    parser = argparse.ArgumentParser(
        prog="python -m chalicelib.functions.reindex",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hospital", default="", help="only this hospital's studies")
    parser.add_argument("--missing-only", action="store_true", help="add what the index does not know, remove nothing")
    options = parser.parse_args(arguments)
    try:
        outcomes = reindex(options.hospital, options.missing_only)
    except errors.Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    print(" ".join(f"{name}={count}" for name, count in sorted(outcomes.items())) or "nothing to do")
    return 1 if outcomes["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
