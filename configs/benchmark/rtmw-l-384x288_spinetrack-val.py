# RTMW-l at 384x288 on Cocktail14, 133 COCO-WholeBody keypoints.
_base_ = [
    'mmpose::wholebody_2d_keypoint/rtmpose/cocktail14/'
    'rtmw-l_8xb320-270e_cocktail14-384x288.py',
    './_base_/mmpose_model.py',
]
keypoints = 'configs/_base_/datasets/coco_wholebody.py'

test_dataloader = dict(_delete_=True, **_base_.benchmark_dataloader)
test_dataloader['dataset'].update(
    metainfo=dict(from_file=keypoints), pipeline=_base_.val_pipeline
)
test_evaluator = dict(
    _delete_=True, predicts=keypoints, **_base_.benchmark_evaluator
)
