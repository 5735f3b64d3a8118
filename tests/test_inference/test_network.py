import json

from spinepose_mmpose.inference.network import HALPE26, read_spec
from spinepose_mmpose.metainfo import FLIP_INDICES, KEYPOINT_NAMES

import pytest

INPUT = ('batch', 3, 256, 192)
SIMCC = {'simcc_x': ('batch', 37, 384), 'simcc_y': ('batch', 37, 512)}


def test_a_published_file():
    spec = read_spec('file', INPUT, SIMCC)
    assert spec.input_size == (192, 256)
    assert spec.kind == 'simcc' and spec.split_ratio == 2
    assert spec.names == KEYPOINT_NAMES and spec.flip_indices == FLIP_INDICES
    assert spec.to_rgb and spec.mean[0] == 123.675 and spec.batch is None


def test_outputs_are_known_by_name_then_by_shape():
    swapped = {'a': (1, 5), **dict(reversed(SIMCC.items()))}
    spec = read_spec('file', (1, 3, 256, 192), swapped)
    assert spec.outputs == ('simcc_x', 'simcc_y') and spec.batch == 1
    unnamed = {'10': (1, 37, 384), '11': (1, 37, 512)}
    assert read_spec('file', INPUT, unnamed).outputs == ('10', '11')


def test_networks_that_decode_by_themselves():
    two = {'keypoints': ('b', 37, 2), 'scores': ('b', 37)}
    spec = read_spec('file', INPUT, two)
    assert spec.kind == 'points' and spec.outputs == ('keypoints', 'scores')
    one = {'keypoints': ('b', 37, 3)}
    assert read_spec('file', INPUT, one).outputs == ('keypoints',)


def test_metadata_comes_first():
    names = [f'left_{i}' for i in range(5)] + [f'right_{i}' for i in range(5)]
    said = dict(
        keypoint_names=names,
        input_size=[96, 128],
        mean=[1, 2, 3],
        std=[4, 5, 6],
        bgr_to_rgb=False,
        simcc_split_ratio=1.5,
    )
    metadata = {key: json.dumps(value) for key, value in said.items()}
    outputs = {'simcc_x': (1, 10, 144), 'simcc_y': (1, 10, 192)}
    spec = read_spec(
        'file', (1, 3, 'h', 'w'), outputs, metadata, {'mean': [9, 9, 9]}
    )
    assert spec.input_size == (96, 128) and spec.split_ratio == 1.5
    assert spec.mean == (1, 2, 3) and spec.std == (4, 5, 6)
    assert not spec.to_rgb and spec.names == tuple(names)
    assert spec.flip_indices == (5, 6, 7, 8, 9, 0, 1, 2, 3, 4)


def test_halpe():
    outputs = {'simcc_x': (1, 26, 384), 'simcc_y': (1, 26, 512)}
    spec = read_spec('file', INPUT, outputs)
    assert spec.names == HALPE26 and spec.flip_indices == FLIP_INDICES[:26]


@pytest.mark.parametrize(
    'shape, outputs, metadata, sentence',
    [
        (
            INPUT,
            {'simcc_x': (1, 17, 384), 'simcc_y': (1, 17, 512)},
            {},
            'file predicts 17 keypoints without naming them: expected 37',
        ),
        (INPUT, SIMCC, {'keypoint_names': '["a"]'}, '37 keypoints, but.*1'),
        (INPUT, SIMCC, {'mean': '1,2'}, "file: 'mean' is '1,2', JSON"),
        (('b', 3, 'h', 'w'), SIMCC, {}, 'file takes images of any size'),
        (('b', 10), SIMCC, {}, r"file takes \['b', 10\], but"),
        (INPUT, {'dets': (1, 9, 5)}, {}, r'file gives dets \[1, 9, 5\]'),
        (
            INPUT,
            {'simcc_x': (1, 37, 384), 'simcc_y': (1, 37, 500)},
            {},
            'file gives 384 x 500 bins for an input of 192 x 256',
        ),
    ],
)
def test_what_is_no_pose_network(shape, outputs, metadata, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        read_spec('file', shape, outputs, metadata)
    assert '\n' not in str(error.value)
