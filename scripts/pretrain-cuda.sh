#!/usr/bin/env bash
# The embedded model's last stage, on one GPU: synthetic tasks only, nobody's pictures.
#   scripts/pretrain-cuda.sh OUT_DIR [STEPS [MODEL]]
# 5200 steps take ten minutes of an H200 and 14 cores that draw pictures for it. Goes on from MODEL, the package's own
# where left out, and where it was stopped when it runs again; models are kept every thousand steps to choose among
# (scripts/choose-model.sh). In the package's size and form:
#   gmiseg convert --model OUT_DIR/model.safetensors --image-size 256 --dtype bfloat16 --out models/default/model.safetensors
set -euo pipefail
out=$1 steps=${2:-5200}
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/pretraining.sh"
model=${3:-$root/models/default/model.safetensors}
export OMP_WAIT_POLICY=passive
# What a step needs changes with its sizes.
export PYTORCH_CUDA_ALLOC_CONF=${PYTORCH_CUDA_ALLOC_CONF:-expandable_segments:True}
exec node "$root/dist/cli/main.js" train --device cuda --out "$out" --resume --checkpoint "$model" \
  --adapter-kind none --train all "${pretraining[@]}" --image-size 128 --seed "${SEED:-41}" --steps "$steps" \
  --batch 16 --lr 6e-4 --dtype tf32 --set schedule=constant-linear --set warmupSteps=200 \
  --set imageSizes=[64,64,128,128,128,128,256,256,256,256] --set validateEvery=1000 --set checkpointEvery=1000 \
  --set exportEvery=1000
