import csv
import io
import json

from spinepose_mmpose.evaluation.metric import SpineTrackMetric
from spinepose_mmpose.evaluation.report import (
    ReportOptions,
    tables,
    to_markdown,
    write_report,
)
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import numpy as np
import pytest
from made_people import (
    exchanged,
    labelled,
    make_report,
    report_of,
    standing,
)
from metric_samples import GOLDEN, dataset_meta, golden, golden_samples


def moved(person, dx, *names):
    person = person.copy()
    person[[KEYPOINT_IDS[n] for n in names], 0] += dx
    return person


def row(content, name):
    return next(r for r in content['keypoints'] if r['name'] == name)


def test_known_offsets():
    # Box 100 x 200: 20 px are 0.1 of the longest side, 6 px 0.03.
    person = standing()
    report = make_report(
        [person, person],
        [moved(person, 20, 'left_knee', 'nose'), moved(person, 6, 'left_knee')],
    ).content
    assert report['people'] == dict(labelled=2, predicted=2, found=2)
    knee, nose, ear = (
        row(report, n) for n in ('left_knee', 'nose', 'left_ear')
    )
    assert knee['error']['value'] == pytest.approx(0.065)
    assert knee['pck']['value'] == 0.5
    assert (knee['error']['low'], knee['error']['high']) == pytest.approx(
        (0.03, 0.1)
    )
    assert nose['error']['value'] == pytest.approx(0.05)
    assert ear['error'] == dict(value=0, low=0, high=0)
    body = report['subsets']['body']
    assert body['error']['value'] == pytest.approx((0.1 + 0.03 + 0.1) / 34)


def test_bent_spine():
    person = standing()  # a straight spine
    report = make_report([person], [moved(person, 10, 'spine_04')]).content
    spine = report['spine']
    # spine_05 to spine_04 and spine_04 to spine_03, 0.06 and 0.065 of 200 px.
    angles = [np.degrees(np.arctan2(10, 12)), np.degrees(np.arctan2(10, 13))]
    by_segment = {s['upper']: s['angle']['value'] for s in spine['segments']}
    assert by_segment['spine_05'] == pytest.approx(angles[0])
    assert by_segment['spine_04'] == pytest.approx(angles[1])
    assert by_segment['neck_03'] == pytest.approx(0, abs=1e-9)
    assert spine['angle']['value'] == pytest.approx(sum(angles) / 8)
    joint = next(j for j in spine['joints'] if j['at'] == 'spine_04')
    assert joint['curvature']['value'] == pytest.approx(sum(angles))
    assert joint['bend_labelled']['value'] == pytest.approx(0, abs=1e-9)
    assert joint['bend_predicted']['value'] == pytest.approx(sum(angles))


def test_sides_and_worst_cases():
    person = standing()
    report = make_report(
        [person] * 4,
        [exchanged(person), person, None, moved(person, 1000, 'nose')],
    )
    sides = report.content['left_right']
    # A third of the three found people; eyes and heels alike.
    assert sides['share'] == pytest.approx(1 / 3)
    assert [p['exchanged'] for p in sides['pairs']] == pytest.approx(
        [1 / 3] * 13
    )
    assert report.content['people']['found'] == 3
    worst = report.content['worst']
    order = [(c['person'], c['found']) for c in worst]
    assert order == [(2, False), (0, True), (3, True), (1, True)]
    assert worst[0]['prediction'] is None
    assert worst[2]['oks'] == pytest.approx(36 / 37)
    assert worst[0]['image_id'] == 2


def test_missed_person_comes_with_the_prediction_that_nobody_has():
    person = standing()
    far = person.copy()
    far[:, :2] += 500
    report = make_report([person], [far])
    (case,) = report.content['worst']
    assert (case['found'], case['prediction']) == (False, 0)
    assert report.content['people']['found'] == 0
    assert row(report.content, 'nose')['error']['value'] is None


def test_missed_person_does_not_get_what_another_has():
    person, other = standing(), standing(x=400)
    people = [dict(p, image_id=0) for p in labelled([person, other])]
    report = report_of(people, [dict(people[0], score=1)])
    worst = report.content['worst']
    assert [(c['person'], c['prediction']) for c in worst] == [
        (1, None),
        (0, 0),
    ]


def test_partial_model():
    """Keypoints with score 0 everywhere are no errors of position."""
    person = standing()
    partial = person.copy()
    partial[17:] = 0
    report = make_report([person], [partial]).content
    assert report['not_predicted'][:3] == ['head', 'neck', 'hip']
    assert len(report['not_predicted']) == 20
    assert report['people']['found'] == 1
    assert row(report, 'left_big_toe')['error']['value'] is None
    assert report['subsets']['all']['error']['value'] == 0
    assert report['subsets']['feet']['error']['value'] is None
    # The AP counts them as wrong: 17 of 37 are less than half.
    assert report['subsets']['body']['AP'] == pytest.approx(1)
    assert report['subsets']['all']['AP'] == 0
    assert report['spine'] == {}
    text = to_markdown(report)
    assert 'Not predicted by this model' in text and 'no complete spine' in text
    assert tables(report)['spine.csv'].count('\n') == 1


def test_nothing_predicted():
    report = make_report([standing()], [None])
    assert report.content['people'] == dict(labelled=1, predicted=0, found=0)
    assert report.values() == {}
    json.dumps(report.content, allow_nan=False)
    assert 'nan' not in to_markdown(report.content).lower()


def test_tables_agree():
    person = standing()
    content = make_report(
        [person] * 3,
        [moved(person, 20, 'left_knee'), person, moved(person, 10, 'spine_04')],
    ).content
    assert json.loads(json.dumps(content)) == content
    found = {
        name: list(csv.DictReader(io.StringIO(text)))
        for name, text in tables(content).items()
    }
    rows = found['keypoints.csv']
    assert len(rows) == 37
    knee = rows[KEYPOINT_IDS['left_knee']]
    assert float(knee['error']) == pytest.approx(
        row(content, 'left_knee')['error']['value'], rel=1e-5
    )
    assert list(knee)[4:9] == ['compared', 'oks', 'oks_low', 'oks_high', 'pck']
    assert (knee['predicted'], knee['compared']) == ('1', '3')
    assert rows[KEYPOINT_IDS['spine_04']]['vertebra'] == 'T8'
    assert knee['exchanged'] == '0' and rows[0]['exchanged'] == ''
    subsets = found['subsets.csv']
    assert [r['subset'] for r in subsets] == ['body', 'feet', 'spine', 'all']
    assert float(subsets[3]['AP']) == content['subsets']['all']['AP']
    spine = found['spine.csv']
    assert [r['part'] for r in spine] == ['segment'] * 8 + ['joint'] * 7
    assert spine[0]['vertebrae'] == 'C1 - C3/C4'
    assert spine[0]['curvature'] == '' != spine[8]['curvature']
    assert '| spine_04 (T8) | 3 |' in to_markdown(content)


def test_options():
    assert ReportOptions.of(None) == ReportOptions()
    assert ReportOptions.of(dict(num_worst=3)).num_worst == 3
    with pytest.raises(ValueError, match=r"\['worst'\].*'num_worst'"):
        ReportOptions.of(dict(worst=3))
    with pytest.raises(ValueError, match='min_oks'):
        ReportOptions.of(dict(min_oks=0))


def test_older_files_survive_an_error(tmp_path, monkeypatch):
    person = standing()
    folder = tmp_path / 'new' / 'report'
    files = ['report.json', 'keypoints.csv', 'subsets.csv', 'spine.csv']
    report = make_report([person], [person], draw=False)
    assert write_report(str(folder), report) == [*files, 'report.md']
    before = (folder / 'report.json').read_text()
    monkeypatch.setattr('os.replace', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(str(folder), make_report([person], [None], draw=False))
    names = {path.name for path in folder.iterdir()}
    assert names == {*files, 'report.md'}
    assert (folder / 'report.json').read_text() == before


def evaluate(**settings):
    metric = SpineTrackMetric(ann_file=str(GOLDEN / 'gt.json'), **settings)
    metric.dataset_meta = dataset_meta()
    samples = golden_samples()
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_metric_writes_it_only_when_asked(tmp_path):
    plain = evaluate()
    with_report = evaluate(
        report_dir=str(tmp_path / 'out'), report=dict(draw=False)
    )
    assert {k: with_report[k] for k in plain} == plain
    extra = set(with_report) - set(plain)
    assert {
        'spinetrack/all_PCK',
        'spinetrack/spine_angle_error',
        'spinetrack/left_right_exchanged',
    } <= extra
    content = json.loads((tmp_path / 'out/report.json').read_text())
    assert content['subsets']['all']['AP'] == pytest.approx(
        golden('expected')['default']['spinetrack/all_AP'], abs=1e-6
    )
    assert not any(p.suffix == '.png' for p in (tmp_path / 'out').iterdir())
    with pytest.raises(ValueError, match='colour'):
        SpineTrackMetric(report=dict(colour=1))
