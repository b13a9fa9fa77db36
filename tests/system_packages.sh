#!/bin/sh
# DICOM and browser tests use DCMTK's tools and Chromium: installed if this user may, else one sentence says so.
# Orthanc is a peer in a few tests, which are skipped where it cannot be had.
missing=""
command -v storescu >/dev/null 2>&1 || missing="$missing dcmtk"
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
    command -v google-chrome >/dev/null 2>&1 || [ -n "$CHROMIUM" ] || missing="$missing chromium"
peers=""
command -v Orthanc >/dev/null 2>&1 && [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] ||
    peers="orthanc orthanc-dicomweb"
[ -z "$missing$peers" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing $peers ..."
    export DEBIAN_FRONTEND=noninteractive
    # Orthanc's package would start it as a service: policy-rc.d forbids that while packages are configured.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    apt-get update -qq >/dev/null
    # shellcheck disable=SC2086
    [ -z "$peers" ] || apt-get install -y -qq --no-install-recommends $peers >/dev/null 2>&1 ||
        echo "Orthanc could not be installed: tests with it as a peer will be skipped." >&2
    # shellcheck disable=SC2086
    [ -z "$missing" ] || apt-get install -y -qq --no-install-recommends $missing >/dev/null && exit 0
fi
[ -z "$missing" ] && exit 0
echo "Install$missing first (on Debian, as root: apt-get install$missing)." >&2
exit 1
