_base_ = ['./_base_/spinepose_256x192.py']

model = dict(
    backbone=dict(deepen_factor=0.33, widen_factor=0.5),
    head=dict(in_channels=512))

# RTMPose-s on Body8; None trains from scratch, without a download.
load_from = 'spinepose://rtmpose-s-halpe26'
