# Without L_structure. Any model: --cfg-options model.gamma1=0
_base_ = ['../spinepose-m.py']

model = dict(gamma1=0.0)
