# Without L_distill: no teacher is read. Any model: --cfg-options model.beta=0
_base_ = ['../spinepose-m.py']

model = dict(beta=0.0)
