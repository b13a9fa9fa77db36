#!/bin/sh
# DICOM and browser tests use DCMTK's tools and Chromium: installed if this user may, else one sentence says so.
missing=""
command -v storescu >/dev/null 2>&1 || missing="$missing dcmtk"
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome >/dev/null 2>&1 || [ -n "$CHROMIUM" ] || missing="$missing chromium"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing ..."
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null && exit 0
fi
echo "Install$missing first (on Debian, as root: apt-get install$missing)." >&2
exit 1
