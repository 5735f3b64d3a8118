import json
from types import SimpleNamespace

from spinepose_mmpose.inference.network import (
    HALPE26,
    MEAN,
    read_pipeline,
    read_spec,
)
from spinepose_mmpose.metainfo import FLIP_INDICES, KEYPOINT_NAMES

import numpy as np
import pytest

INPUT = ('batch', 3, 256, 192)
SIMCC = {'simcc_x': ('batch', 37, 384), 'simcc_y': ('batch', 37, 512)}


def spec_of(outputs=None, shape=INPUT, defaults=None, run=None, **metadata):
    """The spec of a graph with these shapes, whose metadata is JSON."""
    engine = SimpleNamespace(
        source='file',
        input_shape=shape,
        outputs=outputs or SIMCC,
        metadata={k: json.dumps(v) for k, v in metadata.items()},
        run=run,
    )
    return read_spec(engine, defaults)


def test_a_published_file():
    spec = spec_of()
    assert spec.input_size == (192, 256)
    assert spec.kind == 'simcc' and spec.split_ratio == 2
    assert spec.names == KEYPOINT_NAMES and spec.flip_indices == FLIP_INDICES
    assert spec.to_rgb and spec.mean == MEAN and spec.batch is None
    assert spec.model == spec.licence == ''


def test_outputs_are_known_by_name_then_by_shape():
    swapped = {'a': (1, 5), **dict(reversed(SIMCC.items()))}
    spec = spec_of(swapped, (1, 3, 256, 192))
    assert spec.outputs == ('simcc_x', 'simcc_y') and spec.batch == 1
    unnamed = {'10': (1, 37, 384), '11': (1, 37, 512)}
    assert spec_of(unnamed).outputs == ('10', '11')


def test_networks_that_decode_by_themselves():
    spec = spec_of({'keypoints': ('b', 37, 2), 'scores': ('b', 37)})
    assert spec.kind == 'points' and spec.outputs == ('keypoints', 'scores')
    assert spec_of({'keypoints': ('b', 37, 3)}).outputs == ('keypoints',)


def test_metadata_comes_first():
    names = [f'left_{i}' for i in range(5)] + [f'right_{i}' for i in range(5)]
    spec = spec_of(
        {'simcc_x': (1, 10, 144), 'simcc_y': (1, 10, 192)},
        (1, 3, 'h', 'w'),
        {'mean': [9, 9, 9], 'std': [4, 5, 6]},
        keypoint_names=names,
        input_size=[96, 128],
        mean=[1, 2, 3],
        bgr_to_rgb=False,
        simcc_split_ratio=1.5,
        model='spinepose-m',
    )
    assert spec.input_size == (96, 128) and spec.split_ratio == 1.5
    assert spec.mean == (1, 2, 3) and spec.std == (4, 5, 6)
    assert not spec.to_rgb and spec.names == tuple(names)
    assert spec.flip_indices == (5, 6, 7, 8, 9, 0, 1, 2, 3, 4)
    assert spec.model == 'spinepose-m'


def test_halpe():
    spec = spec_of({'simcc_x': (1, 26, 384), 'simcc_y': (1, 26, 512)})
    assert spec.names == HALPE26 and spec.flip_indices == FLIP_INDICES[:26]


def test_sizes_that_the_exporter_lost_are_seen_in_a_run():
    fed = []

    def run(array):
        fed.append(array.shape)
        return {name: np.empty((1, *s[1:])) for name, s in SIMCC.items()}

    lost = {'simcc_x': ('b', 'k', 'x'), 'simcc_y': ('b', 'k', 'y')}
    assert spec_of(lost, run=run).split_ratio == 2
    spec_of(lost, ('b', 3, None, None), run=run, input_size=[192, 256])
    assert fed == [(1, 3, 256, 192)] * 2


@pytest.mark.parametrize(
    'graph, sentence',
    [
        (
            dict(outputs={'simcc_x': (1, 17, 384), 'simcc_y': (1, 17, 512)}),
            'file predicts 17 keypoints without naming them: expected 37',
        ),
        (dict(keypoint_names=['a']), '37 keypoints, but.*1'),
        (dict(flip_indices=[0]), "'flip_indices' has 1 entries for 37"),
        (dict(shape=('b', 3, 'h', 'w')), 'file takes images of any size'),
        (dict(shape=('b', 10)), r"file takes \['b', 10\], but"),
        (dict(shape=('b', 3, 100000, 8)), r"'input_size' is \[8, 100000\]"),
        (dict(shape=(5000, 3, 256, 192)), 'takes 5000 people at once'),
        (dict(outputs={'dets': (1, 9, 5)}), r'file gives dets \[1, 9, 5\]'),
        (
            dict(outputs={'simcc_x': (1, 37, 384), 'simcc_y': (1, 37, 500)}),
            'file gives 384 x 500 bins for an input of 192 x 256',
        ),
    ],
)
def test_what_is_no_pose_network(graph, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        spec_of(**graph)
    assert '\n' not in str(error.value)


WRONG = {
    'keypoint_names': ['a', [], {}, ['a', 'a'], [['a']], [1], [''], [None]],
    'flip_indices': ['01', [37], [-1], [1, 2, 0], [0.0], [True], [[0]], {}],
    'input_size': [0, [0, 0], [1, 1], [100000] * 2, [192], [192.5, 256], 'ab'],
    'mean': [1, [1, 2], [1, 2, '3'], [1, 2, None], [[1], 2, 3], [1e9] * 3],
    'std': [[0, 1, 1], [-1, 1, 1], [1, 2], {}, [float('nan')] * 3, '123'],
    'bgr_to_rgb': [1, 'true', None, []],
    'simcc_split_ratio': [0, -2, 1e9, 'two', [2], True, float('inf'), None],
}


@pytest.mark.parametrize(
    'key, value', [(k, v) for k, values in WRONG.items() for v in values]
)
def test_every_field_has_a_type_and_a_range(key, value):
    with pytest.raises(ValueError, match=f"^file: '{key}' is .*expected$"):
        spec_of(**{key: value})


@pytest.mark.parametrize('text', ['1,2', '', '[' * 100000, '9' * 10000])
def test_metadata_that_is_no_json(text):
    engine = SimpleNamespace(
        source='file', input_shape=INPUT, outputs=SIMCC, metadata={'mean': text}
    )
    with pytest.raises(ValueError, match="^file: 'mean' is") as error:
        read_spec(engine)
    assert '\n' not in str(error.value) and len(str(error.value)) < 200


def pipeline_of(path, **normalize):
    """A pipeline.json with the parts that matter."""
    transforms = [
        {'type': 'LoadImageFromFile'},
        {'type': 'TopDownAffine', 'image_size': [192, 256]},
        {'type': 'Normalize', 'to_rgb': True, **normalize},
    ]
    tasks = [
        {'name': 'Preprocess', 'transforms': transforms},
        {'component': 'SimCCLabelDecode', 'params': {'simcc_split_ratio': 2.0}},
    ]
    path = path / 'pipeline.json'
    path.write_text(json.dumps({'pipeline': {'tasks': tasks}}))
    return path


def test_what_mmdeploy_says(tmp_path):
    path = pipeline_of(tmp_path, mean=[1, 2, 3], std=[4, 5, 6])
    assert read_pipeline(path) == dict(
        input_size=[192, 256],
        mean=[1, 2, 3],
        std=[4, 5, 6],
        bgr_to_rgb=True,
        simcc_split_ratio=2.0,
    )
    path = pipeline_of(tmp_path, mean=[1, 2], std=[4, 5, 6])
    with pytest.raises(ValueError, match=r"pipeline.json: 'mean' is \[1, 2\]"):
        read_pipeline(path)


@pytest.mark.parametrize(
    'text',
    [
        '',
        '{}',
        '[1]',
        '[' * 100000,
        '{"pipeline": []}',
        '{"pipeline": {"tasks": [1]}}',
        '{"pipeline": {"tasks": [{"transforms": [{}]}]}}',
        '{"pipeline": {"tasks": [{"transforms": [{"type": "Resize", '
        '"size": [1]}]}]}}',
    ],
)
def test_a_broken_pipeline_file(tmp_path, text):
    (tmp_path / 'pipeline.json').write_text(text)
    with pytest.raises(ValueError, match='is not what mmdeploy') as error:
        read_pipeline(tmp_path / 'pipeline.json')
    assert '\n' not in str(error.value)
