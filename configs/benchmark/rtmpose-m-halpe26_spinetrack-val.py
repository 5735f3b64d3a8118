# RTMPose-m on Body8, 26 Halpe keypoints.
_base_ = [
    'mmpose::body_2d_keypoint/rtmpose/body8/'
    'rtmpose-m_8xb512-700e_body8-halpe26-256x192.py',
    './_base_/mmpose_model.py',
]
keypoints = 'configs/_base_/datasets/halpe26.py'

test_dataloader = dict(_delete_=True, **_base_.benchmark_dataloader)
test_dataloader['dataset'].update(
    metainfo=dict(from_file=keypoints), pipeline=_base_.val_pipeline
)
test_evaluator = dict(
    _delete_=True, predicts=keypoints, **_base_.benchmark_evaluator
)
