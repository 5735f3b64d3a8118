# The demo model's steps after spinepose-t_demo_long.py: with the stem and two
# stages frozen, which are half of the work on a CPU, it sees twice the people
# in the same time.
_base_ = ['./spinepose-t_demo_long.py']

flat_epochs, max_epochs = 1, 6

model = dict(backbone=dict(frozen_stages=2))
# MMDetection freezes them after the processes have been joined.
find_unused_parameters = True

base_lr = 3e-4
optim_wrapper = dict(optimizer=dict(lr=base_lr))
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-2, by_epoch=False, begin=0, end=300),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.05,
        begin=flat_epochs,
        end=max_epochs,
        T_max=max_epochs - flat_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
