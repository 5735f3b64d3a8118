# What tools/quickstart.py trains in minutes on a CPU: the demo model, which
# of demo/README.md, trained further on new synthetic people.
_base_ = ['./spinepose-t_demo.py']

load_from = 'spinepose://spinepose-t-demo'
max_epochs = 1

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
# float32: without instructions for bfloat16 a CPU is slower with it.
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=3e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, by_epoch=False, begin=0, end=30),
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
    dict(type='MemoryFormatHook'),
    dict(type='SyncBuffersHook'),
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.01,
        gamma=100,
        update_buffers=True,
        priority=49,
    ),
]
