# People of COCO train2017 mixed in: 17 keypoints, the other 20 unlabelled.
_base_ = ['../spinepose-m.py', '../_base_/datasets/mix_coco.py']

train_dataloader = dict(
    dataset=dict(datasets=[*_base_.train_sets, *_base_.coco_sets])
)
