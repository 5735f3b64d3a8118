# People of Halpe train mixed in: 24 of its keypoints, the other 13 unlabelled.
_base_ = ['../spinepose-m.py', '../_base_/datasets/mix_halpe26.py']

train_dataloader = dict(
    dataset=dict(datasets=[*_base_.train_sets, *_base_.halpe_sets])
)
