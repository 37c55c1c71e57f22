#!/bin/bash
# Installs Debian packages that are missing, where this may be done; says so where it may not.
# usage: packages.sh NAME...
set -u
missing=()
for name in "$@"; do
  [ "$(dpkg-query -W -f='${Status}' "$name" 2>/dev/null)" = "install ok installed" ] || missing+=("$name")
done
# A PostgreSQL that is on the path serves the tests as well as the package.
if command -v initdb >/dev/null && command -v pg_ctl >/dev/null; then missing=("${missing[@]/postgresql}"); fi
missing=(${missing[*]})
[ ${#missing[@]} -eq 0 ] && exit 0
sudo=""
[ "$(id -u)" -eq 0 ] || sudo="sudo -n"
if ! command -v apt-get >/dev/null || ! $sudo true 2>/dev/null; then
  echo "Not installed (no apt-get, or neither root nor sudo): ${missing[*]}. What needs them is skipped." >&2
  exit 0
fi
echo "Installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get -qq update && $sudo apt-get -qq -y install --no-install-recommends "${missing[@]}" >/dev/null
