"""What a pose network takes and gives, and how one in a graph is run.

The description comes from the graph, from its metadata, and from what files
beside it say. Every field has a type and a range: see ``FIELDS``.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Optional, Sequence, Tuple, Union

import numpy as np

from ..metainfo import FLIP_INDICES, KEYPOINT_NAMES, swap_name
from ..utils import DAMAGE, one_line
from .preprocess import PADDING, Normalizer, Points, Simcc

# Of training, in the network's order: red, green, blue.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
SPLIT_RATIO = 2.0
HALPE26 = KEYPOINT_NAMES[:26]
SIZES = {len(KEYPOINT_NAMES): KEYPOINT_NAMES, len(HALPE26): HALPE26}
# Pixels of one side of the input, people in one batch, characters of a name.
SMALLEST_SIDE, LARGEST_SIDE = 16, 4096
LARGEST_BATCH = 1024
LONGEST_TEXT = 200
# name -> shape; what is not fixed is None or a text.
Shapes = Dict[str, Sequence]


@dataclass(frozen=True)
class NetworkSpec:
    """A pose network from outside. K keypoints."""

    input_size: Tuple[int, int]  # w, h in pixels
    # Names of its two outputs (x and y, or points and scores), or of the single
    # one that holds both.
    outputs: Tuple[str, ...] = ('simcc_x', 'simcc_y')
    kind: str = 'simcc'  # or points, of a network that decodes by itself
    names: Tuple[str, ...] = KEYPOINT_NAMES
    # (K,) each keypoint's counterpart on the other side.
    flip_indices: Tuple[int, ...] = FLIP_INDICES
    mean: Tuple[float, ...] = MEAN  # of the channels in the network's order
    std: Tuple[float, ...] = STD
    to_rgb: bool = True  # it takes red first
    split_ratio: float = SPLIT_RATIO  # SimCC bins per pixel
    padding: float = PADDING  # sizes of the box in the region that it sees
    batch: Optional[int] = None  # the only batch it takes, None for any
    model: str = ''  # what the file says of itself
    licence: str = ''


def _number(low: float, high: float, kind=(int, float)) -> Callable:
    """Whether a value is a number in a range."""
    return lambda value: (
        isinstance(value, kind)
        and not isinstance(value, bool)
        and low <= value <= high
    )


def _list(fits: Callable, count: Optional[int] = None) -> Callable:
    """Whether a value is a list of values that fit."""
    return lambda values: (
        isinstance(values, list)
        and all(map(fits, values))
        and count in (None, len(values))
    )


def _are_names(values) -> bool:
    is_list = _list(lambda v: isinstance(v, str) and v.strip())(values)
    return is_list and 0 < len(set(values)) == len(values)


def _are_pairs(values) -> bool:
    """Whether a counterpart's counterpart is the keypoint itself."""
    is_list = isinstance(values, list)
    is_list = is_list and _list(_number(0, len(values) - 1, int))(values)
    return is_list and all(values[v] == i for i, v in enumerate(values))


# What a file may say of its network, each as JSON: what is expected, and
# whether a value is that.
FIELDS = {
    'keypoint_names': ('a list of different names', _are_names),
    'flip_indices': ('the number of each counterpart, in pairs', _are_pairs),
    'input_size': (
        f'2 numbers from {SMALLEST_SIDE} to {LARGEST_SIDE}',
        _list(_number(SMALLEST_SIDE, LARGEST_SIDE, int), 2),
    ),
    'mean': ('3 numbers from -1000 to 1000', _list(_number(-1000, 1000), 3)),
    'std': ('3 numbers from 0.001 to 1000', _list(_number(0.001, 1000), 3)),
    'bgr_to_rgb': ('true or false', lambda value: isinstance(value, bool)),
    'simcc_split_ratio': ('a number from 0.1 to 100', _number(0.1, 100)),
}
ABOUT = ('model', 'licence')


def check_fields(source, said: dict) -> dict:
    """What a file says, in the keys of ``FIELDS``; ValueError, naming the
    ``source``, for a field of another type or out of its range."""
    for key, value in said.items():
        expected, fits = FIELDS[key]
        if not fits(value):
            raise ValueError(
                f'{source}: {key!r} is {_short(value)}, but {expected} expected'
            )
    return said


def _short(value) -> str:
    try:
        text = one_line(repr(value))
    except RecursionError:
        return 'nested without end'
    return text if len(text) < 80 else f'{text[:76]} ...'


def read_pipeline(path: Path) -> dict:
    """What mmdeploy's ``pipeline.json`` says, in the keys of ``FIELDS``;
    ValueError if the file is not what mmdeploy writes."""
    said = {}
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        for task in content['pipeline']['tasks']:
            for step in task.get('transforms', ()):
                said.update(_said_by(step))
            params = task.get('params', {})
            said['simcc_split_ratio'] = params.get(
                'simcc_split_ratio', said.get('simcc_split_ratio')
            )
    except DAMAGE as error:
        raise ValueError(
            f'{path} is not what mmdeploy writes: {_short(error)}'
        ) from error
    return check_fields(path, {k: v for k, v in said.items() if v is not None})


def _said_by(step: dict) -> dict:
    kind = step['type']
    if kind == 'Normalize':
        to_rgb = step.get('to_rgb', True)
        return dict(mean=step['mean'], std=step['std'], bgr_to_rgb=to_rgb)
    if kind in ('TopDownAffine', 'TopdownAffine'):
        return dict(input_size=step.get('image_size', step.get('input_size')))
    size = step.get('size')
    if kind == 'Resize' and size and size[0] == size[1]:
        return dict(input_size=size)
    return {}


class GraphNetwork:
    """A pose network in a graph, see :class:`.Backend`; ValueError if it is
    none that we can run.

    Args:
        engine: an :class:`.OnnxSession`, or what has the same attributes.
        defaults (dict, optional): what :func:`read_pipeline` says of it; what
            the graph says comes first.
    """

    def __init__(self, engine, defaults: Optional[dict] = None):
        self.engine, self.device = engine, engine.device
        self.spec = read_spec(engine, defaults)
        self._normalize = Normalizer(
            self.spec.mean, self.spec.std, self.spec.to_rgb
        )

    def run(self, crops: np.ndarray) -> Union[Simcc, Points]:
        """See :class:`.Backend`."""
        inputs = self._normalize(crops)
        size = self.spec.batch or len(inputs)
        parts = []
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            missing = size - len(part)
            if missing:
                part = np.pad(part, [(0, missing)] + [(0, 0)] * 3)
            found = self.engine.run(part, self.spec.outputs)
            parts.append([a[: size - missing] for a in found.values()])
        arrays = [
            np.asarray(a[0] if len(a) == 1 else np.concatenate(a), np.float32)
            for a in zip(*parts)
        ]
        if self.spec.kind == 'simcc':
            return Simcc(*arrays)
        if len(arrays) == 1:
            return Points(arrays[0][..., :2], arrays[0][..., 2])
        return Points(*arrays)


def read_spec(engine, defaults: Optional[dict] = None) -> NetworkSpec:
    """The spec of a graph; arguments and errors as in :class:`GraphNetwork`."""
    source, metadata = engine.source, engine.metadata
    said = {**(defaults or {}), **_read_metadata(source, metadata)}
    input_size = _input_size(source, engine.input_shape, said)
    batch = engine.input_shape[0]
    batch = batch if _is_fixed(batch) else None
    if batch is not None and batch > LARGEST_BATCH:
        raise ValueError(
            f'{source} takes {batch} people at once, at most {LARGEST_BATCH} '
            'expected'
        )
    outputs = engine.outputs
    if not all(_is_fixed(n) for s in outputs.values() for n in s[1:]):
        # Exporters lose sizes that a run shows.
        probe = np.zeros((batch or 1, 3, *input_size[::-1]), np.float32)
        outputs = {n: array.shape for n, array in engine.run(probe).items()}
    kind, chosen = _outputs(source, outputs)
    names = _names(source, outputs[chosen[0]][1], said.get('keypoint_names'))
    flip = said.get('flip_indices') or flip_indices(names)
    if len(flip) != len(names):
        raise ValueError(
            f"{source}: 'flip_indices' has {len(flip)} entries for "
            f'{len(names)} keypoints'
        )
    ratio = float(said.get('simcc_split_ratio', SPLIT_RATIO))
    if kind == 'simcc':
        bins = [outputs[name][2] for name in chosen]
        ratio = _split_ratio(source, input_size, bins, ratio)
    return NetworkSpec(
        input_size=input_size,
        outputs=chosen,
        kind=kind,
        names=names,
        flip_indices=tuple(flip),
        mean=tuple(map(float, said.get('mean', MEAN))),
        std=tuple(map(float, said.get('std', STD))),
        to_rgb=said.get('bgr_to_rgb', True),
        split_ratio=ratio,
        batch=batch,
        **{
            key: one_line(metadata.get(key, '').strip('"'))[:LONGEST_TEXT]
            for key in ABOUT
        },
    )


def _read_metadata(source: str, metadata: Dict[str, str]) -> dict:
    said = {}
    for key in (key for key in FIELDS if key in metadata):
        try:
            said[key] = json.loads(metadata[key])
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f'{source}: {key!r} is {_short(metadata[key])}, JSON expected'
            ) from error
    return check_fields(source, said)


def _is_fixed(size) -> bool:
    return isinstance(size, int) and size > 0


def _input_size(source: str, shape: Sequence, said: dict) -> Tuple[int, int]:
    if len(shape) != 4 or (_is_fixed(shape[1]) and shape[1] != 3):
        raise ValueError(
            f'{source} takes {list(shape)}, but a pose network takes images '
            '(batch, 3, height, width)'
        )
    if _is_fixed(shape[2]) and _is_fixed(shape[3]):
        size = [shape[3], shape[2]]
        return tuple(check_fields(source, {'input_size': size})['input_size'])
    if 'input_size' in said:
        return tuple(said['input_size'])
    raise ValueError(
        f'{source} takes images of any size and does not say which one it was '
        'trained with: export it with a fixed height and width, or with '
        '"input_size" in its metadata'
    )


def _outputs(source: str, outputs: Shapes) -> Tuple[str, Tuple[str, ...]]:
    """Kind and names of the outputs that matter."""
    threes = [name for name, shape in outputs.items() if len(shape) == 3]
    twos = [name for name, shape in outputs.items() if len(shape) == 2]
    named = tuple(n for n in ('simcc_x', 'simcc_y') if n in threes)
    if len(named) == 2:
        return 'simcc', named
    for name in threes:
        if outputs[name][2] == 2 and twos:
            return 'points', (name, twos[0])
        if outputs[name][2] == 3:
            return 'points', (name,)
    if len(threes) == 2:
        return 'simcc', tuple(threes)
    raise ValueError(
        f'{source} gives '
        + ', '.join(f'{n} {list(s)}' for n, s in outputs.items())
        + '; expected SimCC (simcc_x and simcc_y, each batch x keypoints x '
        'bins), keypoints (batch x keypoints x 2) with scores, or keypoints '
        '(batch x keypoints x 3)'
    )


def _names(source: str, count: int, given: Sequence) -> Tuple[str, ...]:
    if given and len(given) != count:
        raise ValueError(
            f'{source} predicts {count} keypoints, but its metadata names '
            f'{len(given)}'
        )
    if not given and count not in SIZES:
        raise ValueError(
            f'{source} predicts {count} keypoints without naming them: '
            f'expected {len(KEYPOINT_NAMES)} (SpineTrack), {len(HALPE26)} '
            '(Halpe26), or "keypoint_names" in its metadata'
        )
    return tuple(given or SIZES[count])


def flip_indices(names: Tuple[str, ...]) -> Tuple[int, ...]:
    """(K,) the counterpart of each name, itself for one on the midline."""
    index = {name: i for i, name in enumerate(names)}
    return tuple(index.get(swap_name(name), i) for i, name in enumerate(names))


def _split_ratio(source: str, input_size, bins: list, ratio: float) -> float:
    """Bins per pixel: those of the graph, the same for both axes."""
    for candidate in (ratio, bins[0] / input_size[0]):
        if [round(size * candidate) for size in input_size] == bins:
            return candidate
    raise ValueError(
        f'{source} gives {bins[0]} x {bins[1]} bins for an input of '
        f'{input_size[0]} x {input_size[1]} pixels: the same number of bins '
        'per pixel expected for both axes'
    )
