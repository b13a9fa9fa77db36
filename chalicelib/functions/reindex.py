"""Operator command: rebuild the index, or add what it misses, from the archive bucket.

    python -m chalicelib.functions.reindex [--hospital ID] [--missing-only]

Settings come from the environment as for the Lambdas, on AWS and locally.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from chalicelib import errors, wiring
from chalicelib.archive.reindex import missing_from_index, reindex_study, studies_in_bucket


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
    progress = tqdm(studies_in_bucket(index.objects, hospital), desc="reindex", unit=" studies", file=sys.stderr)
    for study in progress:
        selected = missing_from_index(reader, study) if missing_only else study
        for result in reindex_study(index, selected, from_nothing=not missing_only):
            outcomes["failed" if result.error or not result.outcome else result.outcome.value] += 1
            if result.error:
                progress.write(f"{result.object_key}: {result.error}", file=sys.stderr)
        progress.set_postfix(outcomes)
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if an object could not be indexed or a service does not answer."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.functions.reindex", description=__doc__)
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
