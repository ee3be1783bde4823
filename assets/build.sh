#!/bin/sh
# Build everything under static/ that is not written by hand: stylesheet, icon sprite, fonts, htmx.
# Run it after using a class name or an icon that no template used before; it takes well under a second
# once node_modules is there. `build.sh css` rebuilds the stylesheet only.
set -eu
cd "$(dirname "$0")"

if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --silent --no-fund --no-audit
    touch node_modules/.package-lock.json
fi

tailwind=../.venv/bin/tailwindcss
[ -x "$tailwind" ] || tailwind=tailwindcss
"$tailwind" --input app.css --output ../static/css/app.css --minify --silent
[ "${1:-all}" = css ] && exit 0

node sprite.mjs > ../static/icons/sprite.svg

fonts=node_modules/@fontsource-variable/inter/files
cp "$fonts/inter-latin-wght-normal.woff2" "$fonts/inter-latin-ext-wght-normal.woff2" ../static/fonts/
cp node_modules/@fontsource-variable/inter/LICENSE ../static/fonts/inter-license.txt
cp node_modules/htmx.org/dist/htmx.min.js ../static/js/htmx.min.js
