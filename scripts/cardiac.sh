#!/usr/bin/env bash
# From cardiac MRI to a table of Dice: imports ACDC and LA 2018 (nnU-Net raw folders), trains the small model from
# scratch on the training patients for at most 40 minutes, and predicts the held-back ones from boxes.
#   scripts/cardiac.sh DATA_DIR OUT_DIR      DATA_DIR holds acdc/ and la2018/
# Run it again to go on where it was stopped. docs/results.md has what came out, with DTYPE=bfloat16: for a processor
# that computes in it (gmiseg doctor says).
set -euo pipefail
data=$1 out=$2
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/cardiac-stores.sh"
cardiac_stores "$data" "$out"

gmiseg train --data "$out/acdc" "$out/la2018" --out "$out/run" --resume --config tiny --seed 1 --dtype "${DTYPE:-float32}" \
  --steps 3000 --minutes 40 --batch 4 --lr 1e-3 --set promptsPerImage=4 --set iouWeight=0.1 --set refineShare=0.15 --set boxOffset=6 \
  --set boxShare=0.6 --set pointsShare=0.15 --set bothShare=0.25 --set zoom=0.15 --set rotate=15 --set gamma=0.2 \
  --set weightDecay=0.05 --set validateEvery=250 --set validateSamples=48 --set checkpointEvery=250

for set in acdc la2018; do
  node "$root/scripts/evaluate-boxes.mjs" --data "$out/$set" --model "$out/run" --out "$out/evaluation-$set"
done
