_base_ = ['./_base_/spinepose_256x192.py']

model = dict(
    backbone=dict(deepen_factor=0.167, widen_factor=0.375),
    head=dict(in_channels=384))

# RTMPose-t on Body8; None trains from scratch, without a download.
load_from = 'spinepose://rtmpose-t-halpe26'
