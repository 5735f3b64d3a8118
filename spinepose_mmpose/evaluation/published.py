"""The published results table as data; imports nothing heavy.

Source: SpinePose (arXiv 2504.08110). SpinePose's and RTMPose's figures are
those of :mod:`spinepose_mmpose.model_zoo.models`, where the other facts about
these models live; here are the methods that are no part of the zoo, and what
the table says of all: 0 for feet or spine where a method has no such
keypoints, and ``all``.
"""

from dataclasses import dataclass
from typing import Dict, Tuple

from ..model_zoo.models import OPENMMLAB, find_model

# Columns of the table: COCO and Halpe26 with a detector's boxes, then the
# subsets of SpineTrack val.
COLUMNS = ('coco', 'halpe26', 'body', 'feet', 'spine', 'all')
# Where the metrics of configs/benchmark report them: AP and AR.
METRIC_KEYS = dict(
    coco=('coco/AP', 'coco/AR'),
    halpe26=('halpe26/AP', 'halpe26/AR'),
    **{
        subset: (f'spinetrack/{subset}_AP', f'spinetrack/{subset}_AR')
        for subset in ('body', 'feet', 'spine', 'all')
    },
)
_SIMCC = f'{OPENMMLAB}mmpose/v1/body_2d_keypoint/simcc/coco/'
_RTMW = f'{OPENMMLAB}mmpose/v1/projects/rtmw/'


@dataclass(frozen=True)
class PublishedMethod:
    """One row.

    Attributes:
        name: Of the config, ``configs/benchmark/{name}_spinetrack-val.py``.
        title: In the table.
        keypoints: That the method predicts.
        weights: What ``load_from`` takes.
        params: Millions.
        flops: Billions, of one person.
        results: (AP, AR) x100 by :data:`COLUMNS`.
    """

    name: str
    title: str
    keypoints: int
    weights: str
    params: float
    flops: float
    results: Dict[str, Tuple[float, float]]

    @property
    def config(self) -> str:
        return f'configs/benchmark/{self.name}_spinetrack-val.py'


def _zoo(name: str, title: str, **more) -> PublishedMethod:
    model = find_model(name)
    return PublishedMethod(
        name,
        title,
        model.num_keypoints,
        f'spinepose://{name}',
        model.params,
        model.flops,
        {**model.results, **more},
    )


def _other(
    name, title, keypoints, weights, params, flops, *results
) -> PublishedMethod:
    return PublishedMethod(
        name,
        title,
        keypoints,
        weights,
        params,
        flops,
        dict(zip(COLUMNS, results)),
    )


_NONE = (0.0, 0.0)
METHODS = (
    _other(
        'simcc-mbv2',
        'SimCC-MBV2',
        17,
        f'{_SIMCC}simcc_mobilenetv2_wo-deconv-8xb64-210e_coco-256x192-'
        '4b0703bb_20221010.pth',
        2.29,
        0.31,
        (62.0, 67.8),
        (33.2, 43.9),
        (72.1, 75.6),
        _NONE,
        _NONE,
        (0.1, 0.1),
    ),
    _zoo('rtmpose-t-halpe26', 'RTMPose-t', spine=_NONE, all=(15.8, 17.9)),
    _zoo('rtmpose-s-halpe26', 'RTMPose-s', spine=_NONE, all=(17.2, 19.4)),
    _zoo('spinepose-s', 'SpinePose-s'),
    _other(
        'simcc-vipnas',
        'SimCC-ViPNAS',
        17,
        f'{_SIMCC}simcc_vipnas-mbv3_8xb64-210e_coco-256x192-'
        '719f3489_20220922.pth',
        8.65,
        0.80,
        (69.5, 75.5),
        (36.9, 49.7),
        (79.6, 83.0),
        _NONE,
        _NONE,
        (0.2, 0.2),
    ),
    _zoo('rtmpose-m-halpe26', 'RTMPose-m', spine=_NONE, all=(19.4, 21.4)),
    _zoo('spinepose-m', 'SpinePose-m'),
    _zoo('rtmpose-l-halpe26', 'RTMPose-l', spine=_NONE, all=(20.0, 22.0)),
    _other(
        'rtmw-m',
        'RTMW-m',
        133,
        f'{_RTMW}rtmw-dw-l-m_simcc-cocktail14_270e-256x192-20231122.pth',
        32.26,
        4.31,
        (73.8, 78.7),
        (63.8, 68.5),
        (84.3, 86.7),
        (83.0, 87.2),
        _NONE,
        (6.2, 7.6),
    ),
    _other(
        'simcc-res50',
        'SimCC-ResNet50',
        17,
        f'{_SIMCC}simcc_res50_8xb64-210e_coco-256x192-8e0f5b59_20220919.pth',
        36.75,
        5.50,
        (72.1, 78.2),
        (38.7, 51.6),
        (81.8, 85.2),
        _NONE,
        _NONE,
        (0.2, 0.2),
    ),
    _zoo('spinepose-l', 'SpinePose-l'),
    _other(
        'simcc-res50-384x288',
        'SimCC-ResNet50 (384x288)',
        17,
        f'{_SIMCC}simcc_res50_8xb32-140e_coco-384x288-45c3ba34_20220913.pth',
        43.29,
        12.42,
        (73.4, 79.0),
        (39.8, 52.4),
        (83.2, 86.2),
        _NONE,
        _NONE,
        (0.3, 0.3),
    ),
    _zoo(
        'rtmpose-x-halpe26',
        'RTMPose-x (384x288)',
        spine=_NONE,
        all=(21.0, 22.9),
    ),
    _other(
        'rtmw-l',
        'RTMW-l',
        133,
        f'{_RTMW}rtmw-dw-x-l_simcc-cocktail14_270e-256x192-20231122.pth',
        57.20,
        7.91,
        (75.6, 80.4),
        (65.4, 70.1),
        (86.0, 88.3),
        (85.6, 89.2),
        _NONE,
        (8.1, 8.1),
    ),
    _other(
        'rtmw-l-384x288',
        'RTMW-l (384x288)',
        133,
        f'{_RTMW}rtmw-dw-x-l_simcc-cocktail14_270e-384x288-20231122.pth',
        57.35,
        17.69,
        (77.2, 82.3),
        (66.6, 71.8),
        (87.3, 89.9),
        (88.3, 91.3),
        _NONE,
        (8.6, 8.6),
    ),
    _zoo('spinepose-x', 'SpinePose-x (384x288)'),
)


def method_names() -> Tuple[str, ...]:
    return tuple(method.name for method in METHODS)


def find_method(name: str) -> PublishedMethod:
    """The row of a name.

    Raises:
        ValueError: There is none.
    """
    for method in METHODS:
        if method.name == name:
            return method
    raise ValueError(
        f"no published method is called '{name}', choose from "
        f'{", ".join(method_names())}.'
    )
