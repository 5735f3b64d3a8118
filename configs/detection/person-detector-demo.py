# The person detector that comes with the code: RTMDet's head on the backbone of
# the demo pose model, for MMDetection; demo/README.md has commands and scores.
_base_ = 'mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
custom_imports = dict(imports=['spinepose_mmpose'])

load_from = 'data/detector-start.pth'
size, channels, max_epochs = 320, 40, 1
synthetic = '{{$SPINETRACK_ROOT:data/synset}}/'
photographs = '{{$LSP_ROOT:data/lsp}}/'
norm_cfg = dict(type='BN')
person = dict(classes=('person',))

model = dict(
    backbone=dict(init_cfg=None, norm_cfg=norm_cfg, frozen_stages=1),
    neck=dict(
        _delete_=True,
        type='FPN',
        in_channels=[96, 192, 384],
        out_channels=channels,
        num_outs=3,
        norm_cfg=norm_cfg,
        act_cfg=dict(type='SiLU'),
    ),
    bbox_head=dict(
        num_classes=1,
        in_channels=channels,
        feat_channels=channels,
        norm_cfg=norm_cfg,
    ),
)

train_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='CachedMosaic',
        img_scale=(size, size),
        pad_val=114.0,
        max_cached_images=20,
        random_pop=False,
        prob=0.6,
    ),
    dict(
        type='RandomResize',
        scale=(2 * size, 2 * size),
        ratio_range=(0.3, 1.2),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=(size, size), allow_negative_crop=True),
    dict(type='YOLOXHSVRandomAug'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(size, size), pad_val=dict(img=(114, 114, 114))),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='Resize', scale=(size, size), keep_ratio=True),
    dict(type='Pad', size=(size, size), pad_val=dict(img=(114, 114, 114))),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(
        type='PackDetInputs',
        meta_keys=(
            'img_id',
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
        ),
    ),
]
lsp_train = dict(
    type='CocoDataset',
    ann_file=photographs + 'boxes_train.json',
    data_prefix=dict(img=photographs + 'images/'),
    metainfo=person,
    pipeline=train_pipeline,
)
synthetic_coco = dict(
    lsp_train,
    ann_file=synthetic + 'annotations/person_keypoints_train-real-coco.json',
    data_prefix=dict(img=synthetic + 'images/train-real-coco/'),
)
synthetic_yoga = dict(
    lsp_train,
    ann_file=synthetic + 'annotations/person_keypoints_train-real-yoga.json',
    data_prefix=dict(img=synthetic + 'images/train-real-yoga/'),
)
train_dataloader = dict(
    _delete_=True,
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            synthetic_coco,
            synthetic_yoga,
            lsp_train,
            lsp_train,
        ],
    ),
)
val_dataloader = dict(
    _delete_=True,
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CocoDataset',
        ann_file=photographs + 'boxes_test.json',
        data_prefix=dict(img=photographs + 'images/'),
        metainfo=person,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=photographs + 'boxes_test.json', metric='bbox')
test_evaluator = val_evaluator

train_cfg = dict(
    _delete_=True, type='EpochBasedTrainLoop', max_epochs=max_epochs
)
optim_wrapper = dict(
    type='mmpose.Bfloat16OptimWrapper',
    optimizer=dict(lr=2e-3, weight_decay=0.02),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, by_epoch=False, begin=0, end=100),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.02,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))
custom_hooks = [
    dict(type='mmpose.MemoryFormatHook'),
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.003,
        update_buffers=True,
        priority=49,
    ),
]
