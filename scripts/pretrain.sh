#!/usr/bin/env bash
# The embedded model's pretraining: synthetic tasks only. The cardiac training patients judge it, nothing else.
#   scripts/pretrain.sh DATA_DIR OUT_DIR [STEPS_128 [STEPS_256]]      DATA_DIR holds acdc/ and la2018/
# Each stage goes on where it was stopped when the script runs again. models/README.md has what came out.
set -euo pipefail
data=$1 out=$2 coarse=${3:-60000} fine=${4:-15000}
root=$(cd "$(dirname "$0")/.." && pwd)
gmiseg() { node "$root/dist/cli/main.js" "$@"; }
export OMP_WAIT_POLICY=passive

for set in acdc la2018; do
  [ -e "$out/$set/index.json" ] || gmiseg import --layout nnunet --in "$data/$set" --out "$out/$set" \
    --policy all --axes 2 --min-area 20
done

common=(--episodes --data "$out/acdc" "$out/la2018" --resume --dtype bfloat16 --batch 2
  --set syntheticShare=1 --set queries=4 --set supports=[1,2,4,8] --set target=soft --set noise=0.05
  --set weightDecay=0.05 --set validateSamples=64 --set checkpointEvery=500 --set exportEvery=2000)

gmiseg train "${common[@]}" --out "$out/coarse" --config small --image-size 128 --seed 1 --steps "$coarse" --lr 8e-4 \
  --set warmupSteps=200 --set validateEvery=1000

gmiseg train "${common[@]}" --out "$out/fine" --checkpoint "$out/coarse/model.safetensors" --image-size 256 \
  --adapter-kind none --train all --seed 2 --steps "$fine" --lr 3e-4 --set warmupSteps=100 --set validateEvery=500
