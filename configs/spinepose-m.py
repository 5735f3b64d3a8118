_base_ = ['./_base_/spinepose_256x192.py']

model = dict(
    backbone=dict(deepen_factor=0.67, widen_factor=0.75),
    head=dict(in_channels=768),
    teacher=dict(
        config='mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-m_8xb512-700e_body8-halpe26-256x192.py',
        checkpoint='spinepose://rtmpose-m-halpe26',
    ),
)

# RTMPose-m on Body8, with 26 keypoints.
load_from = 'spinepose://rtmpose-m-halpe26'
