# What every config shares and no model changes: registration, logging, hooks.
custom_imports = dict(imports=['spinepose_mmpose'], allow_failed_imports=False)
default_scope = 'mmpose'

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        # Two, written atomically: a run killed while it saves can resume.
        max_keep_ckpts=2,
        backend_args=dict(backend='atomic'),
        save_best='spinetrack/all_AP',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='PoseVisualizationHook', enable=False),
    # load_from with other keypoints: rows by name, new ones at random.
    head_extension=dict(type='HeadExtensionHook'),
    # A resumed run ends with the weights of an uninterrupted one.
    resume=dict(type='ResumeHook'),
    sample_seed=dict(type='SampleSeedHook'),
)

custom_hooks = [
    # Averages batch norm statistics over the processes after each epoch.
    dict(type='SyncBuffersHook'),
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.0002,
        update_buffers=True,
        priority=49,
    ),
]

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # On a machine without a GPU the compatibility layer takes gloo instead.
    dist_cfg=dict(backend='nccl'),
)

vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(
    type='PoseLocalVisualizer', vis_backends=vis_backends, name='visualizer'
)
log_processor = dict(
    type='LogProcessor', window_size=50, by_epoch=True, num_digits=6
)
log_level = 'INFO'
backend_args = dict(backend='local')
load_from = None
resume = False
