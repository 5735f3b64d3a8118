_base_ = ['./_base_/spinepose_256x192.py']

model = dict(
    backbone=dict(deepen_factor=0.33, widen_factor=0.5),
    head=dict(in_channels=512),
    teacher=dict(
        config='mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-s_8xb1024-700e_body8-halpe26-256x192.py',
        checkpoint='spinepose://rtmpose-s-halpe26',
    ),
)

# RTMPose-s on Body8, with 26 keypoints.
load_from = 'spinepose://rtmpose-s-halpe26'
