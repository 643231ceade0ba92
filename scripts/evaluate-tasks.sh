#!/usr/bin/env bash
# Tasks that the embedded model has never seen, by example: one JSON file each and a table of all.
#   scripts/evaluate-tasks.sh DATA_DIR OUT_DIR [MODEL]      DATA_DIR holds acdc/, la2018/, wbc/, em_membrane/, ...
# Cardiac supports come from the training patients, queries from those held back; elsewhere every third subject is a
# query. Hearts are asked twice: the middle slice of each structure in each volume (the package's default policy),
# and all slices down to 20 pixels, the ends of the structure among them. The CT is one patient: supports from the
# lower half of the slices, queries from the upper one.
# GMISEG_EVALUATE passes options on to evaluate-support.mjs, for example "--draws 2 --n 1,16".
# Results that are there already are kept. OUT_DIR/run.txt says what made them: no folder mixes models or options.
set -euo pipefail
data=$1 out=$2 model=${3:-}
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/cardiac-stores.sh"
mkdir -p "$out"

run="model: ${model:-the one of the package}
options: ${GMISEG_EVALUATE:-none}"
if [ -e "$out/run.txt" ]; then
  made=$(cat "$out/run.txt")
elif compgen -G "$out/*.json" >/dev/null; then
  made='unknown: there is no run.txt'
else
  made=$run
  echo "$run" >"$out/run.txt"
fi
if [ "$made" != "$run" ]; then
  printf '%s\n' "The results in $out were made otherwise; give another OUT_DIR." "$made" 'Asked for now:' "$run" >&2
  exit 1
fi

store() { # store NAME IMPORT_OPTIONS...
  local name=$1
  shift
  [ -e "$out/$name/index.json" ] || gmiseg import "$@" --out "$out/$name" >&2
}
evaluate() { # evaluate NAME STORE LABELS OPTIONS...
  local name=$1 store=$2 labels=$3
  shift 3
  [ -e "$out/$name.json" ] || node "$root/scripts/evaluate-support.mjs" --data "$out/$store" --label "$labels" \
    --out "$out/$name.json" --sheet "$out/$name.png" ${model:+--model "$model"} ${GMISEG_EVALUATE:-} "$@"
}

cardiac_stores "$data" "$out"
cardiac_middle_stores "$data" "$out"
store wbc --layout folders --in "$data/wbc" --labels 128=cytoplasm,255=nucleus
store em --layout folders --in "$data/em_membrane"
store stare --layout folders --in "$data/stare"
store ct --layout pairs --in "$data/abdomen_ct" --policy all --axes 2 --window abdomen --split none
store brats --layout nnunet --in "$data/brats" --policy all --axes 2 --min-area 100

evaluate wbc-cell wbc 1,2
evaluate wbc-nucleus wbc 2
evaluate acdc-lv-middle acdc-middle 3
evaluate acdc-lv acdc 3
evaluate la2018-middle la2018-middle 1
evaluate la2018 la2018 1
evaluate em-membrane em 0
evaluate stare stare 1
evaluate ct-liver ct 5 --halves
evaluate ct-spleen ct 1 --halves
evaluate brats-tumour brats 1,2,3,4
node "$root/scripts/evaluate-table.mjs" "$out"/*.json | tee "$out/table.md"
