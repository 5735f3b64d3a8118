import json
import logging
import pickle

from spinepose_mmpose.evaluation import metric as module
from spinepose_mmpose.evaluation.metric import SpineTrackMetric

import numpy as np
import pytest
from metric_samples import (
    GOLDEN,
    dataset_meta,
    golden,
    golden_samples,
    to_sample,
)
from mmengine.evaluator import Evaluator
from mmengine.logging import MessageHub
from mmpose.evaluation.metrics import CocoMetric
from mmpose.registry import METRICS

GT_FILE = str(GOLDEN / 'gt.json')


@pytest.fixture(autouse=True)
def no_leftover_ann_file():
    infos = MessageHub.get_current_instance().runtime_info
    infos.pop('spinetrack_ann_file', None)
    yield infos
    infos.pop('spinetrack_ann_file', None)


@pytest.fixture
def log(monkeypatch):
    """(message, level) of each line; mmengine drops repeated warnings."""
    lines = []
    monkeypatch.setattr(
        module,
        'print_log',
        lambda message, logger, level=logging.INFO: lines.append(
            (message, level)
        ),
    )
    return lines


def evaluate(samples, meta=None, **kwargs):
    metric = SpineTrackMetric(**kwargs)
    metric.dataset_meta = meta or dataset_meta()
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def nobody(**changes):
    """A sample in which nobody is found."""
    predicted = dict(
        keypoints=np.zeros((0, 37, 2)), keypoint_scores=np.zeros((0, 37))
    )
    empty = dict(pred_instances=predicted, gt_instances={}, id=[], img_id=1)
    return dict(empty, ori_shape=(480, 640), **changes)


@pytest.mark.parametrize(
    'setting, kwargs',
    [
        ('default', dict()),
        ('no_nms', dict(nms_mode='none')),
        ('keypoint_score', dict(score_mode='keypoint')),
    ],
)
def test_published_numbers_through_the_evaluator(setting, kwargs):
    metric = METRICS.build(
        dict(type='SpineTrackMetric', ann_file=GT_FILE, **kwargs)
    )
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dataset_meta()
    samples = golden_samples()
    for start in range(0, len(samples), 16):
        evaluator.process(samples[start : start + 16], None)
    result = evaluator.evaluate(len(samples))
    assert result == pytest.approx(golden('expected')[setting], abs=1e-9)


@pytest.mark.parametrize(
    'kwargs',
    [
        dict(),
        dict(nms_mode='oks_nms', nms_thr=0.3, score_mode='bbox_rle'),
        dict(nms_mode='soft_oks_nms', nms_thr=0.4),
        dict(score_mode='bbox'),
        dict(keypoint_score_thr=0.7),
    ],
)
def test_all_keypoints_are_scored_as_by_coco_metric(kwargs):
    rng = np.random.default_rng(0)
    samples = []
    for i, prediction in enumerate(golden('predictions')):
        for copies in range(rng.integers(1, 4)):
            sample = to_sample(prediction, id=len(samples))
            sample['pred_instances']['keypoints'] += rng.normal(
                0, 4, (1, 37, 2)
            ).astype(np.float32)
            sample['gt_instances']['bbox_scores'] = rng.random(1)
            if i % 3:
                sample['gt_instances']['bbox_scales'] = rng.uniform(
                    50, 200, (1, 2)
                )
            samples.append(sample)
    ours = evaluate(samples, ann_file=GT_FILE, **kwargs)
    stock = CocoMetric(ann_file=GT_FILE, **kwargs)
    stock.dataset_meta = dataset_meta()
    stock.process(None, samples)
    # CocoMetric's files carry the boxes, whose size then is the person's.
    for prediction, _ in stock.results:
        prediction.pop('bbox')
    for name, value in stock.evaluate(len(samples)).items():
        assert ours[name.replace('coco/', 'spinetrack/all_')] == pytest.approx(
            value, abs=1e-6
        ), name


def test_area_of_the_box(tmp_path):
    dataset = golden('gt')
    for person in dataset['annotations']:
        person['area'] = person['bbox'][2] * person['bbox'][3] * 0.53
    file = tmp_path / 'boxes.json'
    file.write_text(json.dumps(dataset))
    result = evaluate(golden_samples(), ann_file=GT_FILE, use_area=False)
    assert result == evaluate(golden_samples(), ann_file=str(file))
    assert result != evaluate(golden_samples(), ann_file=GT_FILE)


def test_ids_of_numpy():
    samples = golden_samples()
    for sample in samples:
        for name in ('id', 'img_id'):
            sample[name] = np.int64(sample[name])
    result = evaluate(samples, ann_file=GT_FILE)
    assert result == pytest.approx(golden('expected')['default'], abs=1e-9)


def test_nothing_of_the_caller_is_modified():
    samples, meta = golden_samples(), dataset_meta()
    before = pickle.dumps((samples, meta))
    converter = dict(num_keypoints=37, mapping=[(i, i) for i in range(37)])
    metric = SpineTrackMetric(
        ann_file=GT_FILE, gt_converter=converter, pred_converter=converter
    )
    for _ in range(2):  # a second validation gives the same
        metric.dataset_meta = meta
        metric.process(None, samples)
        result = metric.evaluate(len(samples))
        assert result == pytest.approx(golden('expected')['default'], abs=1e-9)
    assert pickle.dumps((samples, meta)) == before


def test_converters_and_own_subsets():
    # The dataset and the model have every keypoint five places later.
    mapping = [((i + 5) % 37, i) for i in range(37)]
    converter = dict(
        type='KeypointConverter', num_keypoints=37, mapping=mapping
    )
    meta = dataset_meta(
        sigmas=np.roll(dataset_meta()['sigmas'], 5),
        keypoint_name2id=dict(tip=24),
    )
    dataset = golden('gt')
    for person in dataset['annotations']:
        points = np.roll(np.reshape(person['keypoints'], (37, 3)), 5, 0)
        person['keypoints'] = points.reshape(-1).tolist()
    samples = golden_samples()
    for sample in samples:
        for name, values in sample['pred_instances'].items():
            if name != 'bboxes':
                sample['pred_instances'][name] = np.roll(values, 5, 1)
        sample['raw_ann_info'] = [
            p
            for p in dataset['annotations']
            if p['image_id'] == sample['img_id']
        ]
    result = evaluate(
        samples, meta, gt_converter=converter, pred_converter=converter
    )
    covered = {s['img_id'] for s in samples}
    assert covered == {p['image_id'] for p in dataset['annotations']}
    assert result == pytest.approx(golden('expected')['default'], abs=1e-9)

    result = evaluate(
        samples,
        meta,
        gt_converter=converter,
        pred_converter=converter,
        subsets=dict(body=range(17), point=['tip'], same=[19]),
        prefix='mine',
    )
    assert len(result) == 30
    assert result['mine/point_AR'] == result['mine/same_AR'] > 0
    assert result['mine/body_AP'] == pytest.approx(
        golden('expected')['default']['spinetrack/body_AP'], abs=1e-9
    )


def test_ground_truth_through_the_message_hub(no_leftover_ann_file):
    no_leftover_ann_file['spinetrack_ann_file'] = GT_FILE
    result = evaluate(golden_samples())
    assert result == pytest.approx(golden('expected')['default'], abs=1e-9)

    stranger = to_sample(golden('predictions')[0], img_id=5)
    with pytest.raises(
        ValueError,
        match="gt.json' .*'spinetrack'; set ann_file if several.*image ids 5",
    ):
        evaluate(golden_samples() + [stranger])


def test_bottom_up_samples_and_images_without_people():
    annotations = {}
    for person in golden('gt')['annotations']:
        annotations.setdefault(person['image_id'], []).append(person)
    people = {}  # the first of several with one id
    for p in golden('predictions')[:40]:
        people.setdefault(p['img_id'], {}).setdefault(p['id'], p)
    top_down, bottom_up = [], []
    for image, predictions in people.items():
        labelled = annotations[image]
        samples = [
            to_sample(p, raw_ann_info=labelled) for p in predictions.values()
        ]
        top_down += samples
        predicted = {
            key: np.concatenate([s['pred_instances'][key] for s in samples])
            for key in ('keypoints', 'keypoint_scores')
        }
        predicted['bbox_scores'] = np.concatenate(
            [s['gt_instances']['bbox_scores'] for s in samples]
        )
        bottom_up.append(
            dict(
                id=[a['id'] for a in labelled],
                img_id=image,
                ori_shape=(480, 640),
                raw_ann_info=labelled,
                gt_instances=dict(bbox_scores=np.ones(len(labelled) + 1)),
                pred_instances=predicted,
            )
        )
    bottom_up.append(nobody(raw_ann_info=None))
    expected = evaluate(top_down)
    assert evaluate(bottom_up) == pytest.approx(expected, abs=1e-9)
    assert 0.2 < expected['spinetrack/body_AP'] < 1


def test_results_are_small():
    metric = SpineTrackMetric(ann_file=GT_FILE)
    metric.dataset_meta = dataset_meta()
    metric.process(None, golden_samples())
    assert len(metric.results) == len(golden_samples())
    assert len(pickle.dumps(metric.results)) < 1000 * len(metric.results)


def test_table_and_reasons(log, tmp_path):
    dataset = golden('gt')
    for person in dataset['annotations']:
        for k in range(20, 26):
            person['keypoints'][3 * k + 2] = 0
    file = tmp_path / 'nofeet.json'
    file.write_text(json.dumps(dataset))
    samples = golden_samples()
    for sample in samples:
        sample['pred_instances']['keypoint_scores'][:, range(17)] = 0
    result = evaluate(samples, ann_file=str(file))
    assert result['spinetrack/feet_AP'] == result['spinetrack/feet_AR'] == -1
    assert result['spinetrack/body_AP'] == 0 < result['spinetrack/spine_AP']
    text = '\n'.join(m for m, level in log if level == logging.WARNING)
    assert "nofeet.json' has a labelled keypoint of subset 'feet'" in text
    assert "above 0 in subset 'body', so its scores are 0" in text
    table = log[-1][0]
    assert "83 predictions against '" in table and 'in 46 of its 46' in table
    assert f'{result["spinetrack/spine_AP"]:.3f}' in table

    log.clear()
    result = evaluate([nobody()], ann_file=GT_FILE)
    assert set(result.values()) == {0}
    assert 'nothing was predicted' in log[0][0]
    assert log[0][1] == logging.WARNING


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(score_mode='area'), "'bbox_keypoint'.*got area"),
        (dict(nms_mode='nms'), "'soft_oks_nms'.*got nms"),
        (dict(iou_type='bbox'), "'keypoints'.*but is 'bbox'"),
        (dict(format_only=True), 'outfile_prefix'),
        (dict(gt_converter=dict(mapping=[])), "lacks .'num_keypoints'"),
        (
            dict(gt_converter=dict(num_keypoints=2, mapping=[(0, 2)])),
            r'\(0, 2\) does not fit 37 source keypoints and 2 target',
        ),
        (
            dict(gt_converter=dict(num_keypoints=2, mapping=[(40, 1)])),
            r'\(40, 1\) does not fit',
        ),
    ],
)
def test_bad_options(kwargs, message):
    with pytest.raises((ValueError, AssertionError), match=message):
        metric = SpineTrackMetric(ann_file=GT_FILE, **kwargs)
        metric.dataset_meta = dataset_meta()


def test_bad_annotation_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.json'):
        evaluate([], ann_file=str(tmp_path / 'gone.json'))
    file = tmp_path / 'part.json'
    file.write_text((GOLDEN / 'gt.json').read_text()[:5000])
    with pytest.raises(ValueError, match='part.json.*cut off .5000 bytes'):
        evaluate([], ann_file=str(file))

    dataset = golden('gt')
    for person in dataset['annotations']:
        del person['keypoints'][51:]
    file.write_text(json.dumps(dataset))
    with pytest.raises(
        ValueError, match="part.json' has 17 keypoints.*37 are.*another dataset"
    ):
        evaluate([nobody()], ann_file=str(file))
    # Given as such, the file can be scored.
    first = dict(num_keypoints=17, mapping=[(i, i) for i in range(17)])
    result = evaluate(
        golden_samples(),
        meta=dataset_meta(
            num_keypoints=17, sigmas=dataset_meta()['sigmas'][:17]
        ),
        ann_file=str(file),
        pred_converter=first,
        subsets=dict(body=range(17)),
    )
    assert result['spinetrack/body_AP'] > 0


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(), 'predicts 17.*37 are'),
        (
            dict(pred_converter=dict(num_keypoints=37, mapping=[(17, 0)])),
            r'\(17, 0\) does not fit 17 source',
        ),
    ],
)
def test_predictions_of_another_model(kwargs, message):
    sample = golden_samples()[0]
    predicted = sample['pred_instances']
    for name in ('keypoints', 'keypoint_scores'):
        predicted[name] = predicted[name][:, :17]
    with pytest.raises(ValueError, match=message):
        evaluate([sample], ann_file=GT_FILE, **kwargs)


def test_predictions_of_nowhere():
    samples = golden_samples()[:3]
    samples[0]['pred_instances']['keypoints'][0, 3] = np.nan
    with pytest.raises(ValueError, match='not finite for 1 of 2 people'):
        evaluate(samples, ann_file=GT_FILE)
    samples = golden_samples()[:3]
    samples[2]['img_id'] = 31337
    with pytest.raises(ValueError, match="gt.json' does not list.*31337"):
        evaluate(samples, ann_file=GT_FILE)


def test_bad_sample_annotations():
    with pytest.raises(AssertionError, match='`ann_file` is not provided'):
        evaluate(golden_samples())
    with pytest.raises(ValueError, match='nothing can be scored'):
        evaluate([])
    person = golden('gt')['annotations'][0]
    other = dict(person, area=1.0)
    samples = [
        to_sample(p, raw_ann_info=a)
        for p, a in zip(golden('predictions'), (person, other))
    ]
    with pytest.raises(ValueError, match='id 1 stands for two people.*clash'):
        evaluate(samples)


def test_meta_of_another_dataset():
    meta = dataset_meta(num_keypoints=17, sigmas=[0.1] * 17)
    with pytest.raises(ValueError, match="Subset 'feet'.*20.*has 17"):
        evaluate([], meta=meta)
    for back, unknown in (
        (['hip', 'tail'], "'tail'"),
        ([], r'\[\]'),
        (['neck', 18], 'each keypoint once'),
    ):
        with pytest.raises(ValueError, match=f"'back'.*{unknown}"):
            evaluate([], subsets=dict(back=back))
