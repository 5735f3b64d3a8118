import json
import sys

from spinepose_mmpose.evaluation.metric import SpineTrackMetric

import evaluate_results as tool
import pytest
from made_people import dataset, labelled, standing
from metric_samples import GOLDEN, dataset_meta, golden, golden_samples


@pytest.fixture
def call(tmp_path, monkeypatch):
    """The tool, given annotations and results, each a file or its content."""

    def run(*files, options=()):
        paths = []
        for i, content in enumerate(files):
            if not isinstance(content, str):
                path, text = tmp_path / f'{i}.json', json.dumps(content)
                path.write_text(text)
                content = str(path)
            paths.append(content)
        monkeypatch.setattr(sys, 'argv', ['tool', *paths, *options])
        return tool.main()

    return run


def test_golden_predictions(tmp_path, call):
    """What the metric wrote gives the metric's numbers again."""
    metric = SpineTrackMetric(
        ann_file='not/there.json',
        format_only=True,
        outfile_prefix=str(tmp_path / 'new' / 'golden'),
    )
    metric.dataset_meta = dataset_meta()
    metric.process(None, golden_samples())
    assert metric.evaluate(len(golden_samples())) == {}
    out, report = str(tmp_path / 'out.json'), str(tmp_path / 'report')
    written = str(tmp_path / 'new' / 'golden.keypoints.json')
    options = ['--out', out, '--report-dir', report]
    assert call(str(GOLDEN / 'gt.json'), written, options=options) == 0
    scores = json.loads((tmp_path / 'out.json').read_text())
    found = {
        f'spinetrack/{subset}_{name}': value
        for subset, stats in scores.items()
        for name, value in stats.items()
    }
    assert found == pytest.approx(golden('expected')['default'], abs=1e-6)
    assert (tmp_path / 'report/body_map.png').is_file()


PEOPLE = dataset(*labelled([standing()]))


@pytest.mark.parametrize(
    'people, message',
    [
        ({}, 'should be a list of dictionaries'),
        ([dict(image_id=0, score=1)], "lacks 'keypoints'"),
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
def test_wrong_results(people, message, call):
    with pytest.raises(SystemExit, match=message) as stopped:
        call(PEOPLE, people)
    assert '\n' not in str(stopped.value)


def test_cut_off_file_and_other_annotations(tmp_path, call):
    short = tmp_path / 'short.json'
    short.write_text('[{"image_id": 0, "keypo')
    with pytest.raises(SystemExit, match='short.json.*may be cut off'):
        call(PEOPLE, str(short))
    with pytest.raises(SystemExit, match='17 keypoints.*another dataset'):
        call(dataset(*labelled([standing()[:17]])), [])


def test_nothing_predicted_is_said(call, capsys):
    assert call(PEOPLE, []) == 0
    said = capsys.readouterr().out
    assert 'nothing was predicted, so every score is 0' in said
