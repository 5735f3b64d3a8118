import json
import sys

import evaluate_results as tool
import pytest
from metric_samples import GOLDEN, golden
from report_people import dataset, standing


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['evaluate_results.py', *arguments])
    return tool.main()


def results(tmp_path, people):
    path = tmp_path / 'results.json'
    path.write_text(json.dumps(people))
    return str(path)


def test_golden_predictions(tmp_path, monkeypatch, capsys):
    """What the metric wrote gives the metric's numbers again."""
    from spinepose_mmpose.evaluation.metric import SpineTrackMetric

    from metric_samples import dataset_meta, golden_samples

    metric = SpineTrackMetric(
        ann_file=str(GOLDEN / 'gt.json'),
        outfile_prefix=str(tmp_path / 'golden'),
    )
    metric.dataset_meta = dataset_meta()
    metric.process(None, golden_samples())
    metric.evaluate(len(golden_samples()))
    assert (
        call(
            monkeypatch,
            str(GOLDEN / 'gt.json'),
            str(tmp_path / 'golden.keypoints.json'),
            '--out',
            str(tmp_path / 'out.json'),
            '--report-dir',
            str(tmp_path / 'report'),
        )
        == 0
    )
    scores = json.loads((tmp_path / 'out.json').read_text())
    for subset, stats in scores.items():
        for name, value in stats.items():
            assert value == pytest.approx(
                golden('expected')['default'][f'spinetrack/{subset}_{name}'],
                abs=1e-6,
            )
    assert (tmp_path / 'report/body_map.png').is_file()


@pytest.mark.parametrize(
    'people, message',
    [
        ({}, 'should be a list of dictionaries'),
        ([dict(image_id=0, score=1)], "no 'keypoints'"),
        (
            [dict(image_id=0, score=1, keypoints=[1, 2, 2] * 17)],
            '17 keypoints per person, but .* has 37',
        ),
        (
            [dict(image_id=9, score=1, keypoints=[1, 2, 2] * 37)],
            r'does not list \(image ids 9\)',
        ),
    ],
)
def test_wrong_results(people, message, tmp_path, monkeypatch):
    gt = tmp_path / 'gt.json'
    gt.write_text(json.dumps(dataset(standing())))
    with pytest.raises(SystemExit, match=message) as stopped:
        call(monkeypatch, str(gt), results(tmp_path, people))
    assert '\n' not in str(stopped.value)


def test_cut_off_file_and_other_annotations(tmp_path, monkeypatch):
    gt, short = tmp_path / 'gt.json', tmp_path / 'short.json'
    gt.write_text(json.dumps(dataset(standing())))
    short.write_text('[{"image_id": 0, "keypo')
    with pytest.raises(SystemExit, match='short.json.*may be truncated'):
        call(monkeypatch, str(gt), str(short))
    gt.write_text(json.dumps(dataset(standing()[:17])))
    with pytest.raises(SystemExit, match='17 keypoints.*another dataset'):
        call(monkeypatch, str(gt), results(tmp_path, []))


def test_nothing_predicted_is_said(tmp_path, monkeypatch, capsys):
    gt = tmp_path / 'gt.json'
    gt.write_text(json.dumps(dataset(standing())))
    assert call(monkeypatch, str(gt), results(tmp_path, [])) == 0
    assert 'nothing was predicted, so every score is 0' in (
        capsys.readouterr().out
    )
