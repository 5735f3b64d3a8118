_base_ = ['./_base_/spinepose_384x288.py']

model = dict(
    backbone=dict(deepen_factor=1.33, widen_factor=1.25),
    head=dict(in_channels=1280))

# RTMPose-x on Body8; None trains from scratch, without a download.
load_from = 'spinepose://rtmpose-x-halpe26'
