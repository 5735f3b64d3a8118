# SpinePose at 256x192: the base of every config. A model states its backbone,
# its teacher and its starting weights; spinepose_384x288.py states the larger
# input. docs/training.md explains the settings.
_base_ = ['./default_runtime.py']

import os

import torch

num_keypoints = 37
input_size = (192, 256)  # w, h in pixels

# --- schedule: the published recipe -------------------------------------
max_epochs = 10
base_lr = 4e-3
# Samples per process; the published configs are named after 32 processes.
train_batch_size = 256
val_batch_size = 64

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()
randomness = dict(seed=21)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=base_lr, weight_decay=0.05),
    # base_lr collapses small runs without it. The losses are means over people,
    # so the usual norm (about 10) is that of every batch and input size.
    clip_grad=dict(max_norm=35, norm_type=2),
    paramwise_cfg=dict(
        norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True
    ),
)

param_scheduler = [
    dict(type='LinearLR', start_factor=1e-5, by_epoch=False, begin=0, end=1000),
    dict(
        type='CosineAnnealingLR',
        # A ratio: an absolute minimum would exceed a scaled-down base_lr.
        eta_min_ratio=0.05,
        begin=max_epochs // 2,
        end=max_epochs,
        T_max=max_epochs // 2,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]

# The batch that base_lr is meant for: scales base_lr to the actual batch, and
# logs the factor.
auto_scale_lr = dict(enable=True, base_batch_size=1024)

# --- model: state-dict keys are those of the published checkpoints ----------
codec = dict(
    type='SimCCLabel',
    input_size=input_size,
    sigma=(4.9, 5.66),
    simcc_split_ratio=2.0,
    normalize=False,
    use_dark=False,
)

# --- method: alpha L_pos + beta L_distill + gamma1 L_structure + gamma2 L_spine
# Outside of training the distiller is a TopdownPoseEstimator. To train from
# scratch, without downloads: --cfg-options load_from=None model.beta=0
model = dict(
    type='SpinePoseDistiller',
    alpha=1.0,  # 5 in the arXiv text, 1 in its authors' later discussion
    beta=2.5,  # 0 needs no teacher
    gamma1=0.1,
    gamma2=0.5,
    data_preprocessor=dict(
        type='SpinePoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        non_blocking=True,
    ),
    backbone=dict(
        _scope_='mmdet',
        type='CSPNeXt',
        arch='P5',
        expand_ratio=0.5,
        deepen_factor=0.67,
        widen_factor=0.75,
        out_indices=(4,),
        channel_attention=True,
        norm_cfg=dict(type='SyncBN'),
        act_cfg=dict(type='SiLU'),
    ),
    head=dict(
        type='RTMCCHead',
        in_channels=768,
        out_channels=num_keypoints,
        input_size=input_size,
        in_featuremap_size=(input_size[0] // 32, input_size[1] // 32),
        simcc_split_ratio=codec['simcc_split_ratio'],
        final_layer_kernel_size=7,
        gau_cfg=dict(
            hidden_dims=256,
            s=128,
            expansion_factor=2,
            dropout_rate=0.0,
            drop_path=0.0,
            act_fn='SiLU',
            use_rel_bias=False,
            pos_enc=False,
        ),
        loss=dict(
            type='KLDiscretLoss',
            use_target_weight=True,
            beta=10.0,
            label_softmax=True,
        ),
        decoder=codec,
    ),
    test_cfg=dict(flip_test=True),
)

# --- data --------------------------------------------------------------------
dataset_type = 'SpineTrackDataset'
data_mode = 'topdown'
# The folder that holds annotations/ and images/.
data_root = '{{$SPINETRACK_ROOT:data/spinetrack}}/'
num_workers = min(10, os.cpu_count() or 1)
# Transfers to a GPU overlap its work; without a GPU PyTorch would warn.
pin_memory = torch.cuda.is_available()
backend_args = dict(backend='local')

# Our own transforms do what MMPose's of the same names do, in less time;
# variants/spinepose-m_mmpose-pipeline.py has MMPose's. docs/loading.md.
train_pipeline = [
    dict(
        type='LoadPoseImage',
        on_bad_image='skip',
        lazy=True,
        backend_args=backend_args,
    ),
    dict(type='GetBBoxCenterScale'),
    dict(type='FastRandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(
        type='FastRandomBBoxTransform',
        scale_factor=[0.5, 1.5],
        rotate_factor=90,
    ),
    dict(type='FastTopdownAffine', input_size=input_size),
    dict(type='FastPhotometricDistortion'),
    dict(
        type='Albumentation',
        transforms=[
            dict(type='Blur', p=0.1),
            dict(type='MedianBlur', p=0.1),
            dict(
                type='CoarseDropout',
                max_holes=1,
                max_height=0.4,
                max_width=0.4,
                min_holes=1,
                min_height=0.2,
                min_width=0.2,
                p=1.0,
            ),
        ],
    ),
    dict(type='FastGenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadPoseImage', lazy=True, backend_args=backend_args),
    dict(type='GetBBoxCenterScale'),
    dict(type='FastTopdownAffine', input_size=input_size),
    dict(type='PackPoseInputs'),
]

metainfo = dict(from_file='configs/_base_/datasets/spinetrack.py')
train_sets = [
    dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file=f'annotations/person_keypoints_{split}.json',
        data_prefix=dict(img=f'images/{split}/'),
        on_bad_annotation='skip',
    )
    for split in ('train-real-coco', 'train-real-yoga', 'train-unreal')
]
train_dataloader = dict(
    batch_size=train_batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    pin_memory=pin_memory,
    # Workers hand over a few tensors per batch, not four per person.
    collate_fn=dict(type='pose_collate'),
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CombinedDataset',
        metainfo=metainfo,
        datasets=train_sets,
        pipeline=train_pipeline,
        test_mode=False,
    ),
)
val_dataloader = dict(
    batch_size=val_batch_size,
    num_workers=num_workers,
    persistent_workers=True,
    pin_memory=pin_memory,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        data_mode=data_mode,
        ann_file='annotations/person_keypoints_val2017.json',
        data_prefix=dict(img='images/val2017/'),
        test_mode=True,
        pipeline=val_pipeline,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='SpineTrackMetric',
    ann_file=data_root + 'annotations/person_keypoints_val2017.json',
)
test_evaluator = val_evaluator
