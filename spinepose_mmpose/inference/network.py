"""What a pose network takes and gives, read from its graph."""

import json
from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from ..metainfo import FLIP_INDICES, KEYPOINT_NAMES, swap_name

# Of training, in the network's order: red, green, blue.
MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)
SPLIT_RATIO = 2.0
HALPE26 = KEYPOINT_NAMES[:26]
SIZES = {len(KEYPOINT_NAMES): KEYPOINT_NAMES, len(HALPE26): HALPE26}

# An export writes these into the file's metadata, each as JSON.
METADATA_KEYS = (
    'keypoint_names',
    'flip_indices',
    'input_size',
    'mean',
    'std',
    'bgr_to_rgb',
    'simcc_split_ratio',
)
ABOUT_KEYS = ('model', 'licence')
# name -> shape; what is not fixed is None or a text.
Shapes = Dict[str, Sequence]


@dataclass(frozen=True)
class NetworkSpec:
    """A pose network from outside. K keypoints.

    Attributes:
        input_size: (w, h) in pixels.
        outputs: names of its two outputs (x and y, or points and scores), or
            of the single one that holds both.
        kind: ``simcc`` for distributions, ``points`` for a network that
            decodes by itself.
        names: (K,) keypoint names.
        flip_indices: (K,) each keypoint's counterpart on the other side.
        mean, std: of the channels in the network's order.
        to_rgb: whether it takes red first.
        split_ratio: SimCC bins a pixel.
        batch: the only batch it takes, None for any.
        model, licence: what the file says of itself, '' if nothing.
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


def read_spec(
    source: str,
    input_shape: Sequence,
    outputs: Shapes,
    metadata: Optional[Dict[str, str]] = None,
    defaults: Optional[dict] = None,
) -> NetworkSpec:
    """The spec of a graph.

    Args:
        source: what an error calls the file.
        input_shape: (B, 3, H, W), None or a text where it is not fixed.
        outputs: shape of each output, in order.
        metadata: of the file; what it says comes first.
        defaults: what lies beside the file says, in the same keys.

    Raises:
        ValueError: it is no pose network that we can run.
    """
    said = {**(defaults or {}), **_parse(source, metadata or {})}
    input_size = _input_size(source, input_shape, said)
    kind, chosen = _outputs(source, outputs)
    num_keypoints = outputs[chosen[0]][1]
    names = _names(source, num_keypoints, said.get('keypoint_names'))
    ratio = float(said.get('simcc_split_ratio', SPLIT_RATIO))
    if kind == 'simcc':
        ratio = _split_ratio(source, input_size, outputs, chosen, ratio)
    flip = said.get('flip_indices') or _flip_indices(names)
    batch = input_shape[0]
    return NetworkSpec(
        input_size=input_size,
        outputs=chosen,
        kind=kind,
        names=names,
        flip_indices=tuple(int(i) for i in flip),
        mean=_floats(said.get('mean', MEAN)),
        std=_floats(said.get('std', STD)),
        to_rgb=bool(said.get('bgr_to_rgb', True)),
        split_ratio=ratio,
        batch=batch if _is_fixed(batch) else None,
        model=said.get('model', ''),
        licence=said.get('licence', ''),
    )


def _floats(values: Sequence) -> Tuple[float, ...]:
    return tuple(float(value) for value in values)


def _is_fixed(size) -> bool:
    return isinstance(size, int) and size > 0


def _parse(source: str, metadata: Dict[str, str]) -> dict:
    said = {}
    for key in ABOUT_KEYS:
        said[key] = metadata.get(key, '').strip('"')
    for key in METADATA_KEYS:
        if key in metadata:
            try:
                said[key] = json.loads(metadata[key])
            except ValueError as error:
                raise ValueError(
                    f'{source}: its metadata {key!r} is {metadata[key]!r}, '
                    'JSON expected'
                ) from error
    return said


def _input_size(source: str, shape: Sequence, said: dict) -> Tuple[int, int]:
    if len(shape) != 4 or (_is_fixed(shape[1]) and shape[1] != 3):
        raise ValueError(
            f'{source} takes {list(shape)}, but a pose network takes images '
            '(batch, 3, height, width)'
        )
    if _is_fixed(shape[2]) and _is_fixed(shape[3]):
        return shape[3], shape[2]
    if 'input_size' in said:
        w, h = said['input_size']
        return int(w), int(h)
    raise ValueError(
        f'{source} takes images of any size and does not say which one it was '
        'trained with: export it with a fixed height and width, or with '
        '"input_size" in its metadata'
    )


def _outputs(source: str, outputs: Shapes) -> Tuple[str, Tuple[str, ...]]:
    """Kind and names of the outputs that matter."""
    by_rank = {
        name: len(shape) for name, shape in outputs.items() if len(shape) > 1
    }
    threes = [name for name, rank in by_rank.items() if rank == 3]
    twos = [name for name, rank in by_rank.items() if rank == 2]
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
    """Bins a pixel by the graph where it says so, and equal for both axes."""
    bins = [outputs[name][2] for name in chosen]
    if not all(_is_fixed(b) for b in bins):
        return ratio
    for candidate in (ratio, bins[0] / input_size[0]):
        if [round(size * candidate) for size in input_size] == bins:
            return candidate
    raise ValueError(
        f'{source} gives {bins[0]} x {bins[1]} bins for an input of '
        f'{input_size[0]} x {input_size[1]} pixels: the same number of bins a '
        'pixel expected for both axes'
    )
