#!/usr/bin/env bash
# Fuzzes the wire with atheris, guided by coverage; needs Python 3.11 and a package index.
#
#   deploy/fuzz/run.sh [--seconds N] [--target NAME] [--keep]
#
# --seconds: in all (600); every target gets its share. --target: only this one. --keep: take what was found into
# tests/corpus/fuzz, minimised. Exit code: 0 no promise broken, 1 one was (the input lies in .cache/fuzz), 3 the machine
# lacks something.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 3
seconds=600 keep=no
targets=(message header fault secured packed media package http)
while [ $# -gt 0 ]; do
    case "$1" in
    --seconds) seconds=$2 && shift ;;
    --target) targets=("$2") && shift ;;
    --keep) keep=yes ;;
    -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0" && exit 0 ;;
    *) echo "知らない引数 / unknown argument: $1" >&2 && exit 2 ;;
    esac
    shift
done

work=$root/.cache/fuzz
venv=$work/venv
if [ ! -x "$venv/bin/python" ]; then
    mkdir -p "$work"
    python3.11 -m venv "$venv" || exit 3
fi
"$venv/bin/python" -c 'import atheris, lxml, httptools, msgspec, structlog, cryptography' 2>/dev/null ||
    "$venv/bin/python" -m pip install --quiet --constraint requirements.lock \
        atheris==3.0.0 lxml httptools msgspec structlog cryptography || exit 3

export PATH="$venv/bin:$PATH"
share=$((seconds / ${#targets[@]}))
result=0
for target in "${targets[@]}"; do
    folder=$work/corpus/$target
    "$venv/bin/python" deploy/fuzz/corpus.py unpack "$target" "$folder" || exit 3
    "$venv/bin/python" deploy/fuzz/corpus.py seeds "$target" "$folder" || exit 3
    echo "$target: ${share} s"
    TARGET=$target deploy/fuzz/fuzz.py "$folder" -max_total_time="$share" -max_len=4096 -timeout=10 \
        -rss_limit_mb=1024 -artifact_prefix="$work/$target-" >"$work/$target.log" 2>&1 && sound=yes || sound=no
    [ "$sound" = yes ] || result=1
    tail -n 3 "$work/$target.log"
    grep -E "PromiseBroken|Error|ERROR" "$work/$target.log" | head -n 5
    if [ "$keep" = yes ] && [ "$sound" = yes ]; then
        rm -rf "$work/small"
        mkdir -p "$work/small"
        TARGET=$target deploy/fuzz/fuzz.py "$work/small" "$folder" -merge=1 -max_len=4096 \
            >"$work/$target-merge.log" 2>&1 && "$venv/bin/python" deploy/fuzz/corpus.py pack "$target" "$work/small"
    fi
done
exit "$result"
