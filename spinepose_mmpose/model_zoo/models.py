"""The published models as data: names, files, digests, figures.

Imports nothing heavy: configs, metafiles, the ONNX path and the command line
read it.

Digests and sizes of the SpineTrack checkpoints are those of the Git LFS
pointers in the commit that published them (huggingface.co/dfki-av/spinepose,
db5dcd910c3b98da7dc24cc2422c1d15b12d4613); that revision is the last address
to be tried, since files under ``main`` may be replaced. Digests of the
teachers are the prefix in their names. For the other files none is known: see
:mod:`.digests` for what is checked then. Figures: SpinePose (arXiv
2504.08110), SIMSPINE (arXiv 2602.20792).
"""

import difflib
from dataclasses import dataclass, field
from typing import Dict, Optional, Tuple

from .digests import digest_in_name

HUB = 'https://huggingface.co/dfki-av/spinepose/resolve/'
OPENMMLAB = 'https://download.openmmlab.com/'
_MAIN = f'{HUB}main/'
_V1_COMMIT = f'{HUB}db5dcd910c3b98da7dc24cc2422c1d15b12d4613/'
_TEACHERS = f'{OPENMMLAB}mmpose/v1/projects/rtmposev1/'
_TEACHER_CONFIGS = 'mmpose::body_2d_keypoint/rtmpose/body8/'

SPINEPOSE_LICENCE = 'CC-BY-NC-4.0'


class UnknownModel(ValueError):
    """No model has this name; the message lists the choices."""


@dataclass(frozen=True, eq=False)
class ModelInfo:
    """One model.

    Attributes:
        name: the short name, e.g. ``spinepose-m``.
        config: the config, relative to the project; ``mmpose::...`` is one
            that mmpose ships, in the notation of mmengine's ``_base_`` and
            ``get_config``.
        input_size: (w, h) in pixels.
        aliases: other names; the first is the published file's stem.
        family: ``spinepose``, or ``teacher`` for the RTMPose models that
            SpinePose is distilled from.
        version: ``v1`` (SpineTrack), ``v2`` (fine-tuned on SIMSPINE) or ''.
        weights, onnx: addresses, in the order to try; empty if unpublished.
        shipped: kind of file -> its path, relative to the project; such a
            file comes with it and needs no address.
        sha256: digest of the weights or its first 8 digits, if known.
        size: bytes of the weights, if known.
        num_keypoints: 37, of a teacher 26 (Halpe26).
        licence: of the weights.
        teacher: name of the model it is distilled from.
        params, flops: millions and billions, as published.
        results: benchmark -> (AP, AR), x100, as published. ``coco`` and
            ``halpe26`` with a detector's boxes; ``body``, ``feet``, ``spine``
            and ``all`` are subsets of SpineTrack val.
    """

    name: str
    config: str
    input_size: Tuple[int, int]
    aliases: Tuple[str, ...] = ()
    family: str = 'spinepose'
    version: str = ''
    weights: Tuple[str, ...] = ()
    onnx: Tuple[str, ...] = ()
    shipped: Dict[str, str] = field(default_factory=dict)
    sha256: Optional[str] = None
    size: Optional[int] = None
    num_keypoints: int = 37
    licence: str = SPINEPOSE_LICENCE
    teacher: str = ''
    params: Optional[float] = None
    flops: Optional[float] = None
    results: Dict[str, Tuple[float, float]] = field(default_factory=dict)

    @property
    def names(self) -> Tuple[str, ...]:
        """Every name that finds this model."""
        return (self.name, *self.aliases)

    def urls(self, kind: str = 'weights') -> Tuple[str, ...]:
        """Addresses of a kind of file, ``weights`` or ``onnx``."""
        if kind not in ('weights', 'onnx'):
            raise ValueError(
                f"no kind of file {kind!r}: choose from 'weights', 'onnx'"
            )
        return self.onnx if kind == 'onnx' else self.weights


def _v1(size, sha256, nbytes, params, flops, **results) -> ModelInfo:
    large = size == 'x'
    stem = (
        f'spinepose-{size}_32xb{128 if large else 256}-10e_spinetrack-'
        f'{"384x288" if large else "256x192"}'
    )
    return ModelInfo(
        name=f'spinepose-{size}',
        config=f'configs/spinepose-{size}.py',
        input_size=(288, 384) if large else (192, 256),
        aliases=(stem, f'spinepose-{size}-v1'),
        version='v1',
        weights=(
            f'{_MAIN}spinetrack/pytorch/{stem}.pth',
            f'{_MAIN}{stem}.pth',
            f'{_V1_COMMIT}{stem}.pth',
        ),
        onnx=(f'{_MAIN}{stem}.onnx',),
        sha256=sha256,
        size=nbytes,
        teacher=f'rtmpose-{size}-halpe26',
        params=params,
        flops=flops,
        results=results,
    )


def _v2(size, params, flops, **results) -> ModelInfo:
    stem = f'spinepose-{size}_32xb256-10e_simspine-256x192'
    return ModelInfo(
        name=f'spinepose-{size}-v2',
        config=f'configs/spinepose-{size}.py',
        input_size=(192, 256),
        aliases=(stem,),
        version='v2',
        weights=(f'{_MAIN}simspine/2d/pytorch/{stem}.pth',),
        onnx=(f'{_MAIN}{stem}.onnx',),
        teacher=f'rtmpose-{size}-halpe26',
        params=params,
        flops=flops,
        results=results,
    )


def _teacher(
    size, batch, digest_and_date, params, flops, **results
) -> ModelInfo:
    shape = '384x288' if size == 'x' else '256x192'
    stem = (
        f'rtmpose-{size}_simcc-body7_pt-body7-halpe26_700e-{shape}-'
        f'{digest_and_date}'
    )
    return ModelInfo(
        name=f'rtmpose-{size}-halpe26',
        config=(
            f'{_TEACHER_CONFIGS}rtmpose-{size}_{batch}-700e_body8-halpe26-'
            f'{shape}.py'
        ),
        input_size=(288, 384) if size == 'x' else (192, 256),
        aliases=(stem,),
        family='teacher',
        weights=(f'{_TEACHERS}{stem}.pth',),
        sha256=digest_in_name(f'{stem}.pth'),
        num_keypoints=26,
        licence='Apache-2.0',
        params=params,
        flops=flops,
        results=results,
    )


_TABLE = (
    # Ours: RTMPose-t with 37 keypoints. Nobody has published weights of it.
    ModelInfo(
        name='spinepose-t',
        config='configs/spinepose-t.py',
        input_size=(192, 256),
        teacher='rtmpose-t-halpe26',
    ),
    # The same network, trained on drawn people alone: demo/README.md.
    ModelInfo(
        name='spinepose-t-demo',
        config='configs/spinepose-t.py',
        input_size=(192, 256),
        shipped=dict(
            weights='demo/spinepose-t-demo.pth',
            onnx='demo/spinepose-t-demo.onnx',
        ),
        licence='Apache-2.0',
    ),
    _v1(
        's',
        '2290a220191fd1a4693dabb7e5f7414a82259c46b4b57012d9bbbfb03f0232a0',
        47648506,
        5.98,
        0.72,
        coco=(68.2, 73.1),
        halpe26=(70.6, 75.2),
        body=(79.1, 82.1),
        feet=(77.5, 82.9),
        spine=(89.6, 90.7),
        all=(84.2, 86.2),
    ),
    _v1(
        'm',
        'cb78990f16b4f1d82b98e602fbaffb6063ca21a793cf5a0b15432a6101f44571',
        114143370,
        14.34,
        1.98,
        coco=(73.0, 77.5),
        halpe26=(75.0, 79.2),
        body=(84.0, 86.4),
        feet=(83.5, 87.4),
        spine=(91.4, 92.5),
        all=(88.0, 89.5),
    ),
    _v1(
        'l',
        'a00b523b7867d69e8acc8175ffa5601731182feb1da1e22995ec3ec519930e45',
        228391386,
        28.66,
        4.22,
        coco=(75.2, 79.5),
        halpe26=(77.0, 81.1),
        body=(85.4, 87.7),
        feet=(85.5, 89.2),
        spine=(91.0, 92.2),
        all=(88.4, 90.0),
    ),
    _v1(
        'x',
        'ce635e42166738fce0690de9e86d52d8f00885351508dc078a9eece4319c1bdf',
        404382662,
        50.69,
        17.37,
        coco=(75.9, 80.1),
        halpe26=(77.6, 81.8),
        body=(86.3, 88.5),
        feet=(86.3, 89.7),
        spine=(89.3, 91.0),
        all=(88.9, 89.9),
    ),
    _v2('s', 5.98, 0.72, body=(78.8, 81.5), spine=(92.0, 92.9)),
    _v2('m', 14.34, 1.98, body=(82.1, 84.6), spine=(92.8, 93.7)),
    _v2('l', 28.66, 4.22, body=(84.0, 86.2), spine=(91.7, 92.7)),
    _teacher(
        't',
        '8xb1024',
        '6020f8a6_20230605',
        3.51,
        0.37,
        coco=(65.9, 71.3),
        halpe26=(68.0, 73.2),
        body=(76.9, 80.0),
        feet=(74.1, 79.7),
    ),
    _teacher(
        's',
        '8xb1024',
        '7f134165_20230605',
        5.70,
        0.70,
        coco=(69.7, 74.7),
        halpe26=(72.0, 76.7),
        body=(80.9, 83.6),
        feet=(78.9, 83.5),
    ),
    _teacher(
        'm',
        '8xb512',
        '4d3e73dd_20230605',
        13.93,
        1.95,
        coco=(75.1, 80.0),
        halpe26=(76.7, 81.3),
        body=(85.5, 87.9),
        feet=(84.1, 88.2),
    ),
    _teacher(
        'l',
        '8xb512',
        '2abb7558_20230605',
        28.11,
        4.19,
        coco=(76.9, 81.5),
        halpe26=(78.4, 82.9),
        body=(86.8, 89.2),
        feet=(86.9, 90.0),
    ),
    _teacher(
        'x',
        '8xb256',
        '7fb6e239_20230606',
        50.00,
        17.29,
        coco=(78.8, 83.4),
        halpe26=(80.0, 84.4),
        body=(88.6, 90.6),
        feet=(88.4, 91.4),
    ),
)


def all_models(family: Optional[str] = None) -> Tuple[ModelInfo, ...]:
    """Every model, or those of one family (``spinepose``, ``teacher``)."""
    return tuple(m for m in _TABLE if family in (None, m.family))


def model_names() -> Tuple[str, ...]:
    """The short name of every model."""
    return tuple(m.name for m in _TABLE)


def find_model(name: str) -> ModelInfo:
    """The model of a name, an alias or a published file's name.

    Upper and lower case are one.

    Raises:
        UnknownModel: if there is none, a ValueError.
    """
    wanted = name.strip().lower()
    known = {}
    for model in _TABLE:
        known.update((n.lower(), model) for n in model.names)
        known.update(
            (url.rsplit('/', 1)[-1].lower(), model)
            for url in (*model.weights, *model.onnx, *model.shipped.values())
        )
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.75)
    meant = f'; did you mean {" or ".join(near)}?' if near else '.'
    raise UnknownModel(
        f'no model is called {name!r}{meant} Choose from '
        f'{", ".join(model_names())}'
    )


def model_of_url(url: str) -> Optional[ModelInfo]:
    """The model that a file at this address belongs to, or None."""
    plain = url.split('?')[0]
    for model in _TABLE:
        if plain in model.weights or plain in model.onnx:
            return model
    return None
