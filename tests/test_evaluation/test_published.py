import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose
from spinepose_mmpose.evaluation.evaluator import keypoint_names
from spinepose_mmpose.evaluation.published import (
    CONFIG,
    METHOD_NAMES,
    METHOD_VARIABLE,
    METHODS,
    METRIC_KEYS,
    find_method,
    model_complexity,
)
from spinepose_mmpose.utils import config_file, quietly

import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

# Read off the paper a second time: keypoints, COCO AP, Halpe26 AR, body AP,
# feet AP, overall AP and AR, params, FLOPs.
TABLE = {
    'simcc-mbv2': (17, 62.0, 43.9, 72.1, 0, 0.1, 0.1, 2.29, 0.31),
    'rtmpose-t-halpe26': (26, 65.9, 73.2, 76.9, 74.1, 15.8, 17.9, 3.51, 0.37),
    'rtmpose-s-halpe26': (26, 69.7, 76.7, 80.9, 78.9, 17.2, 19.4, 5.7, 0.7),
    'spinepose-s': (37, 68.2, 75.2, 79.1, 77.5, 84.2, 86.2, 5.98, 0.72),
    'simcc-vipnas': (17, 69.5, 49.7, 79.6, 0, 0.2, 0.2, 8.65, 0.8),
    'rtmpose-m-halpe26': (26, 75.1, 81.3, 85.5, 84.1, 19.4, 21.4, 13.93, 1.95),
    'spinepose-m': (37, 73.0, 79.2, 84.0, 83.5, 88.0, 89.5, 14.34, 1.98),
    'rtmpose-l-halpe26': (26, 76.9, 82.9, 86.8, 86.9, 20.0, 22.0, 28.11, 4.19),
    'rtmw-m': (133, 73.8, 68.5, 84.3, 83.0, 6.2, 7.6, 32.26, 4.31),
    'simcc-res50': (17, 72.1, 51.6, 81.8, 0, 0.2, 0.2, 36.75, 5.5),
    'spinepose-l': (37, 75.2, 81.1, 85.4, 85.5, 88.4, 90.0, 28.66, 4.22),
    'simcc-res50-384x288': (17, 73.4, 52.4, 83.2, 0, 0.3, 0.3, 43.29, 12.42),
    'rtmpose-x-halpe26': (26, 78.8, 84.4, 88.6, 88.4, 21.0, 22.9, 50.0, 17.29),
    'rtmw-l': (133, 75.6, 70.1, 86.0, 85.6, 8.1, 8.1, 57.2, 7.91),
    'rtmw-l-384x288': (133, 77.2, 71.8, 87.3, 88.3, 8.6, 8.6, 57.35, 17.69),
    'spinepose-x': (37, 75.9, 81.8, 86.3, 86.3, 88.9, 89.9, 50.69, 17.37),
}


def test_values():
    assert list(METHOD_NAMES) == list(TABLE)
    for method in METHODS:
        results = method.results
        assert set(results) == set(METRIC_KEYS)
        columns = ('coco AP', 'halpe26 AR', 'body AP', 'feet AP', 'all AP')
        assert TABLE[method.name] == (
            method.keypoints,
            *(results[column] for column in columns),
            results['all AR'],
            method.params,
            method.flops,
        )
        assert (results['spine AP'] > 0) == (method.keypoints == 37)
    assert METRIC_KEYS['coco AP'] == 'coco/AP'
    assert METRIC_KEYS['all AR'] == 'spinetrack/all_AR'
    with pytest.raises(ValueError, match='rtmw-x.*choose from.*rtmw-m'):
        find_method('rtmw-x')


@pytest.mark.parametrize('method', METHODS, ids=lambda m: m.name)
def test_config(method, monkeypatch):
    """The model's keypoints, its own flip pairs and its own input size."""
    monkeypatch.setenv(METHOD_VARIABLE, method.name)
    cfg = Config.fromfile(config_file(CONFIG))
    assert cfg.model.head.out_channels == method.keypoints
    init_default_scope('mmpose')
    assert len(keypoint_names(cfg.test_evaluator.predicts)) == method.keypoints
    dataset = cfg.test_dataloader.dataset
    assert dataset.metainfo.from_file == cfg.test_evaluator.predicts
    assert [d.type for d in dataset.datasets] == ['SpineTrackDataset']
    assert [m.type for m in cfg.test_evaluator.metrics] == ['SpineTrackMetric']
    affine = next(t for t in dataset.pipeline if 'TopdownAffine' in t.type)
    assert tuple(affine.input_size) == tuple(cfg.codec.input_size)
    assert cfg.model.test_cfg.flip_test
    assert ('384x288' in method.title) == (cfg.codec.input_size[1] == 384)


def test_unknown_test_set(monkeypatch):
    monkeypatch.setenv('SPINEPOSE_TEST_SETS', 'spinetrack,mpii')
    with pytest.raises(ValueError, match=r"\['mpii'\].*'halpe26'"):
        Config.fromfile(config_file(CONFIG))


def test_any_config_is_a_method(monkeypatch):
    monkeypatch.setenv(
        METHOD_VARIABLE, str(config_file('configs/spinepose-t.py'))
    )
    cfg = Config.fromfile(config_file(CONFIG))
    assert cfg.model.backbone.widen_factor == 0.375
    assert cfg.test_evaluator.type == 'NamedKeypointsEvaluator'
    monkeypatch.setenv(METHOD_VARIABLE, 'rtmw-x')
    with pytest.raises(FileNotFoundError, match='rtmw-x'):
        Config.fromfile(config_file(CONFIG))


def test_complexity(monkeypatch):
    monkeypatch.setenv(METHOD_VARIABLE, 'simcc-mbv2')
    method = find_method('simcc-mbv2')
    found = model_complexity(str(config_file(CONFIG)))
    assert found == pytest.approx((method.params, method.flops), abs=0.005)


def test_warnings_are_back_afterwards(monkeypatch):
    logger, lines = MMLogger.get_current_instance(), []
    handle = lambda record: lines.append(record.getMessage())  # noqa: E731
    monkeypatch.setattr(logger, 'handle', handle)
    with quietly():
        logger.warning('first')
    logger.warning('second')
    assert lines == ['second']
