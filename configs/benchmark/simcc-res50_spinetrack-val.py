# SimCC with ResNet50 at 256x192, 17 COCO keypoints.
_base_ = [
    'mmpose::body_2d_keypoint/simcc/coco/'
    'simcc_res50_8xb64-210e_coco-256x192.py',
    './_base_/mmpose_model.py',
]
keypoints = 'configs/_base_/datasets/coco.py'

test_dataloader = dict(_delete_=True, **_base_.benchmark_dataloader)
test_dataloader['dataset'].update(
    metainfo=dict(from_file=keypoints), pipeline=_base_.test_pipeline
)
test_evaluator = dict(
    _delete_=True, predicts=keypoints, **_base_.benchmark_evaluator
)
