# Base of the lifters: 37 points in 2D to 37 in 3D. Input are rays, (x - cx) /
# fx and (y - cy) / fy, 0 for a missing point; output are metres from the
# sacrum in the camera's axes.
_base_ = ['./default_runtime.py']

max_epochs = 8
base_lr = 1e-3
batch_size, repeats = 16, 16
stem_channels = 384

codec = dict(type='RayPoseLifting')
model = dict(
    type='PoseLifter',
    data_preprocessor=dict(type='LifterDataPreprocessor', repeats=repeats),
    backbone=dict(
        type='CentredTCN',
        in_channels=2 * 37,
        stem_channels=stem_channels,
        num_blocks=2,
        kernel_sizes=(1, 1, 1),
        dropout=0.1,
    ),
    head=dict(
        type='CentredRegressionHead',
        in_channels=stem_channels,
        num_joints=37,
        loss=dict(type='MPJPELoss', use_target_weight=True),
        decoder=codec,
    ),
)

# tools/dataset_tools/make_synthetic.py --no-images writes it.
dataset_type = 'SpineTrack3DDataset'
data_mode = 'topdown'
data_root = 'data/synthetic3d/'
test_pipeline = [
    dict(type='GenerateTarget', encoder=codec),
    dict(
        type='PackPoseInputs',
        meta_keys=('id', 'category_id', 'target_img_path', 'flip_indices',
                   'target_root'),
    ),
]  # fmt: skip
# What the data preprocessor makes samples of.
train_pipeline = [
    dict(type='PackPoseInputs', meta_keys=('camera_param', 'keypoints_3d'))
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/synthetic3d_train-real-coco.npz',
        more_ann_files=[
            'annotations/synthetic3d_train-real-yoga.npz',
            'annotations/synthetic3d_train-unreal.npz',
        ],
        causal=False,
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=128,
    num_workers=0,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/synthetic3d_val2017.npz',
        causal=False,
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_dataloader = test_dataloader
val_evaluator = dict(type='SpineMPJPE')
test_evaluator = val_evaluator

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=2)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=base_lr, weight_decay=0.01)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=300),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
default_hooks = dict(
    # Of the others some need a SimCC head; timer, seed and rates are the
    # runner's own defaults.
    _delete_=True,
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=2,
        backend_args=dict(backend='atomic'),
        save_best='spine3d/spine_P-MPJPE',
        rule='less',
    ),
)
visualizer = dict(type='Pose3dLocalVisualizer')
