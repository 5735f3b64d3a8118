"""RTMPose and its data, small enough for a test."""

from spinepose_mmpose.metainfo import FLIP_INDICES, NUM_KEYPOINTS

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmpose.codecs import SimCCLabel
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

W, H, RATIO = 64, 96, 2.0
HALPE26 = dict(from_file='configs/_base_/datasets/halpe26.py')
CODEC = dict(
    type='SimCCLabel',
    input_size=(W, H),
    sigma=(4.9, 5.66),
    simcc_split_ratio=RATIO,
    normalize=False,
)


def tiny(num_keypoints, input_size=(W, H), **kwargs):
    """RTMPose, small enough for a test."""
    return {
        **dict(
            type='TopdownPoseEstimator',
            data_preprocessor=dict(
                type='PoseDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                bgr_to_rgb=True,
            ),
            backbone=dict(
                _scope_='mmdet',
                type='CSPNeXt',
                deepen_factor=0.167,
                widen_factor=0.125,
                out_indices=(4,),
                channel_attention=True,
                norm_cfg=dict(type='BN'),
                act_cfg=dict(type='SiLU'),
            ),
            head=dict(
                type='RTMCCHead',
                in_channels=128,
                out_channels=num_keypoints,
                input_size=input_size,
                in_featuremap_size=tuple(s // 32 for s in input_size),
                simcc_split_ratio=RATIO,
                final_layer_kernel_size=7,
                gau_cfg=dict(
                    hidden_dims=32,
                    s=16,
                    expansion_factor=2,
                    dropout_rate=0.0,
                    drop_path=0.0,
                    act_fn='SiLU',
                    use_rel_bias=False,
                    pos_enc=False,
                ),
                loss=dict(
                    type='KLDiscretLoss',
                    use_target_weight=True,
                    beta=10.0,
                    label_softmax=True,
                ),
                decoder=CODEC,
            ),
            test_cfg=dict(flip_test=False),
        ),
        **kwargs,
    }


def build(cfg):
    """A model whose outputs are no constants."""
    model = MODELS.build(cfg)
    for name, parameter in model.named_parameters():
        if 'head' in name and parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def save_teacher(path, num_keypoints=26, **kwargs):
    model = build(tiny(num_keypoints, **kwargs))
    for name, buffer in model.named_buffers():
        if 'running_mean' in name:
            buffer.normal_(0, 0.1)
    torch.save(dict(state_dict=model.state_dict(), meta=dict()), path)
    return str(path)


def distiller(teacher=None, **kwargs):
    return build(
        tiny(
            NUM_KEYPOINTS, type='SpinePoseDistiller', teacher=teacher, **kwargs
        )
    )


def sample(i=0, visible=1.0):
    rng = np.random.default_rng(i)
    keypoints = rng.uniform(0.1, 0.9, (1, NUM_KEYPOINTS, 2)) * (W, H)
    labels = SimCCLabel(**{k: v for k, v in CODEC.items() if k != 'type'})
    encoded = labels.encode(
        keypoints, np.full((1, NUM_KEYPOINTS), visible, np.float32)
    )
    data_sample = PoseDataSample(
        metainfo=dict(
            img_path=f'images/{i:03d}.jpg',
            id=1000 + i,
            flip_indices=FLIP_INDICES,
            input_center=np.array([W / 2, H / 2]),
            input_scale=np.array([W, H]),
            input_size=(W, H),
        )
    )
    data_sample.gt_instances = InstanceData(
        bboxes=np.array([[0, 0, W, H]]), bbox_scores=np.ones(1)
    )
    data_sample.gt_instance_labels = InstanceData(
        **{name: encoded[name] for name in CODEC_LABELS}
    ).to_tensor()
    image = torch.from_numpy(rng.integers(0, 256, (3, H, W), dtype=np.uint8))
    return dict(inputs=image, data_samples=data_sample)


CODEC_LABELS = 'keypoint_x_labels', 'keypoint_y_labels', 'keypoint_weights'


def batch(n=2, visible=1.0):
    samples = [sample(i, visible) for i in range(n)]
    return {key: [s[key] for s in samples] for key in samples[0]}


def losses_of(model, data=None):
    data = model.data_preprocessor(data or batch(), True)
    return model(**data, mode='loss')


def plain():
    return MODELS.build(tiny(NUM_KEYPOINTS))
