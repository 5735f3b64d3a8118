_base_ = ['./_base_/spinepose_384x288.py']

model = dict(
    backbone=dict(deepen_factor=1.33, widen_factor=1.25),
    head=dict(in_channels=1280),
    teacher=dict(
        config='mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-x_8xb256-700e_body8-halpe26-384x288.py',
        checkpoint='spinepose://rtmpose-x-halpe26',
    ),
)

# RTMPose-x on Body8, with 26 keypoints.
load_from = 'spinepose://rtmpose-x-halpe26'
