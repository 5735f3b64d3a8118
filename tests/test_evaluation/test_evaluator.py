import copy

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose
from spinepose_mmpose.evaluation.evaluator import keypoint_names
from spinepose_mmpose.metainfo import KEYPOINT_IDS, KEYPOINT_NAMES, SPINE_CHAIN
from spinepose_mmpose.utils import config_file

import oracle
import pytest
from metric_samples import GOLDEN
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, EVALUATORS

TEST_SETS = str(config_file('configs/_base_/datasets/test_sets.py'))
SPINETRACK = dict(type='SpineTrackDataset')
METRIC = dict(type='SpineTrackMetric', ann_file=str(GOLDEN / 'gt.json'))


@pytest.fixture(scope='module')
def roots(tmp_path_factory):
    folder = tmp_path_factory.mktemp('roots')
    oracle.write_roots(folder)
    return folder


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


@pytest.fixture
def test_sets(roots, monkeypatch):
    for name in ('spinetrack', 'coco', 'halpe'):
        monkeypatch.setenv(f'{name.upper()}_ROOT', str(roots / name))
    monkeypatch.setenv('SPINEPOSE_TEST_SETS', 'spinetrack,coco,halpe26')
    return Config.fromfile(TEST_SETS)


def evaluate(cfg, roots, metainfo, ids, **evaluator):
    dataset = copy.deepcopy(cfg.benchmark_dataloader.dataset)
    dataset.update(metainfo=metainfo, pipeline=oracle.PIPELINE)
    return oracle.run(
        EVALUATORS.build(dict(cfg.benchmark_evaluator, **evaluator)),
        DATASETS.build(dataset),
        roots,
        ids,
    )


@pytest.mark.parametrize(
    'file, count, expected',
    [
        ('spinetrack', 37, dict(coco=1, halpe26=1, body=1, feet=1, spine=1)),
        ('halpe26', 26, dict(coco=1, halpe26=1, body=1, feet=1, spine=0)),
        ('coco', 17, dict(coco=1, body=1, feet=0, spine=0)),
    ],
)
def test_a_perfect_model_of_any_size(test_sets, roots, file, count, expected):
    file = f'configs/_base_/datasets/{file}.py'
    metrics = evaluate(
        test_sets, roots, dict(from_file=file), range(count), predicts=file
    )
    for name, value in expected.items():
        key = (
            f'{name}/AP'
            if name in ('coco', 'halpe26')
            else f'spinetrack/{name}_AP'
        )
        assert metrics[key] == pytest.approx(value), name
    # 26 of 37 right is an OKS of 0.70 at best, 17 of 37 less than a half.
    assert metrics['spinetrack/all_AP'] == pytest.approx(
        {37: 1, 26: 0.5, 17: 0}[count], abs=0.1
    )


def test_own_model_with_own_order(test_sets, roots):
    """What docs/evaluation.md shows: named points, in any order."""
    names = ['hip', 'spine_01', 'tail', *SPINE_CHAIN[6:2:-1], *SPINE_CHAIN[:3]]
    names = list(dict.fromkeys(names))
    metainfo = dict(
        dataset_name='own',
        keypoint_info={
            i: dict(name=n, id=i, color=[0, 0, 0], type='upper', swap='')
            for i, n in enumerate(names)
        },
        skeleton_info={},
        joint_weights=[1.0] * len(names),
        sigmas=[0.1] * len(names),
    )
    ids = [KEYPOINT_IDS.get(n, 0) for n in names]
    sets = test_sets.benchmark_evaluator
    first = dict(metrics=sets.metrics[:1], datasets=sets.datasets[:1])
    cfg = copy.deepcopy(test_sets)
    cfg.benchmark_dataloader.dataset.datasets = first['datasets']
    metrics = evaluate(cfg, roots, metainfo, ids, predicts=metainfo, **first)
    assert metrics['spinetrack/spine_AP'] == pytest.approx(1)
    assert metrics['spinetrack/body_AP'] == 0


def test_published_layout(roots, monkeypatch):
    """mmpose's own evaluator and paths relative to the working directory, as
    the published evaluation configs have them."""
    monkeypatch.chdir(roots)
    boxes = f'coco/person_detection_results/{oracle.BOXES}'

    def test_set(name, images, **more):
        kind = dict(type=f'{name}Dataset', data_root='./', test_mode=True)
        files = dict(
            data_mode='topdown',
            ann_file=oracle.FILES[name.lower()],
            data_prefix=dict(img=images),
        )
        return dict(kind, **files, **more)

    def metric(name, **converters):
        kind = 'SpineTrackMetric' if name == 'spinetrack' else 'CocoMetric'
        converters = {
            key: dict(
                type='KeypointConverter',
                num_keypoints=count,
                mapping=[(i, i) for i in range(count)],
            )
            for key, count in converters.items()
        }
        file = oracle.FILES[name]
        return dict(type=kind, prefix=name, ann_file=file, **converters)

    sets = [
        test_set('SpineTrack', 'spinetrack/images/val2017/'),
        test_set('Coco', 'coco/val2017/', bbox_file=boxes),
        test_set('Halpe', 'coco/val2017/', bbox_file=boxes),
    ]
    dataset = dict(
        type='CombinedDataset',
        datasets=sets,
        test_mode=True,
        metainfo=dict(from_file='configs/_base_/datasets/spinetrack.py'),
        pipeline=oracle.PIPELINE,
    )
    evaluator = dict(
        type='MultiDatasetEvaluator',
        datasets=sets,
        metrics=[
            metric('spinetrack'),
            metric('coco', pred_converter=17),
            metric('halpe', gt_converter=26, pred_converter=26),
        ],
    )
    metrics = oracle.run(
        EVALUATORS.build(evaluator), DATASETS.build(dataset), roots, range(37)
    )
    assert len(metrics) == 60
    for key in ('spinetrack/all_AP', 'coco/AP', 'halpe/AP'):
        assert metrics[key] == pytest.approx(1), key


def test_keypoint_names():
    assert keypoint_names('SpineTrackDataset') == list(KEYPOINT_NAMES)
    assert keypoint_names('configs/_base_/datasets/halpe26.py') == list(
        KEYPOINT_NAMES[:26]
    )
    assert keypoint_names(['b', 'a']) == ['b', 'a']
    assert len(keypoint_names('CocoWholeBodyDataset')) == 133
    with pytest.raises(ValueError, match='CocoDatset.*CocoDataset'):
        keypoint_names('CocoDatset')
    with pytest.raises(FileNotFoundError, match='"nothing.py" does not exist'):
        keypoint_names('nothing.py')


def build(**changes):
    cfg = dict(
        type='NamedKeypointsEvaluator', metrics=[METRIC], datasets=[SPINETRACK]
    )
    return EVALUATORS.build(dict(cfg, **changes))


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(datasets=[SPINETRACK] * 2, metrics=[METRIC] * 2),
            r"two datasets are called \['spinetrack'\]",
        ),
        (
            dict(
                datasets=[SPINETRACK, dict(type='CocoDataset')],
                metrics=[METRIC, dict(type='PCKAccuracy', prefix='spinetrack')],
            ),
            r"two metrics are called \['spinetrack'\].*prefix",
        ),
        (dict(datasets=[SPINETRACK] * 2), '1 metrics do not fit 2 datasets'),
        (
            dict(datasets=[dict(type='NoDataset')]),
            "no dataset class 'NoDataset'",
        ),
        (dict(predicts=['fin', 'tail']), r'fin, tail.*nothing can be mapped'),
        (
            dict(predicts=['nose', 'nose']),
            r"two keypoints of the model are called \['nose'\]",
        ),
        (
            dict(
                predicts='CocoDataset',
                metrics=[
                    dict(
                        type='SpineTrackMetric',
                        pred_converter=dict(num_keypoints=37, mapping=[(0, 0)]),
                    )
                ],
            ),
            "pred_converter although 'predicts'",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_flip_indices_of_another_model_are_refused():
    evaluator = build(predicts='CocoDataset')
    with pytest.raises(ValueError, match='17 keypoints.*has 37.*Combined'):
        evaluator.dataset_meta = dict(num_keypoints=37)
    evaluator.dataset_meta = dict(num_keypoints=17)


def test_a_set_that_was_not_tested_is_refused():
    with pytest.raises(ValueError, match="no sample of dataset 'spinetrack'"):
        build().evaluate(3)
