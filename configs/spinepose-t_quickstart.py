# A CPU-sized run on the synthetic set: half the input, a short schedule and
# from scratch. tools/quickstart.py trains it; it is no model for real people.
# The backbone stops at stride 16: it is faster, and at half the input the head
# learns in fewer steps from 6x8 features than from 3x4.
_base_ = ['./spinepose-t.py']

load_from = None
input_size = (96, 128)  # w, h in pixels
stride = 16
max_epochs = 8
base_lr = 1e-3
batch_size = 16  # a process
backend_args = dict(backend='local')

codec = dict(
    type='SimCCLabel',
    input_size=input_size,
    # Wider than half the published one: fewer steps to a first guess.
    sigma=(10.0, 11.5),
    simcc_split_ratio=2.0,
    normalize=False,
    use_dark=False,
)
model = dict(
    # No teacher, and the label loss alone.
    beta=0.0,
    gamma1=0.0,
    gamma2=0.0,
    backbone=dict(
        # Statistics of each process alone: two share a slow link on a CPU.
        norm_cfg=dict(type='BN'),
        # in, out, blocks, add identity, spatial pyramid pooling
        arch_ovewrite=[
            [64, 128, 3, True, False],
            [128, 256, 6, True, False],
            [256, 512, 6, False, True],
        ],
        out_indices=(3,),
    ),
    head=dict(
        in_channels=192,
        input_size=input_size,
        in_featuremap_size=(input_size[0] // stride, input_size[1] // stride),
        decoder=codec,
    ),
)

train_pipeline = [
    dict(type='LoadPoseImage', lazy=True, backend_args=backend_args),
    dict(type='GetBBoxCenterScale'),
    dict(type='FastRandomFlip', direction='horizontal'),
    dict(type='TopdownAffine', input_size=input_size),
    dict(type='FastGenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadPoseImage', lazy=True, backend_args=backend_args),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=input_size),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=1,
    dataset=dict(pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
optim_wrapper = dict(optimizer=dict(lr=base_lr))
auto_scale_lr = dict(base_batch_size=2 * batch_size)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=100),
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
# The average over the last few hundred iterations of a short run.
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.004,
        gamma=200,
        update_buffers=True,
        priority=49,
    ),
]
