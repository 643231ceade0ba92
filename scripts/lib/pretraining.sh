# To be sourced: what all stages of the embedded model's pretraining have in common, as options of `gmiseg train`.
pretraining=(--episodes --set queries=4 --set supports=[1,2,4,8] --set target=soft --set noise=0.05
  --set weightDecay=0.05 --set average=0.998 --set validateSamples=64)
