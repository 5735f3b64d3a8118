"""NMS without a compiled mmcv, against a naive one in numpy."""

from spinepose_mmpose.compat import mmcv_ext as module
from spinepose_mmpose.compat.mmcv_ext import nms, nms_torch

import numpy as np
import pytest
import torch

EMPTY = np.zeros((0, 4), np.float32)


def naive(boxes, scores, threshold, offset):
    """Box by box, in float32 as mmcv's kernel computes it."""
    waiting = sorted(range(len(boxes)), key=lambda i: -scores[i])  # stable
    keep = []
    for i in waiting:
        if all(
            iou(boxes[i], boxes[j], offset) <= np.float32(threshold)
            for j in keep
        ):
            keep.append(i)
    return keep


def iou(a, b, offset):
    offset = np.float32(offset)
    w, h = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + offset
    inter = max(w, np.float32(0)) * max(h, np.float32(0))
    union = (
        sum((c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b))
        - inter
    )
    return inter / union if union else np.float32(0)


def random_boxes(rng, kind):
    """Boxes on a small grid: many overlaps, equal IoUs, equal boxes."""
    count = rng.integers(1, 30)
    corner = rng.integers(0, 12, (count, 2))
    size = rng.integers(0 if kind == 'zero area' else 1, 10, (count, 2))
    boxes = np.hstack([corner, corner + size]).astype(np.float32)
    if kind == 'fractions':
        boxes *= np.float32(13.7)
    if kind == 'identical':
        boxes = boxes[rng.integers(0, count, count)]
    scores = rng.random(count, dtype=np.float32)
    if kind != 'fractions':
        scores = np.round(scores * 4) / 4  # ties
    return boxes, scores.astype(np.float32)


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('function', [nms, nms_torch])
@pytest.mark.parametrize(
    'kind', ['grid', 'fractions', 'identical', 'zero area']
)
def test_equals_the_naive_one(kind, function, offset):
    rng = np.random.default_rng(
        ['grid', 'fractions', 'identical', 'zero area'].index(kind)
    )
    for _ in range(15):
        boxes, scores = random_boxes(rng, kind)
        for threshold in (0.0, 0.3, 0.5, 0.65, 1.0):
            kept = function(
                torch.from_numpy(boxes),
                torch.from_numpy(scores),
                threshold,
                offset,
            )
            assert kept.dtype == torch.long
            assert kept.tolist() == naive(boxes, scores, threshold, offset)


@pytest.mark.parametrize('function', [nms, nms_torch])
def test_edges(function):
    def kept(boxes, scores, threshold=0.5, offset=0):
        return function(
            torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
            torch.tensor(scores, dtype=torch.float32),
            threshold,
            offset,
        ).tolist()

    assert kept([], []) == []
    assert kept([[1, 2, 3, 4]], [0.1]) == [0]
    # An IoU of the threshold itself is kept: 1 / 2.
    assert kept([[0, 0, 2, 1], [0, 0, 1, 1]], [1, 2], 0.5) == [1, 0]
    assert kept([[0, 0, 2, 1], [0, 0, 1, 1]], [1, 2], 0.49) == [1]
    # Equal scores: the first of the input wins and comes first.
    assert kept([[0, 0, 1, 1], [5, 5, 6, 6], [0, 0, 1, 1]], [3, 3, 3]) == [0, 1]
    # Boxes without an area suppress nothing, unless corners are pixels.
    points = [[4, 4, 4, 4], [4, 4, 4, 4]]
    assert kept(points, [1, 2]) == [1, 0]
    assert kept(points, [1, 2], offset=1) == [1]


def test_torchvisions_operator_keeps_the_order_of_ties(monkeypatch):
    """It sorts by itself; here as badly as its contract allows."""

    def operator(boxes, scores, threshold):
        boxes, scores = boxes.numpy(), scores.numpy()
        back = np.arange(len(boxes))[::-1]  # ties come last to first
        kept = naive(boxes[back], scores[back], threshold, 0)
        return torch.from_numpy(back[kept].copy())

    monkeypatch.setattr(module, '_torchvision_nms', lambda: operator)
    rng = np.random.default_rng(7)
    for _ in range(50):
        boxes, scores = random_boxes(rng, 'identical')
        kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.4)
        assert kept.tolist() == naive(boxes, scores, 0.4, 0)


BOXES = np.array(
    [[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40], [0, 0, 10, 10]],
    np.float32,
)
SCORES = np.array([0.5, 0.9, 0.3, 0.7], np.float32)


def test_mmcv_nms():
    from mmcv.ops import nms as mmcv_nms

    dets, inds = mmcv_nms(
        torch.from_numpy(BOXES), torch.from_numpy(SCORES), iou_threshold=0.6
    )
    assert inds.tolist() == [1, 2]
    np.testing.assert_array_equal(
        dets, np.hstack([BOXES, SCORES[:, None]])[[1, 2]]
    )
    dets, inds = mmcv_nms(BOXES, SCORES, 0.99, score_threshold=0.4, max_num=2)
    assert isinstance(dets, np.ndarray) and inds.tolist() == [1, 3]
    dets, inds = mmcv_nms(torch.from_numpy(EMPTY), torch.zeros(0), 0.5)
    assert dets.shape == (0, 5) and inds.shape == (0,)


def test_mmcv_batched_nms():
    from mmcv.ops import batched_nms

    boxes, scores = torch.from_numpy(BOXES), torch.from_numpy(SCORES)
    labels = torch.tensor([0, 0, 0, 1])
    cfg = dict(type='nms', iou_threshold=0.6)
    dets, inds = batched_nms(boxes, scores, labels, cfg)
    assert inds.tolist() == [1, 3, 2]  # the last is of another class
    np.testing.assert_array_equal(dets[:, :4], BOXES[[1, 3, 2]])
    np.testing.assert_array_equal(dets[:, 4], SCORES[[1, 3, 2]])
    _, inds = batched_nms(boxes, scores, labels, cfg, class_agnostic=True)
    assert inds.tolist() == [1, 2]


def test_other_operators_say_what_they_need():
    from mmcv import ops

    with pytest.raises(NotImplementedError, match="'softnms'.*mmcv==2.1.0"):
        ops.soft_nms(torch.from_numpy(BOXES), torch.from_numpy(SCORES))
    with pytest.raises(NotImplementedError, match='mmcv==2.1.0'):
        ops.RoIAlign((2, 2))(torch.zeros(1, 1, 8, 8), torch.zeros(1, 5))


def test_mmcv_is_still_known_to_be_without_operators():
    import importlib.util
    import pkgutil

    from mmcv.ops import get_compiler_version
    from mmengine.utils.dl_utils import collect_env  # noqa: F401

    assert 'mmcv-lite' in get_compiler_version()
    assert importlib.util.find_spec('mmcv._ext').loader is None
    assert pkgutil.find_loader('mmcv._ext') is None
