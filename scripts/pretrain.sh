#!/usr/bin/env bash
# The embedded model's pretraining: synthetic tasks only. The cardiac training patients judge it, nothing else.
#   scripts/pretrain.sh DATA_DIR OUT_DIR [COARSE [MIXED]]      DATA_DIR holds acdc/ and la2018/; DTYPE=bfloat16 where the
# processor has it (AVX-512), which is then two to four times as fast
# Steps of the two stages: at 64 pixels, then at 64, 128 and 256 in turns: what is small is quick to draw and to learn
# from, and a task encoder that knows several sizes can be asked at the one that suits a task. Each stage goes on where
# it was stopped when the script runs again. models/README.md has what came out.
set -euo pipefail
data=$1 out=$2 coarse=${3:-4000} mixed=${4:-20000}
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/cardiac-stores.sh"
source "$root/scripts/lib/pretraining.sh"
cardiac_stores "$data" "$out"

common=("${pretraining[@]}" --data "$out/acdc" "$out/la2018" --resume --dtype "${DTYPE:-float32}"
  --set syntheticShare=1 --set schedule=constant --set validateEvery=500 --set checkpointEvery=250)

gmiseg train "${common[@]}" --out "$out/coarse" --config small --image-size 64 --seed 1 --steps "$coarse" --batch 4 \
  --lr 1e-3 --set warmupSteps=200 --set exportEvery=2000

gmiseg train "${common[@]}" --out "$out/mixed" --checkpoint "$out/coarse/model.safetensors" --adapter-kind none \
  --train all --image-size 128 --seed 11 --steps "$mixed" --batch 2 --lr 5e-4 --set warmupSteps=100 \
  --set imageSizes=[64,64,128,128,128,256] --set exportEvery=250

# Of the models kept by the way, the one with the best Dice on the cardiac training patients becomes the package's:
#   scripts/choose-model.sh DATA_DIR OUT_DIR OUT_DIR/mixed/step-N.safetensors
# (scripts/average-models.mjs makes one of several), and in the package's size and form:
#   gmiseg convert --model OUT_DIR/mixed/step-N.safetensors --image-size 256 --dtype bfloat16 --out models/default/model.safetensors
