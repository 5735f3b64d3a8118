# Backbone and teacher in float16 on a GPU; head and losses stay in float32.
# Any model: mmpose's tools/train.py --amp. On a CPU: --cfg-options
# optim_wrapper.type=Bfloat16OptimWrapper
_base_ = ['../spinepose-m.py']

optim_wrapper = dict(type='AmpOptimWrapper')
