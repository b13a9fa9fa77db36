#!/bin/sh
# Compiles each requirements*.in beside its lock file. Everything but the emulator, which has an environment of its own,
# takes the versions of tests/requirements.txt, so that what is tested is what ships.
set -eu
uv=$1
compile() { "$uv" pip compile --quiet --no-header --no-annotate --generate-hashes --universal --python-version 3.11 "$@"; }

compile tests/requirements.in --output-file tests/requirements.txt
for name in requirements chalicelib/functions/requirements-index chalicelib/functions/requirements-rendered \
    chalicelib/functions/requirements-invoices chalicelib/functions/requirements-reconcile \
    chalicelib/functions/requirements-roll-up chalicelib/functions/requirements-export \
    scp_fargate/requirements infra/cdk/requirements localstack/requirements tests/fuzz/requirements; do
    compile "$name.in" --constraint tests/requirements.txt --output-file "$name.txt"
done
compile localstack/requirements-emulator.in --output-file localstack/requirements-emulator.txt
compile infra/requirements-bootstrap.in --output-file infra/requirements-bootstrap.txt
