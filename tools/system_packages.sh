#!/usr/bin/env bash
# Sees to what pip cannot bring: a Python of the right version with venv, and the two C libraries that OpenCV loads.
# Installs missing Debian packages when run as root, otherwise names them in one line.
set -euo pipefail
python=${1:-}
missing=()

if [ -z "$python" ]; then
  echo "likeness: Python 3.11 or 3.12 is needed and was not found; install it, or run: make PYTHON=/path/to/python3.11" >&2
  exit 2
fi
"$python" -c 'import ensurepip' 2>/dev/null || missing+=("python3-venv")
if [ "$(uname -s)" = Linux ]; then
  has_library() { "$python" -c "import ctypes, sys; ctypes.CDLL(sys.argv[1])" "$1" 2>/dev/null; }
  has_library libGL.so.1 || missing+=(libgl1)
  has_library libgthread-2.0.so.0 || missing+=(libglib2.0-0)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "likeness: system packages are missing; run: sudo apt-get install ${missing[*]}" >&2
  exit 2
fi
