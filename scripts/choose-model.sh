#!/usr/bin/env bash
# How good a model is at tasks by example on the cardiac training patients: what choices are made by.
#   scripts/choose-model.sh DATA_DIR OUT_DIR MODEL [ENGINES]      DATA_DIR holds acdc/ and la2018/
# Middle slices of each structure, supports from the split `train`, queries from `val`, whole pictures, each engine by
# itself: no test patient is seen. GMISEG_EVALUATE overrides options of evaluate-support.mjs.
set -euo pipefail
data=$1 out=$2 model=$3 engines=${4:-learned/refined@64,learned/refined@128,learned/refined@256}
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/cardiac-stores.sh"
cardiac_middle_stores "$data" "$out"
for task in acdc:1 acdc:2 acdc:3 la2018:1; do
  set=${task%%:*} label=${task##*:}
  node "$root/scripts/evaluate-support.mjs" --data "$out/$set-middle" --label "$label" --pool train --queries val \
    --model "$model" --engines "$engines" --n 8 --draws 1 --most 12 --seed 3 --view whole --partner none \
    --out "$out/$(basename "$model" .safetensors)-$set-$label.json" ${GMISEG_EVALUATE:-}
done
