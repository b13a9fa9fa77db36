"""`python -m localstack`: the local platform's commands."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from localstack.local_settings import LocalSettings, SetupFailure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; every failure that has a cause outside the program is one sentence."""
    options, rest = _parser().parse_known_args(arguments)
    try:
        settings = LocalSettings.from_env()
        if options.command == "run":
            from localstack.run import run

            return run(settings)
        if options.command == "install":
            from localstack.run import install

            return install(settings)
        if options.command == "status":
            return _status(settings)
        from localstack import seeding

        if options.command == "seed":
            seeding.seed(settings)
        elif options.command == "issue-invoices":
            seeding.issue_invoices(settings)
        elif options.command == "token":
            print(seeding.token(settings, options.role, options.hospital))
        elif options.command == "reindex":
            return _reindex(settings, rest)
    except SetupFailure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def _status(settings: LocalSettings) -> int:
    """Print the health of the running platform."""
    try:
        with urlopen(f"{settings.public_url}/healthz", timeout=10) as answer:  # noqa: S310 - a setting
            health, status = json.load(answer), 0
    except HTTPError as error:
        health, status = json.load(error), 1
    except (URLError, OSError):
        print(f"Nothing answers at {settings.public_url}.", file=sys.stderr)
        return 1
    print(json.dumps(health, indent=1))
    return status


def _reindex(settings: LocalSettings, rest: Sequence[str]) -> int:
    from localstack import seeding

    seeding.use_platform(settings)
    from chalicelib.functions import reindex

    return reindex.main(rest)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start the whole platform in the foreground")
    commands.add_parser("install", help="install and build everything that run needs")
    commands.add_parser("status", help="health of the running platform")
    commands.add_parser("seed", help="register the demonstration region (run does it)")
    commands.add_parser("issue-invoices", help="issue the demonstration region's invoices of last month (run does it)")
    commands.add_parser("reindex", help="rebuild the index from the archive bucket", add_help=False)
    token = commands.add_parser("token", help="print a bearer token of the running platform")
    token.add_argument("--role", required=True)
    token.add_argument("--hospital", default="")
    return parser


if __name__ == "__main__":
    sys.exit(main())
