# SpinePose-s, 37 keypoints.
_base_ = [
    '../spinepose-s.py',
    './_base_/test_sets.py',
]
keypoints = 'configs/_base_/datasets/spinetrack.py'

test_dataloader = dict(_delete_=True, **_base_.benchmark_dataloader)
test_dataloader['dataset'].update(
    metainfo=dict(from_file=keypoints), pipeline=_base_.val_pipeline
)
test_evaluator = dict(
    _delete_=True, predicts=keypoints, **_base_.benchmark_evaluator
)
