"""tools/deploy/verify.py: what it measures, and that it fails."""

import json
import shutil

from spinepose_mmpose.deploy.verify import Differences, failures, is_tie

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

TOOL = 'tools/deploy/verify.py'


def test_ties():
    heights = np.array([[[0.0, 1.0, 0.2, 0.99995, 0.9]]])
    for bin_, expected in ((1, True), (3, True), (4, False), (0, False)):
        tie = is_tie(heights, np.array([[bin_]]), 1e-4)
        assert tie.item() is expected, bin_
    for outside in (-2, 5, np.nan):
        assert not is_tie(heights, np.array([[outside]]), 1e-4).item()


def test_distances_by_hand():
    """Two keypoints right, one a tie far away, one wrong by (3, 4) pixels."""
    x = np.zeros((1, 4, 40))
    y = np.zeros((1, 4, 40))
    x[0, :, 10] = y[0, :, 10] = 1
    x[0, 2, 30] = 1 - 1e-6
    expected = np.full((1, 4, 2), 5.0)
    actual = expected.copy()
    actual[0, 2, 0] = 15
    actual[0, 3] += (3, 4)
    found = Differences('FP32')
    found.add_keypoints((x, y), expected, actual, 2.0)
    summary = found.summary()
    assert (summary['keypoints'], summary['ties']) == (4, 1)
    assert summary['keypoint_max_px'] == 5
    assert summary['keypoint_mean_px'] == pytest.approx(5 / 3)


def test_nan_fails():
    found = Differences('FP16')
    one = np.ones((1, 2, 8))
    found.add_outputs([one, one], [one, np.full_like(one, np.nan)])
    points = np.full((1, 2, 2), 2.0)
    found.add_keypoints((one, one), points, points * np.nan, 2.0)
    sentences = failures(
        found.summary(), dict(all=(0.9, float('nan'))), 'FP16', 0.5, 0.002
    )
    assert len(sentences) == 3


@pytest.mark.parametrize('options, count', [((), 8), (('--max-people', 5), 5)])
def test_export_within_the_limits(
    options, count, command, exported, tiny, people, tmp_path
):
    report = tmp_path / 'report.json'
    code, out = command(
        TOOL,
        exported(),
        *('--config', tiny[0], '--checkpoint', tiny[1], '--data', people),
        *('--speed-batches', 1, 2, '--repeats', 1, '--out', report),
        *options,
    )
    assert code == 0 and 'within the limits' in out
    result = json.loads(report.read_text())
    assert result['people'] == count
    assert result['differences']['keypoints'] == count * 37
    assert result['differences']['keypoint_max_px'] == 0
    assert [row['batch'] for row in result['speed']['onnxruntime']] == [1, 2]
    assert not result['failures']


@pytest.mark.parametrize('options', [{}, dict(channel_order='bgr')])
def test_wrong_export(options, command, exported, tiny, people, tmp_path):
    """One weight of the last layer is changed; or only the SDK's
    normalisation."""
    folder = tmp_path / 'out'
    shutil.copytree(exported(**options), folder)
    if options:
        path = folder / 'pipeline.json'
        text = path.read_text().replace('"to_rgb": false', '"to_rgb": true')
        path.write_text(text)
    else:
        path = folder / 'end2end.onnx'
        model = onnx.load(path)
        last = model.graph.node[-1].input[1]
        (tensor,) = [t for t in model.graph.initializer if t.name == last]
        values = numpy_helper.to_array(tensor).copy()
        values[:, 7] += 1
        tensor.CopyFrom(numpy_helper.from_array(values, last))
        onnx.save(model, path)
    code, out = command(
        TOOL,
        folder,
        *('--config', tiny[0], '--checkpoint', tiny[1], '--data', people),
        '--speed-batches',
    )
    assert code == 1 and 'FAILED: a keypoint differs by' in out


def test_other_folders(command, tiny, people, tmp_path):
    rest = ('--config', tiny[0], '--checkpoint', tiny[1], '--data', people)
    code, _ = command(TOOL, tmp_path, *rest)
    assert 'has no deploy.json' in code
