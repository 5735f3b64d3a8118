# Without L_spine. Any model: --cfg-options model.gamma2=0
_base_ = ['../spinepose-m.py']

model = dict(gamma2=0.0)
