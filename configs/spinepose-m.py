_base_ = ['./_base_/spinepose_256x192.py']

model = dict(
    backbone=dict(deepen_factor=0.67, widen_factor=0.75),
    head=dict(in_channels=768))

# RTMPose-m on Body8; None trains from scratch, without a download.
load_from = 'spinepose://rtmpose-m-halpe26'
