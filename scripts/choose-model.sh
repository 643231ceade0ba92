#!/usr/bin/env bash
# How good a model is at tasks by example on the cardiac training patients: what choices are made by.
#   scripts/choose-model.sh MODEL OUT_DIR [ENGINES]      OUT_DIR holds the stores of pretrain.sh, and gets the results
# Supports from the split `train`, queries from `val`, whole pictures, each engine by itself: no test patient is seen.
set -euo pipefail
model=$1 out=$2 engines=${3:-learned/refined@64,learned/refined@128,learned/refined@256,learned/mean@128,learned/dense@128}
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/cardiac-stores.sh"
for task in acdc:1 acdc:2 acdc:3 la2018:1; do
  node "$root/scripts/evaluate-support.mjs" --data "$out/${task%%:*}" --label "${task##*:}" --pool train --queries val \
    --model "$model" --engines "$engines" --n 8 --draws 2 --most 16 --view whole --partner none \
    --out "$out/choice-$(basename "$model" .safetensors)-${task/:/-}.json"
done
