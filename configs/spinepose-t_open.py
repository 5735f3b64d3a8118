# spinepose-t from open material alone: synthetic people with a spine, and real
# photographs (Leeds Sports Pose Extended) with hand-labelled limbs, face and
# feet from a teacher. demo/README.md names the commands and the scores.
_base_ = ['./spinepose-t_demo.py']

load_from = 'spinepose://spinepose-t-demo'
max_epochs = 5
lsp_root = '{{$LSP_ROOT:data/lsp}}/'

train_pipeline = [
    dict(type='LoadPoseImage', lazy=True, backend_args=_base_.backend_args),
    dict(type='GetBBoxCenterScale'),
    dict(type='FastRandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody', prob=0.05),
    dict(
        type='FastRandomBBoxTransform',
        shift_factor=0.1,
        scale_factor=[0.75, 1.3],
        rotate_factor=40,
    ),
    dict(type='FastTopdownAffine', input_size=_base_.input_size),
    dict(type='FastPhotometricDistortion'),
    dict(type='FastGenerateTarget', encoder=_base_.codec),
    dict(type='PackPoseInputs'),
]
train_dataloader = dict(
    dataset=dict(
        datasets=[
            *_base_.train_sets,
            dict(
                type='SpineTrackDataset',
                data_root=lsp_root,
                data_mode='topdown',
                ann_file='train.json',
                data_prefix=dict(img='images/'),
                on_bad_annotation='skip',
            ),
        ],
        # Every photograph three times per epoch.
        sample_ratio_factor=[1.0, 1.0, 1.0, 3.0],
        pipeline=train_pipeline,
    )
)

train_cfg = dict(max_epochs=max_epochs, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=200),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
