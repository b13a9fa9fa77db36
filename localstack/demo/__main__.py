"""`python -m localstack.demo`: send the demonstration region's exams to a running ingest service."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from localstack.demo import load


def main(arguments: list[str] | None = None) -> int:
    """Send the demonstration region's exams to a running ingest service."""
    parser = argparse.ArgumentParser(prog="python -m localstack.demo", description=main.__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANSFILM_DICOM_PORT", "11112")))
    parser.add_argument("--state-dir", type=Path, default=Path(os.environ.get("SANSFILM_STATE_DIR", ".local")))
    options = parser.parse_args(arguments)
    from localstack.demo.send import NotSent

    try:
        sent = load(options.host, options.port, options.state_dir)
    except NotSent as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{sent} instances sent.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
