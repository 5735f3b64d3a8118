from spinepose_mmpose.metainfo import KEYPOINT_NAMES
from spinepose_mmpose.models.head_extension import (
    checkpoint_names,
    count_keypoints,
    extend_head,
)

import pytest
import torch

HALPE26 = KEYPOINT_NAMES[:26]
WEIGHT, BIAS = 'head.final_layer.weight', 'head.final_layer.bias'


def weights(k=26, channels=40):
    torch.manual_seed(0)
    return {
        'backbone.stem.weight': torch.randn(3, 3),
        WEIGHT: torch.randn(k, channels, 7, 7) * 0.3 + 0.1,
        BIAS: torch.randn(k) - 2,
    }


def test_rows_by_name():
    """A source in another order, with a keypoint that the target lacks."""
    source = ['nose', 'pelvis', 'left_knee']
    target = ['left_knee', 'spine_01', 'nose']
    old = weights(3)
    before = {k: v.clone() for k, v in old.items()}
    new, report = extend_head(old, source, target)
    for name in (WEIGHT, BIAS):
        assert torch.equal(new[name][0], old[name][2])
        assert torch.equal(new[name][2], old[name][0])
        assert not any(torch.equal(new[name][1], row) for row in old[name])
        assert torch.equal(old[name], before[name])
    assert new['backbone.stem.weight'] is old['backbone.stem.weight']
    copied, drawn, skipped = report.splitlines()
    assert copied == '  2 copied: left_knee, nose'
    assert drawn.startswith('  1 extended') and ': spine_01' in drawn
    assert skipped == '  1 skipped, which the student lacks: pelvis'


def test_distribution_of_new_rows():
    old = weights()
    new, report = extend_head(old, HALPE26, KEYPOINT_NAMES)
    rows = new[WEIGHT][26:]
    count = rows.numel()  # 21560 values: the mean is known to 0.3 / sqrt(n)
    assert rows.mean().item() == pytest.approx(
        old[WEIGHT].mean().item(), abs=4 * 0.3 / count**0.5
    )
    assert rows.std() == pytest.approx(old[WEIGHT].std().item(), rel=0.03)
    assert torch.equal(new[WEIGHT][:26], old[WEIGHT])
    mean, std = old[BIAS].mean(), old[BIAS].std()
    assert f'bias N({mean:.3g}, {std:.3g}^2)' in report
    assert (new[BIAS][26:] + 2).abs().max() < 4  # around -2, not 0 or 0.1
    assert ' 11 extended' in report and ' 0 skipped' in report


def test_seed():
    draws = [
        extend_head(weights(), HALPE26, KEYPOINT_NAMES, seed)[0][WEIGHT]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0][26:], draws[2][26:])
    # One new row does not depend on how many there are.
    torch.manual_seed(5)
    again = extend_head(weights(), HALPE26, KEYPOINT_NAMES[:30], 1)[0][WEIGHT]
    assert torch.equal(again, draws[0][:30])


def test_redraw():
    old = weights()
    new, report = extend_head(
        old, HALPE26, KEYPOINT_NAMES, redraw=('neck', 'hip')
    )
    assert ' 13 extended' in report and ' 0 skipped' in report
    for row in (18, 19):
        assert not torch.equal(new[WEIGHT][row], old[WEIGHT][row])
    assert torch.equal(new[WEIGHT][17], old[WEIGHT][17])


def test_half_precision_is_kept():
    old = {k: v.half() for k, v in weights().items()}
    new, _ = extend_head(old, HALPE26, KEYPOINT_NAMES)
    assert new[WEIGHT].dtype == torch.float16
    assert new[WEIGHT][30].float().std() == pytest.approx(0.3, rel=0.1)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(source=HALPE26[:25]), '26 keypoints, but 25 names'),
        (dict(source=['nose'] * 26), r"occur twice: \['nose'\]"),
        (dict(target=['spine_01', 'spine_02']), 'None of the checkpoint'),
        (dict(redraw=['tail']), r"Unknown keypoints \['tail'\].*'nose'"),
        (dict(weights={}), 'no head.final_layer.weight.*SimCC'),
    ],
)
def test_wrong_input(change, message):
    settings = dict(source=HALPE26, target=KEYPOINT_NAMES, redraw=())
    settings = {**settings, **change}
    with pytest.raises(ValueError, match=message):
        extend_head(
            settings.get('weights', weights()),
            settings['source'],
            settings['target'],
            redraw=settings['redraw'],
        )


class TestCheckpointNames:
    @pytest.mark.parametrize('count', [17, 26, 37])
    def test_by_number(self, count):
        assert checkpoint_names({}, count) == list(KEYPOINT_NAMES[:count])

    def test_whole_body(self):
        names = checkpoint_names(None, 133)
        assert len(names) == 133
        assert 'left_heel' in names and 'face-0' in names

    def test_metainfo_first(self):
        names = {1: 'pelvis', 0: 'top_head'}
        meta = dict(dataset_meta=dict(keypoint_id2name=names))
        assert checkpoint_names(meta, 2) == ['head', 'pelvis']
        with pytest.raises(ValueError, match='26 keypoints.*names 2'):
            checkpoint_names(meta, 26)

    def test_unknown(self):
        with pytest.raises(ValueError, match=r'21 keypoints.*17, 26, 37, 133'):
            checkpoint_names({}, 21)


def test_count_keypoints():
    assert count_keypoints(weights(17)) == 17
