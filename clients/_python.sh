# Read by the scripts in Python: an environment of its own for the packages from PyPI, made once.
# shellcheck shell=sh

# python_packages PACKAGE...: sets PYTHON to an interpreter that has them.
python_packages() {
    PYTHON=$CACHE/python/bin/python
    [ -x "$PYTHON" ] && [ "$(cat "$CACHE/python/packages" 2>/dev/null)" = "$*" ] && return
    mkdir -p "$CACHE"
    python3 -m venv "$CACHE/python" || absent "python3 -m venv does not work here (package python3-venv)"
    timeout 600 "$PYTHON" -m pip install --quiet "$@" || absent "PyPI cannot be reached, or has no $*"
    echo "$*" >"$CACHE/python/packages"
}
