# The demo model: spinepose-t from scratch on synthetic people, on two CPU
# processes. demo/README.md names the commands and the score.
_base_ = ['./spinepose-t.py']

load_from = None
input_size = (192, 256)  # w, h in pixels
flat_epochs, max_epochs = 4, 8
base_lr = 1e-3
batch_size = 16  # per process
backend_args = dict(backend='local')

model = dict(
    # No teacher, and the label loss alone.
    beta=0.0,
    gamma1=0.0,
    gamma2=0.0,
    # Each process has its own statistics: on a CPU the link is slow.
    backbone=dict(norm_cfg=dict(type='BN')),
)

train_pipeline = [
    dict(type='LoadPoseImage', lazy=True, backend_args=backend_args),
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
    dict(type='FastGenerateTarget', encoder={{_base_.codec}}),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    dataset=dict(pipeline=train_pipeline),
)

train_cfg = dict(max_epochs=max_epochs, val_interval=2)
optim_wrapper = dict(type='Bfloat16OptimWrapper', optimizer=dict(lr=base_lr))
auto_scale_lr = dict(base_batch_size=2 * batch_size)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=300),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.02,
        begin=flat_epochs,
        end=max_epochs,
        T_max=max_epochs - flat_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
custom_hooks = [
    dict(type='MemoryFormatHook'),
    dict(type='SyncBuffersHook'),
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.001,
        gamma=1000,
        update_buffers=True,
        priority=49,
    ),
]
