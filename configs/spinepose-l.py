_base_ = ['./_base_/spinepose_256x192.py']

model = dict(
    backbone=dict(deepen_factor=1.0, widen_factor=1.0),
    head=dict(in_channels=1024))

# RTMPose-l on Body8; None trains from scratch, without a download.
load_from = 'spinepose://rtmpose-l-halpe26'
