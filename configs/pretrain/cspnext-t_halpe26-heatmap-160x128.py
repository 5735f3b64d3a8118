# Backbone of the demo model: it learns with a heatmap head, as RTMPose's
# backbones did, on a smaller input. From scratch a SimCC head needs many times
# the samples. The spine is left out: the backbone also starts the teacher of
# docs/ablation.md, which must not have seen it.
_base_ = ['../spinepose-t_demo.py']

input_size = (128, 160)  # w, h in pixels
max_epochs = 3

codec = dict(
    type='MSRAHeatmap',
    input_size=input_size,
    heatmap_size=(input_size[0] // 4, input_size[1] // 4),
    sigma=1.5,
)
model = dict(
    _delete_=True,
    type='TopdownPoseEstimator',
    data_preprocessor={{_base_.model.data_preprocessor}},
    backbone=dict(
        _scope_='mmdet',
        type='CSPNeXt',
        arch='P5',
        expand_ratio=0.5,
        deepen_factor=0.167,
        widen_factor=0.375,
        out_indices=(4,),
        channel_attention=True,
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='SiLU'),
    ),
    head=dict(
        type='HeatmapHead',
        in_channels=384,
        out_channels=26,
        deconv_out_channels=(128, 64, 64),
        deconv_kernel_sizes=(4, 4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=codec,
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=False),
)

train_pipeline = [
    dict(type='LoadPoseImage', lazy=True, backend_args=dict(backend='local')),
    dict(type='GetBBoxCenterScale'),
    dict(type='FastRandomFlip', direction='horizontal'),
    dict(
        type='FastRandomBBoxTransform',
        shift_factor=0.08,
        scale_factor=[0.8, 1.25],
        rotate_factor=20,
        rotate_prob=0.3,
    ),
    dict(type='FastTopdownAffine', input_size=input_size),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
# Halpe26: neck and hip are the midpoints of shoulders and hips.
to_halpe26 = dict(
    type='KeypointConverter',
    num_keypoints=26,
    mapping=[(i, i) for i in range(26) if i not in (18, 19)]
    + [((5, 6), 18), ((11, 12), 19)],
)
train_sets = [
    dict(
        type='SpineTrackDataset',
        data_root='{{$SPINETRACK_ROOT:data/spinetrack}}/',
        data_mode='topdown',
        ann_file=f'annotations/person_keypoints_{split}.json',
        data_prefix=dict(img=f'images/{split}/'),
        on_bad_annotation='skip',
        pipeline=[to_halpe26],
    )
    for split in ('train-real-coco', 'train-real-yoga', 'train-unreal')
]
train_dataloader = dict(
    dataset=dict(
        metainfo=dict(from_file='configs/_base_/datasets/halpe26.py'),
        datasets=train_sets,
        pipeline=train_pipeline,
    )
)
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=300)
]
default_hooks = dict(checkpoint=dict(save_best=None))
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
