# The demo model's last and longest step, from the student of docs/ablation.md
# on: the rate falls all the way after the first epoch.
_base_ = ['./spinepose-t_demo.py']

flat_epochs, max_epochs = 1, 4

train_cfg = dict(max_epochs=max_epochs, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, by_epoch=False, begin=0, end=300),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        begin=flat_epochs,
        end=max_epochs,
        T_max=max_epochs - flat_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
