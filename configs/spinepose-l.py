_base_ = ['./_base_/spinepose_256x192.py']

model = dict(
    backbone=dict(deepen_factor=1.0, widen_factor=1.0),
    head=dict(in_channels=1024),
    teacher=dict(
        config='mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-l_8xb512-700e_body8-halpe26-256x192.py',
        checkpoint='spinepose://rtmpose-l-halpe26',
    ),
)

# RTMPose-l on Body8, with 26 keypoints.
load_from = 'spinepose://rtmpose-l-halpe26'
