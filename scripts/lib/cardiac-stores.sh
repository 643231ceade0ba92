# To be sourced: `gmiseg` of this checkout, and the cardiac stores that several recipes start from.
gmiseg() { node "$(dirname "${BASH_SOURCE[0]}")/../../dist/cli/main.js" "$@"; }
export OMP_WAIT_POLICY=passive

# cardiac_stores DATA_DIR OUT_DIR: ACDC and LA 2018 across the third axis, all slices with 20 labelled pixels or more.
cardiac_stores() {
  local set
  for set in acdc la2018; do
    [ -e "$2/$set/index.json" ] || gmiseg import --layout nnunet --in "$1/$set" --out "$2/$set" \
      --policy all --axes 2 --min-area 20 >&2
  done
}

# The same as $set-middle: of each structure in each volume the middle slice alone.
cardiac_middle_stores() {
  local set
  for set in acdc la2018; do
    [ -e "$2/$set-middle/index.json" ] || gmiseg import --layout nnunet --in "$1/$set" --out "$2/$set-middle" \
      --policy mid-object --axes 2 >&2
  done
}
