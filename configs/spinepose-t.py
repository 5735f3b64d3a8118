_base_ = ['./_base_/spinepose_256x192.py']

model = dict(
    backbone=dict(deepen_factor=0.167, widen_factor=0.375),
    head=dict(in_channels=384),
    teacher=dict(
        config='mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-t_8xb1024-700e_body8-halpe26-256x192.py',
        checkpoint='spinepose://rtmpose-t-halpe26',
    ),
)

# RTMPose-t on Body8, with 26 keypoints.
load_from = 'spinepose://rtmpose-t-halpe26'
