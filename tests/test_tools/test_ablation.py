"""The scores and the report of the ablation; its training is not run here."""

import argparse
import json
import math

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab
from spinepose_mmpose.metainfo import KEYPOINT_IDS

import ablation
import numpy as np
import pytest
from made_people import annotation, dataset, labelled, standing
from mmengine.config import Config


def people(points, visible=2):
    points = np.asarray(points, float)
    flags = np.broadcast_to(visible, points.shape[:2])
    return np.concatenate([points, flags[..., None]], axis=-1)


def test_shape_scores(tmp_path):
    """A spine whose one joint is off bends two segments, and is rougher."""
    person, wrong = standing(), standing()
    wrong[KEYPOINT_IDS['spine_04'], 0] += 10
    files = dict(
        truth=dataset(*labelled([person])),
        found=[annotation(wrong, image_id=0, score=1)],
    )
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    paths = [str(tmp_path / name) for name in files]
    scores = ablation.shape_scores(*paths)
    # Segments of 12 and 13 pixels; the bones count one way each.
    angles = [math.degrees(math.atan2(10, length)) for length in (12, 13)]
    assert scores['spine_angle'] == pytest.approx(sum(angles) / 8)
    assert scores['bone_angle'] > 0
    assert scores['roughness'] > scores['true_roughness'] > 0


def test_roughness():
    straight = people([[[0, 0], [0, 4], [0, 8]]])
    bent = people([[[0, 0], [3, 4], [0, 8]]])
    assert ablation.roughness(straight, straight) == 0
    # The second difference is (-6, 0), the mean true link 4.
    assert ablation.roughness(straight, bent) == pytest.approx(1.5)
    both = np.concatenate([straight, people([[[0, 0]] * 3], visible=0)])
    assert ablation.roughness(both, both) == 0


@pytest.fixture
def args(tmp_path):
    return argparse.Namespace(
        config='configs/spinepose-t_demo.py',
        data=str(tmp_path / 'data'),
        teacher_data=None,
        out=str(tmp_path),
        docs=None,
        seeds=[0, 1],
        teacher_epochs=3,
        epochs=4,
        workers=0,
        rows=list(ablation.ROWS),
        backbone='backbone.pth',
        launcher='none',
        weights=dict(gamma2=3),
        cfg_options={'train_dataloader.batch_size': 5},
    )


def test_configs(args, monkeypatch):
    monkeypatch.setenv('SPINETRACK_ROOT', 'x')
    weights = {}
    for row in ablation.ROWS:
        cfg = ablation.student_config(args, row, 7, 'teacher.pth')
        weights[row] = [cfg.model[k] for k in ('beta', 'gamma1', 'gamma2')]
        assert cfg.randomness.seed == 7
        assert cfg.load_from == cfg.model.teacher.checkpoint == 'teacher.pth'
        assert cfg.model.teacher.config.head.out_channels == 26
        assert cfg.train_dataloader.batch_size == 5
        ends = [s.end for s in cfg.param_scheduler if s.get('by_epoch', True)]
        assert ends == [4] * len(ends)
    assert weights == {
        'none': [0, 0, 0],
        '+ distill': [2.5, 0, 0],
        '+ distill + structure': [2.5, 0.1, 0],
        '+ distill + spine': [2.5, 0, 3],
        'all': [2.5, 0.1, 3],
    }
    teacher = ablation.teacher_config(args)
    assert teacher.model.type == 'TopdownPoseEstimator'
    assert teacher.load_from is None
    start = teacher.model.backbone.init_cfg
    assert start.prefix == 'backbone.' and start.checkpoint.endswith(
        '/backbone.pth'
    )
    base = Config.fromfile(ablation.config_file(args.config))
    assert base.model.head.out_channels == 37  # not edited in place
    args.weights = dict(delta=1)
    with pytest.raises(ValueError, match="'delta'.*beta.*gamma1"):
        ablation.student_config(args, 'all', 0, 'teacher.pth')


def test_finished_runs_are_kept(tmp_path):
    (tmp_path / 'scores.json').write_text(json.dumps(dict(all_AP=1)))
    assert ablation.finish(None, tmp_path) == dict(all_AP=1)


def test_report(args, tmp_path, capsys):
    def run(row, value):
        scores = {column: value for column in ablation.COLUMNS}
        return dict(scores, row=row, minutes=1, true_roughness=0.25)

    scores = [run(row, v) for row in ablation.ROWS for v in (0.5, 0.7)]
    page = tmp_path / 'ablation.md'
    ablation.report(args, dict(body_AP=0.8, feet_AP=0.7), scores)
    assert '| all | 0.600 ± 0.100 | ' in page.read_text()
    page.write_text(f'# Mine\n{page.read_text()}\nWhat I see.\n')
    scores[-2:] = [run('all', 0.9)] * 2
    ablation.report(args, dict(body_AP=0.8, feet_AP=0.7), scores)
    text = page.read_text()
    assert text.startswith('# Mine\n') and text.endswith('What I see.\n')
    assert '| all | 0.900 ± 0.000 | ' in text and text.count('| none |') == 1
    assert (tmp_path / 'ablation.png').stat().st_size > 1000
    page.write_text('# Without the place')
    with pytest.raises(ValueError, match='has no place'):
        ablation.report(args, dict(body_AP=0.8, feet_AP=0.7), scores)
