"""The published results table as data, and its two columns of complexity.

Source: SpinePose (arXiv 2504.08110). The facts about SpinePose and RTMPose
are those of the model table of this package; here are the methods that it does
not have, and what the published table says of all.
"""

from dataclasses import dataclass
from typing import Dict, Tuple

from ..zoo import OPENMMLAB, find_model

# Columns of the table: COCO and Halpe26 with the boxes of a detector, then the
# subsets of SpineTrack val.
TITLES = dict(
    coco='COCO',
    halpe26='Halpe26',
    body='body',
    feet='feet',
    spine='spine',
    all='overall',
)
# Where the metrics of the evaluation configs report each column's AP and AR.
METRIC_KEYS = {
    f'{column} {stat}': f'{column}/{stat}'
    if column in ('coco', 'halpe26')
    else f'spinetrack/{column}_{stat}'
    for column in TITLES
    for stat in ('AP', 'AR')
}
# The config of all methods and the environment variable that names one.
CONFIG = 'configs/published_methods.py'
METHOD_VARIABLE = 'SPINEPOSE_METHOD'
_SIMCC = f'{OPENMMLAB}mmpose/v1/body_2d_keypoint/simcc/coco/'
_RTMW = f'{OPENMMLAB}mmpose/v1/projects/rtmw/'


@dataclass(frozen=True)
class PublishedMethod:
    """One row.

    Attributes:
        name: For :data:`CONFIG`, in the variable :data:`METHOD_VARIABLE`.
        title: In the table.
        keypoints: That the method predicts.
        weights: What ``load_from`` takes.
        params: Millions.
        flops: Billions, for one person.
        results: AP and AR x100 by the keys of :data:`METRIC_KEYS`.
    """

    name: str
    title: str
    keypoints: int
    weights: str
    params: float
    flops: float
    results: Dict[str, float]


def _zoo(name: str, title: str, **more) -> PublishedMethod:
    """A method of the model table; ``more`` columns than it knows."""
    model = find_model(name)
    columns = {**model.results, **more}
    results = [value for column in TITLES for value in columns[column]]
    return PublishedMethod(
        name,
        title,
        model.num_keypoints,
        f'spinepose://{name}',
        model.params,
        model.flops,
        dict(zip(METRIC_KEYS, results)),
    )


def _rtmpose(size: str, title: str, *overall: float) -> PublishedMethod:
    return _zoo(f'rtmpose-{size}-halpe26', title, spine=(0, 0), all=overall)


def _other(name, title, keypoints, params, flops, results, weights):
    """``results`` are AP and AR of each column in turn."""
    results = dict(zip(METRIC_KEYS, map(float, results.split())))
    return PublishedMethod(
        name, title, keypoints, weights, params, flops, results
    )


# fmt: off
METHODS = (
    _other(
        'simcc-mbv2', 'SimCC-MBV2', 17, 2.29, 0.31,
        '62.0 67.8 33.2 43.9 72.1 75.6 0 0 0 0 0.1 0.1',
        f'{_SIMCC}simcc_mobilenetv2_wo-deconv-8xb64-210e_coco-256x192-'
        '4b0703bb_20221010.pth'),
    _rtmpose('t', 'RTMPose-t', 15.8, 17.9),
    _rtmpose('s', 'RTMPose-s', 17.2, 19.4),
    _zoo('spinepose-s', 'SpinePose-s'),
    _other(
        'simcc-vipnas', 'SimCC-ViPNAS', 17, 8.65, 0.80,
        '69.5 75.5 36.9 49.7 79.6 83.0 0 0 0 0 0.2 0.2',
        f'{_SIMCC}simcc_vipnas-mbv3_8xb64-210e_coco-256x192-'
        '719f3489_20220922.pth'),
    _rtmpose('m', 'RTMPose-m', 19.4, 21.4),
    _zoo('spinepose-m', 'SpinePose-m'),
    _rtmpose('l', 'RTMPose-l', 20.0, 22.0),
    _other(
        'rtmw-m', 'RTMW-m', 133, 32.26, 4.31,
        '73.8 78.7 63.8 68.5 84.3 86.7 83.0 87.2 0 0 6.2 7.6',
        f'{_RTMW}rtmw-dw-l-m_simcc-cocktail14_270e-256x192-20231122.pth'),
    _other(
        'simcc-res50', 'SimCC-ResNet50', 17, 36.75, 5.50,
        '72.1 78.2 38.7 51.6 81.8 85.2 0 0 0 0 0.2 0.2',
        f'{_SIMCC}simcc_res50_8xb64-210e_coco-256x192-8e0f5b59_20220919.pth'),
    _zoo('spinepose-l', 'SpinePose-l'),
    _other(
        'simcc-res50-384x288', 'SimCC-ResNet50 (384x288)', 17, 43.29, 12.42,
        '73.4 79.0 39.8 52.4 83.2 86.2 0 0 0 0 0.3 0.3',
        f'{_SIMCC}simcc_res50_8xb32-140e_coco-384x288-45c3ba34_20220913.pth'),
    _rtmpose('x', 'RTMPose-x (384x288)', 21.0, 22.9),
    _other(
        'rtmw-l', 'RTMW-l', 133, 57.20, 7.91,
        '75.6 80.4 65.4 70.1 86.0 88.3 85.6 89.2 0 0 8.1 8.1',
        f'{_RTMW}rtmw-dw-x-l_simcc-cocktail14_270e-256x192-20231122.pth'),
    _other(
        'rtmw-l-384x288', 'RTMW-l (384x288)', 133, 57.35, 17.69,
        '77.2 82.3 66.6 71.8 87.3 89.9 88.3 91.3 0 0 8.6 8.6',
        f'{_RTMW}rtmw-dw-x-l_simcc-cocktail14_270e-384x288-20231122.pth'),
    _zoo('spinepose-x', 'SpinePose-x (384x288)'),
)
# fmt: on
METHOD_NAMES = tuple(method.name for method in METHODS)


def find_method(name: str) -> PublishedMethod:
    """The row of a name, or a ValueError."""
    if name not in METHOD_NAMES:
        raise ValueError(
            f"no published method is called '{name}', choose from "
            f'{", ".join(METHOD_NAMES)}.'
        )
    return METHODS[METHOD_NAMES.index(name)]


def model_complexity(config: str) -> Tuple[float, float]:
    """Millions of parameters of a config's model, and billions of
    multiply-adds for one person.

    Weights are not loaded. As in the published table a multiplication with
    its addition counts once, and flipping is left out.

    Raises:
        ValueError: The config names no size of the input.
    """
    import torch
    from mmengine.analysis import get_model_complexity_info
    from mmengine.config import Config
    from mmengine.model import revert_sync_batchnorm
    from mmengine.registry import init_default_scope
    from mmpose.models.pose_estimators import TopdownPoseEstimator
    from mmpose.registry import MODELS

    from ..utils import plain_config, quietly

    with torch.no_grad(), quietly():
        cfg = Config.fromfile(config)
        init_default_scope(cfg.get('default_scope', 'mmpose'))
        codec = cfg.get('codec')
        if not isinstance(codec, dict) or 'input_size' not in codec:
            raise ValueError(
                f"'{config}' should have a codec with an input_size, as "
                'configs of top-down models do.'
            )
        width, height = codec['input_size']
        model_cfg = plain_config(cfg.model.to_dict(), TopdownPoseEstimator)
        model_cfg['backbone'].pop('init_cfg', None)  # fetched from elsewhere
        model = revert_sync_batchnorm(MODELS.build(model_cfg)).eval()
        # The network alone, without decoding.
        model.forward = model._forward
        info = get_model_complexity_info(
            model,
            input_shape=(3, height, width),
            show_table=False,
            show_arch=False,
        )
    return info['params'] / 1e6, info['flops'] / 1e9
