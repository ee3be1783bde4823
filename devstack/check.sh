#!/bin/sh
# What `make check` runs. `check.sh lint` needs no servers; `check.sh schema` runs under `python -m devstack run`.
# Every step runs, whatever came before it; the exit code says whether one failed.
set -u
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
failed=""

step() { # step NAME COMMAND…: silent when it passes, its output when it does not
    name=$1
    shift
    began=$(date +%s)
    if output=$("$@" 2>&1); then
        printf '  ok     %3d s  %s\n' "$(($(date +%s) - began))" "$name"
    else
        failed="$failed, $name"
        printf '  FAILED %3d s  %s\n%s\n' "$(($(date +%s) - began))" "$name" "$output"
    fi
}

case "${1:-}" in
lint)
    step "ruff check" ruff check .
    step "ruff format" ruff format --check .
    step "lint-imports" lint-imports
    step "djlint" djlint --quiet --lint templates
    ;;
schema)
    step "mypy" mypy  # its Django plugin loads the settings, which need the addresses of a stack
    step "makemigrations --check" python manage.py makemigrations --check --dry-run
    step "migrate" python manage.py migrate
    step "bootstrap" python manage.py bootstrap
    step "check_schema" python manage.py check_schema
    step "write_docs --check" python manage.py write_docs --check
    step "acceptance" python -m tests.acceptance --check
    case "$failed" in *acceptance*) ;; *) printf '%s\n' "$output" ;; esac  # how much is shown so far
    step "spectacular" python manage.py spectacular --validate --fail-on-warn --file /dev/null
    step "check --deploy" env DJANGO_SETTINGS_MODULE=config.settings.production PUBLIC_BASE_URL=https://leadmetrics.example \
        python manage.py check --deploy --fail-level WARNING
    ;;
*)
    echo "usage: check.sh lint | schema" >&2
    exit 2
    ;;
esac

[ -z "$failed" ] || echo "Failed: ${failed#, }"
[ -z "$failed" ]
