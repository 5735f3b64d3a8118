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


def resized(pipeline):
    """The base's pipeline with this input size."""
    changes = dict(input_size=input_size, encoder=codec)
    return [
        dict(step, **{key: changes[key] for key in changes if key in step})
        for step in pipeline
    ]


train_pipeline = resized(_base_.train_pipeline)
val_pipeline = resized(_base_.val_pipeline)
train_dataloader = dict(
    batch_size=train_batch_size, dataset=dict(pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
