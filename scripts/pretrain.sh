#!/usr/bin/env bash
# The embedded model's pretraining: synthetic tasks only. The cardiac training patients judge it, nothing else.
#   scripts/pretrain.sh DATA_DIR OUT_DIR [COARSE [MIDDLE [FINE]]]      DATA_DIR holds acdc/ and la2018/
# Steps of the three stages, at 64, 128 and 256 pixels: what is small is quick to draw and to learn from, and what has
# been learned from it holds at the finer sizes. Each stage goes on where it was stopped when the script runs again.
# models/README.md has what came out.
set -euo pipefail
data=$1 out=$2 coarse=${3:-4000} middle=${4:-7000} fine=${5:-1500}
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/cardiac-stores.sh"
cardiac_stores "$data" "$out"

common=(--episodes --data "$out/acdc" "$out/la2018" --resume --dtype bfloat16
  --set syntheticShare=1 --set queries=4 --set supports=[1,2,4,8] --set target=soft --set noise=0.05
  --set weightDecay=0.05 --set schedule=constant --set average=0.998
  --set validateSamples=64 --set validateEvery=500 --set checkpointEvery=500)

gmiseg train "${common[@]}" --out "$out/coarse" --config small --image-size 64 --seed 1 --steps "$coarse" --batch 4 \
  --lr 1e-3 --set warmupSteps=200 --set exportEvery=2000

gmiseg train "${common[@]}" --out "$out/middle" --checkpoint "$out/coarse/model.safetensors" --adapter-kind none \
  --train all --image-size 128 --seed 2 --steps "$middle" --batch 2 --lr 8e-4 --set warmupSteps=100 \
  --set exportEvery=1000

gmiseg train "${common[@]}" --out "$out/fine" --checkpoint "$out/middle/model.safetensors" --adapter-kind none \
  --train all --image-size 256 --seed 3 --steps "$fine" --batch 1 --lr 3e-4 --set warmupSteps=100 \
  --set exportEvery=500

# Of the models kept by the way, the one with the best Dice on the cardiac training patients becomes the package's:
#   gmiseg convert --model OUT/STAGE/step-N.safetensors --image-size 256 --dtype bfloat16 --out models/default/model.safetensors
