#!/usr/bin/env bash
# The package's model adapted to hearts with pooled LoRA: imports ACDC and LA 2018 (nnU-Net raw folders), trains an
# adapter and the mask decoder in episodes on the training patients, and asks the held-back ones by eight examples,
# before and after.
#   scripts/cardiac-adapter.sh DATA_DIR OUT_DIR [STEPS]      DATA_DIR holds acdc/ and la2018/; STEPS: 300
# Run it again to go on where it was stopped. The settings are those of `gmiseg experiment forgetting`; docs/results.md,
# Learning without forgetting, has what is gained and lost.
set -euo pipefail
data=$1 out=$2 steps=${3:-300}
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/cardiac-stores.sh"
cardiac_stores "$data" "$out"

gmiseg train --data "$out/acdc" "$out/la2018" --out "$out/adapter" --resume \
  --checkpoint "$root/models/default/model.safetensors" --image-size 128 --adapter-kind pooled --train adapter,decoder \
  --episodes --steps "$steps" --batch 2 --lr 1e-3 --seed 0 --set warmupSteps=30 --set syntheticShare=0 --set target=soft \
  --set validateEvery=0 --set validateSamples=0 --set checkpointEvery=100

for set in acdc:3 la2018:1; do
  for model in before after; do
    store=${set%:*} label=${set#*:}
    [ -e "$out/$store-$model.json" ] || node "$root/scripts/evaluate-support.mjs" --data "$out/$store" --label "$label" \
      --out "$out/$store-$model.json" --n 8 --draws 2 --most 8 --engines learned/mean@128 --view whole --partner none \
      $([ "$model" = before ] || echo --model "$out/adapter")
  done
done
