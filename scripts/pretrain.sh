#!/usr/bin/env bash
# The embedded model's pretraining: synthetic tasks only. The cardiac training patients judge it, nothing else.
#   scripts/pretrain.sh DATA_DIR OUT_DIR [STEADY [COOL [FINE]]]      DATA_DIR holds acdc/ and la2018/
# Steps of the three stages: at a steady rate at 128 pixels, which may go on for as long as there is time; cooling
# down to a rate of nothing; and, where FINE is above 0, once more at 256 pixels.
# Each stage goes on where it was stopped when the script runs again. models/README.md has what came out.
set -euo pipefail
data=$1 out=$2 steady=${3:-60000} cool=${4:-15000} fine=${5:-10000}
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/cardiac-stores.sh"
cardiac_stores "$data" "$out"

common=(--episodes --data "$out/acdc" "$out/la2018" --resume --dtype bfloat16 --batch 2
  --set syntheticShare=1 --set queries=4 --set supports=[1,2,4,8] --set target=soft --set noise=0.05
  --set weightDecay=0.05 --set validateSamples=64 --set checkpointEvery=500 --set exportEvery=2000)

gmiseg train "${common[@]}" --out "$out/steady" --config small --image-size 128 --seed 1 --steps "$steady" --lr 8e-4 \
  --set schedule=constant --set warmupSteps=200 --set validateEvery=1000

gmiseg train "${common[@]}" --out "$out/cool" --checkpoint "$out/steady/model.safetensors" --adapter-kind none \
  --train all --image-size 128 --seed 3 --steps "$cool" --lr 8e-4 --set schedule=linear --set warmupSteps=50 \
  --set validateEvery=600

[ "$fine" -eq 0 ] ||
  gmiseg train "${common[@]}" --out "$out/fine" --checkpoint "$out/cool/model.safetensors" --adapter-kind none \
    --train all --image-size 256 --seed 4 --steps "$fine" --lr 3e-4 --set schedule=linear --set warmupSteps=100 \
    --set validateEvery=500

# Of the models kept by the way, the one with the best Dice on the cardiac training patients becomes the package's:
#   gmiseg convert --model OUT/STAGE/best.safetensors --image-size N --dtype bfloat16 --out models/default/model.safetensors
