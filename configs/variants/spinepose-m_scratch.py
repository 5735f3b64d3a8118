# From random weights and without a teacher: needs no network.
# Any model: --cfg-options load_from=None model.beta=0
_base_ = ['../spinepose-m.py']

load_from = None
model = dict(beta=0.0)
