"""What a pose network takes and gives, and how one in a graph is run.

The description comes from the graph, from its metadata, and from what files
beside it say. Every field has a type and a range: see ``FIELDS``.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ..metainfo import FLIP_INDICES, KEYPOINT_NAMES, swap_name
from .preprocess import Normalizer, Points, Simcc

# Of training, in the network's order: red, green, blue.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
SPLIT_RATIO = 2.0
HALPE26 = KEYPOINT_NAMES[:26]
SIZES = {len(KEYPOINT_NAMES): KEYPOINT_NAMES, len(HALPE26): HALPE26}
# Pixels of one side of the input, and people in one batch.
SMALLEST_SIDE, LARGEST_SIDE = 16, 4096
LARGEST_BATCH = 1024
LONGEST_TEXT = 200
# name -> shape; what is not fixed is None or a text.
Shapes = Dict[str, Sequence]


@dataclass(frozen=True)
class NetworkSpec:
    """A pose network from outside. K keypoints.

    Attributes:
        input_size (tuple): (w, h) in pixels.
        outputs (tuple): names of its two outputs (x and y, or points and
            scores), or of the single one that holds both.
        kind (str): ``simcc`` for distributions, ``points`` for a network that
            decodes by itself.
        names (tuple): (K,) keypoint names.
        flip_indices (tuple): (K,) each keypoint's counterpart on the other
            side.
        mean, std (tuple): of the channels in the network's order.
        to_rgb (bool): whether it takes red first.
        split_ratio (float): SimCC bins per pixel.
        batch (int, optional): the only batch it takes, None for any.
        model, licence (str): what the file says of itself, '' if nothing.
    """

    input_size: Tuple[int, int]
    outputs: Tuple[str, ...] = ('simcc_x', 'simcc_y')
    kind: str = 'simcc'
    names: Tuple[str, ...] = KEYPOINT_NAMES
    flip_indices: Tuple[int, ...] = FLIP_INDICES
    mean: Tuple[float, ...] = MEAN
    std: Tuple[float, ...] = STD
    to_rgb: bool = True
    split_ratio: float = SPLIT_RATIO
    batch: Optional[int] = None
    model: str = ''
    licence: str = ''

    @property
    def num_keypoints(self) -> int:
        return len(self.names)


class Field(NamedTuple):
    """One entry of a description: what is expected, and whether it is met."""

    expected: str
    fits: Callable[[object], bool]


def _numbers(count: int, low: float, high: float, kind=(int, float)):
    return lambda values: (
        isinstance(values, list)
        and len(values) == count
        and all(_is_number(value, low, high, kind) for value in values)
    )


def _is_number(value, low: float, high: float, kind=(int, float)) -> bool:
    return (
        isinstance(value, kind)
        and not isinstance(value, bool)
        and low <= value <= high
    )


def _are_names(values) -> bool:
    return (
        isinstance(values, list)
        and all(isinstance(value, str) and value.strip() for value in values)
        and 0 < len(set(values)) == len(values)
    )


def _are_pairs(values) -> bool:
    """Whether a counterpart's counterpart is the keypoint itself."""
    return (
        isinstance(values, list)
        and all(_is_number(v, 0, len(values) - 1, int) for v in values)
        and all(values[values[i]] == i for i in range(len(values)))
    )


# What a file may say of its network, each as JSON.
FIELDS = {
    'keypoint_names': Field('a list of different names', _are_names),
    'flip_indices': Field(
        'the counterpart of each keypoint by number, in pairs', _are_pairs
    ),
    'input_size': Field(
        f'[width, height] of {SMALLEST_SIDE} to {LARGEST_SIDE} pixels',
        _numbers(2, SMALLEST_SIDE, LARGEST_SIDE, int),
    ),
    'mean': Field('3 numbers from -1000 to 1000', _numbers(3, -1e3, 1e3)),
    'std': Field('3 numbers from 0.001 to 1000', _numbers(3, 1e-3, 1e3)),
    'bgr_to_rgb': Field('true or false', lambda v: isinstance(v, bool)),
    'simcc_split_ratio': Field(
        'a number from 0.1 to 100', lambda v: _is_number(v, 0.1, 100)
    ),
}
ABOUT = ('model', 'licence')


def check_fields(source, said: dict) -> dict:
    """What a file says, after a check of every field.

    Args:
        source (str | Path): what an error calls the file.
        said (dict): keys of ``FIELDS``; other ones pass.

    Raises:
        ValueError: a field of another type or out of its range.
    """
    for key, field in FIELDS.items():
        if key in said and not field.fits(said[key]):
            raise ValueError(
                f'{source}: {key!r} is {_short(said[key])}, but '
                f'{field.expected} expected'
            )
    return said


def _short(value) -> str:
    try:
        text = ' '.join(repr(value).split())
    except RecursionError:
        return 'nested without end'
    return text if len(text) < 80 else f'{text[:76]} ...'


def read_json(source, text: str):
    """A JSON text from a file that somebody else wrote.

    Raises:
        ValueError: it is no JSON, or nested without end.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f'{source} is {_short(text)}, JSON expected'
        ) from error


def read_pipeline(path: Path) -> dict:
    """What mmdeploy's ``pipeline.json`` says, in the keys of ``FIELDS``.

    Raises:
        ValueError: the file is not what mmdeploy writes, or a field of it is
            out of its range.
    """
    try:
        content = path.read_text(encoding='utf-8')
        tasks = json.loads(content)['pipeline']['tasks']
        steps = [step for task in tasks for step in task.get('transforms', ())]
        params = [task.get('params', {}) for task in tasks]
        said = {
            key: value
            for step in steps
            for key, value in _said_by(step['type'], step).items()
        }
        for of_task in params:
            if 'simcc_split_ratio' in of_task:
                said['simcc_split_ratio'] = of_task['simcc_split_ratio']
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ValueError(
            f'{path} is not what mmdeploy writes: {_short(error)}'
        ) from error
    said = {key: value for key, value in said.items() if value is not None}
    return check_fields(path, said)


def _said_by(kind: str, step: dict) -> dict:
    if kind == 'Normalize':
        return dict(
            mean=step['mean'],
            std=step['std'],
            bgr_to_rgb=step.get('to_rgb', True),
        )
    if kind in ('TopDownAffine', 'TopdownAffine'):
        return dict(input_size=step.get('image_size', step.get('input_size')))
    size = step.get('size')
    if kind == 'Resize' and size and size[0] == size[1]:
        return dict(input_size=size)
    return {}


def read_spec(
    source: str,
    input_shape: Sequence,
    outputs: Shapes,
    metadata: Optional[Dict[str, str]] = None,
    defaults: Optional[dict] = None,
    probe: Optional[Callable[[tuple], Shapes]] = None,
) -> NetworkSpec:
    """The spec of a graph.

    Args:
        source (str): what an error calls the file.
        input_shape (Sequence): (B, 3, H, W), None or a text where it is not
            fixed.
        outputs (Shapes): shape of each output, in order.
        metadata (dict, optional): of the file; what it says comes first.
        defaults (dict, optional): what files beside it say, see
            :func:`read_pipeline`.
        probe (Callable, optional): runs the network on an input of a shape
            and gives the shapes of its outputs; exporters lose some.

    Raises:
        ValueError: it is no pose network that we can run.
    """
    metadata = metadata or {}
    said = {
        key: read_json(f'{source}: {key!r}', metadata[key])
        for key in FIELDS
        if key in metadata
    }
    said = {**(defaults or {}), **check_fields(source, said)}
    input_size = _input_size(source, input_shape, said)
    batch = input_shape[0] if _is_fixed(input_shape[0]) else None
    if batch is not None and batch > LARGEST_BATCH:
        raise ValueError(
            f'{source} takes {batch} people at once, at most {LARGEST_BATCH} '
            'expected'
        )
    is_known = all(_is_fixed(n) for s in outputs.values() for n in s[1:])
    if probe is not None and not is_known:
        outputs = probe((batch or 1, 3, *input_size[::-1]))
    kind, chosen = _outputs(source, outputs)
    names = _names(source, outputs[chosen[0]][1], said.get('keypoint_names'))
    flip = said.get('flip_indices') or _flip_indices(names)
    if len(flip) != len(names):
        raise ValueError(
            f"{source}: 'flip_indices' has {len(flip)} entries for "
            f'{len(names)} keypoints'
        )
    ratio = float(said.get('simcc_split_ratio', SPLIT_RATIO))
    if kind == 'simcc':
        ratio = _split_ratio(source, input_size, outputs, chosen, ratio)
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
        **{key: _one_line(metadata.get(key, '')) for key in ABOUT},
    )


def _one_line(text: str) -> str:
    return ' '.join(text.split()).strip('"')[:LONGEST_TEXT]


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
        check_fields(f'the graph of {source}', {'input_size': size})
        return tuple(size)
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


def _names(source: str, count, given: Optional[Sequence]) -> Tuple[str, ...]:
    if given:
        if _is_fixed(count) and len(given) != count:
            raise ValueError(
                f'{source} predicts {count} keypoints, but its metadata names '
                f'{len(given)}'
            )
        return tuple(given)
    if count in SIZES:
        return SIZES[count]
    raise ValueError(
        f'{source} predicts {count} keypoints without naming them: expected '
        f'{len(KEYPOINT_NAMES)} (SpineTrack), {len(HALPE26)} (Halpe26), or '
        '"keypoint_names" in its metadata'
    )


def _flip_indices(names: Tuple[str, ...]) -> Tuple[int, ...]:
    index = {name: i for i, name in enumerate(names)}
    return tuple(index.get(swap_name(name), i) for i, name in enumerate(names))


def _split_ratio(
    source: str,
    input_size: Tuple[int, int],
    outputs: Shapes,
    chosen: Tuple[str, ...],
    ratio: float,
) -> float:
    """Bins per pixel: by the graph where it tells, the same for both axes."""
    bins = [outputs[name][2] for name in chosen]
    if not all(_is_fixed(b) for b in bins):
        return ratio
    for candidate in (ratio, bins[0] / input_size[0]):
        if [round(size * candidate) for size in input_size] == bins:
            return candidate
    raise ValueError(
        f'{source} gives {bins[0]} x {bins[1]} bins for an input of '
        f'{input_size[0]} x {input_size[1]} pixels: the same number of bins '
        'per pixel expected for both axes'
    )


class GraphNetwork:
    """A pose network in a graph, for a backend that takes and gives arrays.

    Args:
        name (str): of the backend.
        engine: with ``source``, ``device``, ``input_shape``, ``outputs``,
            ``metadata`` and ``run``, as :class:`.OnnxSession` has them.
        defaults (dict, optional): see :func:`read_spec`.

    Raises:
        ValueError: it is no pose network that we can run.
    """

    def __init__(self, name: str, engine, defaults: Optional[dict] = None):
        self.name = name
        self.engine = engine
        self.device = engine.device
        self.spec = read_spec(
            engine.source,
            engine.input_shape,
            engine.outputs,
            engine.metadata,
            defaults,
            self._probe,
        )
        self._normalize = Normalizer(
            self.spec.mean, self.spec.std, self.spec.to_rgb
        )

    def _probe(self, shape: tuple) -> Shapes:
        found = self.engine.run(np.zeros(shape, np.float32))
        return {name: array.shape for name, array in found.items()}

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
