# SpinePose at 384x288: what the larger input changes.
_base_ = ['./spinepose_256x192.py']

input_size = (288, 384)  # w, h in pixels
train_batch_size = 128

codec = dict(
    type='SimCCLabel',
    input_size=input_size,
    sigma=(6.0, 6.93),
    simcc_split_ratio=2.0,
    normalize=False,
    use_dark=False,
)
model = dict(
    head=dict(
        input_size=input_size,
        in_featuremap_size=(input_size[0] // 32, input_size[1] // 32),
        decoder=codec,
    )
)

# The pipelines of the base with this input size: lists cannot be merged.
backend_args = dict(backend='local')
fast_loading = '{{$SPINEPOSE_FAST_LOADING:1}}' != '0'
fast = 'Fast' if fast_loading else ''
train_pipeline = [
    dict(
        type='LoadPoseImage',
        on_bad_image='skip',
        lazy=fast_loading,
        backend_args=backend_args,
    ),
    dict(type='GetBBoxCenterScale'),
    dict(type=f'{fast}RandomFlip', direction='horizontal'),
    dict(type='RandomHalfBody'),
    dict(
        type=f'{fast}RandomBBoxTransform',
        scale_factor=[0.5, 1.5],
        rotate_factor=90,
    ),
    dict(type='TopdownAffine', input_size=input_size),
    dict(type=f'{fast}PhotometricDistortion'),
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
    dict(type=f'{fast}GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadPoseImage', lazy=fast_loading, backend_args=backend_args),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=input_size),
    dict(type='PackPoseInputs'),
]

train_dataloader = dict(
    batch_size=train_batch_size, dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
