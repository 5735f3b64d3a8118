import copy
import math
import os

from spinepose_mmpose.metainfo import (
    KEYPOINT_NAMES,
    METAINFO,
    NUM_KEYPOINTS,
)
from spinepose_mmpose.models.distiller import _nats_per_person
from spinepose_mmpose.models.losses import (
    BoneOrientationLoss,
    SpineSmoothnessLoss,
)
from spinepose_mmpose.models.simcc import simcc_soft_argmax
from spinepose_mmpose.utils import plain_config

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpose.datasets.datasets.utils import parse_pose_metainfo
from mmpose.models.pose_estimators import TopdownPoseEstimator
from tiny_rtmpose import (
    HALPE26,
    RATIO,
    H,
    W,
    batch,
    distiller,
    losses_of,
    plain,
    sample,
    save_teacher,
    tiny,
)


class TestOutsideOfTraining:
    def test_teacher_is_not_read(self):
        model = distiller(
            dict(config='no/such/config.py', checkpoint='no/such.pth')
        )
        data = model.data_preprocessor(batch(), False)
        for training in (True, False):
            model.train(training)
            model(data['inputs'], None, mode='tensor')
            results = model(**data, mode='predict')
            assert results[0].pred_instances.keypoints.shape == (
                1,
                NUM_KEYPOINTS,
                2,
            )
        assert model.teacher.model is None

    def test_predicts_as_a_plain_estimator(self, teacher):
        model = distiller(teacher)
        losses_of(model)
        other = plain()
        other.load_state_dict(model.state_dict(), strict=True)
        data = model.data_preprocessor(batch(), False)
        expected = other.eval()(**copy.deepcopy(data), mode='predict')
        results = model.eval()(**data, mode='predict')
        for a, b in zip(results, expected):
            np.testing.assert_array_equal(
                a.pred_instances.keypoints, b.pred_instances.keypoints
            )

    def test_plain_config(self, teacher):
        cfg = Config(
            dict(
                model=tiny(
                    NUM_KEYPOINTS,
                    type='SpinePoseDistiller',
                    teacher=teacher,
                    gamma1=0.3,
                    distill_exclude=(),
                )
            )
        )
        plain = plain_config(cfg.model, TopdownPoseEstimator)
        assert plain == tiny(NUM_KEYPOINTS)
        assert cfg.model.type == 'SpinePoseDistiller'


class TestTerms:
    def naive(self, model, data):
        """Every term from the formulas, with one pass of both networks."""
        with torch.no_grad():
            x, y = model.head.forward(model.extract_feat(data['inputs']))
            tx, ty = model.teacher.model(data['inputs'], None, mode='tensor')
        labels = [d.gt_instance_labels for d in data['data_samples']]
        gx = torch.cat([d.keypoint_x_labels for d in labels])
        gy = torch.cat([d.keypoint_y_labels for d in labels])
        weight = torch.cat([d.keypoint_weights for d in labels])
        # a teacher's keypoint has the student's index: both are Halpe26
        body = [i for i in range(26) if i not in (18, 19)]
        bins_x, bins_y = x.size(-1), y.size(-1)
        share_x = 2 * bins_y / (bins_x + bins_y)
        share_y = 2 * bins_x / (bins_x + bins_y)

        def nats(target, logits):
            p = torch.softmax(10 * target.double(), -1)
            q = torch.softmax(10 * logits.double(), -1)
            return (p * (p.log() - q.log())).sum(-1)

        pos = distill = 0
        for b in range(len(x)):
            for k in range(NUM_KEYPOINTS):
                pos += weight[b, k] * (
                    share_x * nats(gx[b, k], x[b, k])
                    + share_y * nats(gy[b, k], y[b, k])
                )
                if k in body:
                    distill += weight[b, k] * (
                        share_x * nats(tx[b, k], x[b, k])
                        + share_y * nats(ty[b, k], y[b, k])
                    )
        count = len(x) * NUM_KEYPOINTS
        coords = simcc_soft_argmax(x, y) / H
        target = simcc_soft_argmax(gx, gy) / H
        return dict(
            loss_kpt=pos / count,
            loss_distill=distill / count,
            loss_structure=BoneOrientationLoss()(coords, target, weight),
            loss_spine=SpineSmoothnessLoss(t=0.3)(coords, target, weight),
        )

    def test_values(self, teacher):
        model = distiller(
            teacher,
            alpha=5.0,
            beta=2.0,
            gamma1=0.2,
            gamma2=0.7,
            loss_spine=dict(type='SpineSmoothnessLoss', t=0.3),
        ).eval()
        raw = batch(3)
        weight = raw['data_samples'][1].gt_instance_labels.keypoint_weights
        weight[0, ::4] = 0
        weight[0, 1] = 1.5
        data = model.data_preprocessor(raw, True)
        losses = model(**data, mode='loss')
        expected = self.naive(model, data)
        factors = dict(
            loss_kpt=5.0, loss_distill=2.0, loss_structure=0.2, loss_spine=0.7
        )
        assert set(losses) == set(expected) | {'acc_pose'}
        for name, value in expected.items():
            assert value > 1e-4
            assert losses[name].item() == pytest.approx(
                factors[name] * value.item(), rel=1e-4
            ), name

    def test_head_agrees(self):
        """L_pos and acc_pose are the head's own, but for the scale."""
        model = distiller(beta=0).eval()
        data = batch(6)
        for i, person in enumerate(data['data_samples']):
            # Each keypoint counts for some people, with various weights.
            weights = person.gt_instance_labels.keypoint_weights
            weights.copy_(0.5 * ((torch.arange(weights.numel()) + i) % 3))
        data = model.data_preprocessor(data, True)
        losses = model(**data, mode='loss')
        own = model.head.loss(
            model.extract_feat(data['inputs']), data['data_samples']
        )
        bins = 2 / (1 / (W * RATIO) + 1 / (H * RATIO))
        torch.testing.assert_close(
            losses['loss_kpt'], own['loss_kpt'] * bins / 6
        )
        torch.testing.assert_close(
            losses['acc_pose'].double(), own['acc_pose'].double()
        )

    @pytest.mark.parametrize('n', [1, 4])
    def test_both_kl_terms_are_on_one_scale(self, teacher, n):
        """A teacher that says what the labels say costs what they cost."""
        raw = batch(n)
        gt = [
            torch.cat(
                [
                    getattr(d.gt_instance_labels, f'keypoint_{axis}_labels')
                    for d in raw['data_samples']
                ]
            )
            for axis in 'xy'
        ]
        for d in raw['data_samples']:
            weight = d.gt_instance_labels.keypoint_weights
            weight[:, [18, 19]] = 0
            weight[:, 26:] = 0
            weight[:, 3] = 1.5
        model = distiller(teacher, beta=1.0)
        losses_of(model)
        model.teacher.predict = lambda *_: [axis[:, :26] for axis in gt]
        losses = losses_of(model, raw)
        torch.testing.assert_close(losses['loss_distill'], losses['loss_kpt'])

    def test_batch_size_changes_nothing(self, teacher):
        model = distiller(teacher)
        few, many = batch(2), batch(2)
        for key in many:
            many[key] = many[key] * 3
        torch.testing.assert_close(
            losses_of(model, many), losses_of(model, few)
        )

    def test_input_size_changes_nothing(self):
        """The same distributions over twice the bins give the same terms."""
        model = distiller(
            dict(config={}),
            loss_spine=dict(type='SpineSmoothnessLoss', min_link=1e-6),
        )
        model._pairs = [0, 1, 2], [0, 1, 2]
        logits = {}
        for side, n in (('pred', 37), ('gt', 37), ('teacher', 3)):
            logits[side] = [torch.rand(2, n, size) for size in (2 * W, 2 * H)]
        weight = torch.ones(2, NUM_KEYPOINTS)

        def terms(factor):
            wide = {
                # far bins without weight: the distribution stays as it is
                side: [
                    F.pad(axis, (0, (factor - 1) * axis.size(-1)), value=-9.0)
                    for axis in axes
                ]
                for side, axes in logits.items()
            }
            model.teacher.model = plain()
            model.head.input_size = (factor * W, factor * H)
            scale = _nats_per_person(wide['pred'])
            values = dict(
                pos=scale
                * model.head.loss_module(wide['pred'], wide['gt'], weight),
                distill=scale
                * model._distill_loss(wide['pred'], wide['teacher'], weight),
            )
            values.update(
                model._geometry_losses(wide['pred'], wide['gt'], weight)
            )
            return values

        small, large = terms(1), terms(2)
        assert all(value > 0 for value in small.values())
        torch.testing.assert_close(large, small)

    def test_zero_weights_skip(self, teacher):
        assert set(losses_of(distiller(gamma1=0, gamma2=0, beta=0))) == {
            'loss_kpt',
            'acc_pose',
        }
        assert set(losses_of(distiller(gamma2=0, beta=0))) == {
            'loss_kpt',
            'acc_pose',
            'loss_structure',
        }
        assert set(losses_of(distiller(teacher, gamma1=0))) == {
            'loss_kpt',
            'acc_pose',
            'loss_distill',
            'loss_spine',
        }
        # a teacher that is not needed is not read
        model = distiller(dict(config='no/such.py'), beta=0)
        assert losses_of(model)['loss_kpt'] > 0

    def test_one_pass_of_each_network(self, teacher, monkeypatch):
        model = distiller(teacher)
        losses_of(model)
        calls = []

        def count(owner, part):
            forward = part.forward

            def counted(*args):
                calls.append((owner, type(part).__name__))
                return forward(*args)

            monkeypatch.setattr(part, 'forward', counted)

        for part in ('backbone', 'head'):
            count('student', getattr(model, part))
            count('teacher', getattr(model.teacher.model, part))
        losses_of(model)
        assert sorted(calls) == [
            ('student', 'CSPNeXt'),
            ('student', 'RTMCCHead'),
            ('teacher', 'CSPNeXt'),
            ('teacher', 'RTMCCHead'),
        ]

    def test_hard_labels(self):
        """Labels without a softmax are decoded by their peak."""
        head = tiny(NUM_KEYPOINTS)['head']
        head['loss']['label_softmax'] = False
        model = distiller(beta=0, head=head)
        gt = [torch.zeros(1, NUM_KEYPOINTS, n) for n in (128, 192)]
        points = torch.rand(1, NUM_KEYPOINTS, 2) * torch.tensor([127, 191])
        for axis, at in zip(gt, points.long().unbind(-1)):
            axis.scatter_(-1, at[..., None], 0.08)
        seen = []
        model.loss_structure.register_forward_pre_hook(
            lambda _, args: seen.append(args[1])
        )
        pred = [torch.randn_like(axis) for axis in gt]
        model._geometry_losses(pred, gt, torch.ones(1, NUM_KEYPOINTS))
        torch.testing.assert_close(seen[0], points.long() / RATIO / H)

    def test_distillation_teaches(self, teacher):
        model = distiller(teacher, alpha=0.0, gamma1=0, gamma2=0)
        optimizer = OptimWrapper(torch.optim.AdamW(model.parameters(), 3e-3))
        data = batch(4)
        first = model.train_step(data, optimizer)['loss_distill']
        for _ in range(15):
            last = model.train_step(data, optimizer)['loss_distill']
        assert last < 0.7 * first


class TestKeypoints:
    """Which keypoints of which teacher are distilled."""

    def pairs(self, tmp_path, metainfo, **kwargs):
        info = parse_pose_metainfo(metainfo)
        n = info['num_keypoints']
        path = save_teacher(tmp_path / 'teacher.pth', n)
        model = distiller(
            dict(config=tiny(n), checkpoint=path, metainfo=metainfo),
            **kwargs,
        )
        assert losses_of(model)['loss_distill'] > 0
        names = info['keypoint_id2name']
        return [(KEYPOINT_NAMES[s], names[t]) for s, t in zip(*model._pairs)]

    @pytest.mark.parametrize(
        'name, expected',
        [
            ('halpe26', KEYPOINT_NAMES[:18] + KEYPOINT_NAMES[20:26]),
            ('coco', KEYPOINT_NAMES[:17]),
            ('coco_wholebody', KEYPOINT_NAMES[:17] + KEYPOINT_NAMES[20:26]),
        ],
    )
    def test_same_names(self, tmp_path, name, expected):
        metainfo = dict(from_file=f'configs/_base_/datasets/{name}.py')
        pairs = self.pairs(tmp_path, metainfo)
        assert pairs == [(k, k) for k in expected]

    def test_other_names(self, tmp_path):
        metainfo = dict(from_file='configs/_base_/datasets/aic.py')
        pairs = dict(self.pairs(tmp_path, metainfo))
        assert len(pairs) == 13
        assert pairs.pop('head') == 'head_top'
        assert all(student == theirs for student, theirs in pairs.items())

    def test_settings(self, tmp_path):
        metainfo = dict(from_file='configs/_base_/datasets/mpii.py')
        pairs = self.pairs(
            tmp_path,
            metainfo,
            distill_keypoints=['head', 'left_knee'],
        )
        assert pairs == [('head', 'head_top'), ('left_knee', 'left_knee')]

    def test_order_of_the_teacher(self, teacher):
        """Mapped by name: a shuffled teacher teaches the same."""
        model = distiller(teacher)
        expected = losses_of(model)
        other = distiller(teacher)
        other.load_state_dict(model.state_dict())
        other.teacher.load(torch.device('cpu'))
        order = torch.randperm(26).tolist()
        predict = other.teacher.predict
        other.teacher.predict = lambda *args: [
            axis[:, order] for axis in predict(*args)
        ]
        other.teacher.keypoint_names = [
            other.teacher.keypoint_names[i] for i in order
        ]
        other._pairs = other._pair_keypoints()
        torch.testing.assert_close(losses_of(other), expected)

    def test_names_from_the_config(self, tmp_path, weights):
        dataset = dict(type='CombinedDataset', metainfo=HALPE26)
        teacher = dict(
            config=dict(model=tiny(26), train_dataloader=dict(dataset=dataset)),
            checkpoint=weights,
        )
        model = distiller(teacher)
        losses_of(model)
        assert len(model._pairs[0]) == 24
        # by the class of the dataset, from a file
        path = tmp_path / 'teacher.py'
        Config(
            dict(
                model=tiny(17),
                train_dataloader=dict(dataset=dict(type='CocoDataset')),
            )
        ).dump(path)
        checkpoint = save_teacher(tmp_path / 'coco.pth', 17)
        model = distiller(dict(config=str(path), checkpoint=checkpoint))
        losses_of(model)
        assert len(model._pairs[0]) == 17

    def test_names_from_the_checkpoint(self, tmp_path, weights):
        path = tmp_path / 'spinetrack.pth'
        torch.save(
            dict(
                state_dict=plain().state_dict(),
                meta=dict(dataset_meta=parse_pose_metainfo(METAINFO)),
            ),
            path,
        )
        model = distiller(
            dict(config=tiny(NUM_KEYPOINTS), checkpoint=str(path)),
            distill_exclude=(),
        )
        losses_of(model)
        assert model._pairs[0] == list(range(NUM_KEYPOINTS))

    def test_only_distilled_keypoints_get_its_gradient(self, teacher):
        model = distiller(teacher, alpha=0.0, gamma1=0, gamma2=0)
        kept = []
        forward = model.head.forward

        def keep(feats):
            kept.extend(forward(feats))
            for axis in kept:
                axis.retain_grad()
            return tuple(kept)

        model.head.forward = keep
        losses = losses_of(model)
        losses['loss_distill'].backward()
        touched = kept[0].grad.abs().sum((0, 2)) > 0
        assert touched.nonzero().flatten().tolist() == [
            i for i in range(26) if i not in (18, 19)
        ]

    def test_unlabelled_keypoints(self, teacher):
        data = batch(visible=0.0)
        assert losses_of(distiller(teacher), data)['loss_distill'] == 0
        model = distiller(teacher, distill_unlabelled=True)
        assert losses_of(model, batch(visible=0.0))['loss_distill'] > 0


class TestWrongSettings:
    def test_negative_weight(self):
        with pytest.raises(ValueError, match='gamma2.*-1'):
            distiller(gamma2=-1)

    def test_names(self):
        with pytest.raises(ValueError, match='37 outputs.*26'):
            distiller(keypoint_names=KEYPOINT_NAMES[:26])

    def test_loss(self):
        head = tiny(NUM_KEYPOINTS)['head']
        head['loss'] = dict(type='JSDiscretLoss')
        with pytest.raises(ValueError, match='JSDiscretLoss'):
            distiller(head=head)


class TestUnusualBatches:
    @pytest.mark.parametrize(
        'spoil, message',
        [
            (
                lambda d: d['inputs'].__setitem__(1, d['inputs'][1] * math.nan),
                'image of 1 of 3',
            ),
            (
                lambda d: d['data_samples'][
                    1
                ].gt_instance_labels.keypoint_x_labels.fill_(math.nan),
                'labels of 1 of 3',
            ),
            (
                lambda d: d['data_samples'][
                    1
                ].gt_instance_labels.keypoint_weights.fill_(math.inf),
                'labels of 1 of 3',
            ),
        ],
    )
    def test_sample_that_is_not_finite_is_named(self, teacher, spoil, message):
        data = batch(3)
        data['inputs'] = [image.float() for image in data['inputs']]
        spoil(data)
        with pytest.raises(
            FloatingPointError, match=f'{message}.*images/001.jpg.*1001'
        ) as error:
            losses_of(distiller(teacher), data)
        assert '000.jpg' not in str(error.value)

    def test_diverged_networks_are_named(self, teacher):
        model = distiller(teacher)
        losses_of(model)
        predict = model.teacher.predict

        def diverge(*args):
            x, y = predict(*args)
            x[1] = math.inf
            return x, y

        model.teacher.predict = diverge
        with pytest.raises(FloatingPointError, match="teacher's.*001.jpg"):
            losses_of(model)
        model.teacher.predict = predict
        with torch.no_grad():
            model.head.cls_x.weight.fill_(math.nan)
        with pytest.raises(FloatingPointError, match="student's.*2 of 2"):
            losses_of(model)

    @pytest.mark.parametrize('n', [1, 3])
    def test_nobody_labelled(self, teacher, n):
        model = distiller(teacher)
        losses = losses_of(model, batch(n, visible=0.0))
        total, _ = model.parse_losses(losses)
        total.backward()
        assert total == 0
        assert all(
            p.grad.isfinite().all() and (p.grad == 0).all()
            for p in model.parameters()
            if p.grad is not None
        )

    def test_one_person_without_labels_in_a_batch(self, teacher):
        model = distiller(teacher)
        data = batch(3)
        data['data_samples'][1].gt_instance_labels.keypoint_weights.zero_()
        total, _ = model.parse_losses(losses_of(model, data))
        total.backward()
        assert total > 0
        assert all(p.grad.isfinite().all() for p in model.parameters())

    def test_batch_of_one(self, teacher):
        model = distiller(teacher)
        optimizer = OptimWrapper(torch.optim.AdamW(model.parameters(), 1e-3))
        log = model.train_step(batch(1), optimizer)
        assert all(v.isfinite() for v in log.values())

    def test_autocast(self, teacher):
        model = distiller(teacher)
        expected = losses_of(model)
        with torch.autocast('cpu', torch.bfloat16):
            losses = losses_of(model)
        total, _ = model.parse_losses(losses)
        total.backward()
        for name, value in losses.items():
            assert value.dtype in (torch.float32, torch.float64)
            assert value.item() == pytest.approx(
                expected[name].item(), rel=0.1, abs=0.05
            )
        assert all(p.grad.isfinite().all() for p in model.parameters())


class Samples(torch.utils.data.Dataset):
    metainfo = parse_pose_metainfo(METAINFO)

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return sample(i)


def train(model, work_dir, **kwargs):
    runner = Runner(
        model=model,
        work_dir=str(work_dir),
        experiment_name=os.path.basename(work_dir),
        train_dataloader=dict(
            batch_size=2,
            dataset=Samples(),
            sampler=dict(type='DefaultSampler', shuffle=False),
            collate_fn=dict(type='pseudo_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=kwargs.pop('epochs', 1)),
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=1e-3)),
        custom_hooks=[
            dict(
                type='EMAHook',
                ema_type='ExpMomentumEMA',
                momentum=0.0002,
                update_buffers=True,
                priority=49,
            )
        ],
        log_level='ERROR',
        default_scope='mmpose',
        **kwargs,
    )
    runner.train()
    return runner


def test_runner(teacher, tmp_path):
    """Train, save, resume and load as a plain estimator."""
    cfg = tiny(NUM_KEYPOINTS, type='SpinePoseDistiller', teacher=teacher)
    with DefaultScope.overwrite_default_scope('mmpose'):
        runner = train(cfg, tmp_path / 'distilled')
        size = {}
        train(tiny(NUM_KEYPOINTS), tmp_path / 'plain')
        for name in ('distilled', 'plain'):
            size[name] = os.path.getsize(tmp_path / name / 'epoch_1.pth')
        assert size['distilled'] == pytest.approx(size['plain'], rel=0.01)
        log = runner.message_hub.log_scalars
        for name in ('kpt', 'distill', 'structure', 'spine'):
            assert math.isfinite(log[f'train/loss_{name}'].current())

        # The teacher was read once, by the model that trains.
        frozen = runner.model.teacher.model
        ema = [h for h in runner.hooks if hasattr(h, 'ema_model')][0].ema_model
        assert ema.module.teacher.model is None
        trained = torch.load(teacher['checkpoint'])['state_dict']
        for name, value in frozen.state_dict().items():
            assert torch.equal(value, trained[name]), name

        checkpoint = torch.load(tmp_path / 'distilled' / 'epoch_1.pth')
        plain().load_state_dict(checkpoint['state_dict'], strict=True)
        saved = [*checkpoint['state_dict'], *checkpoint['ema_state_dict']]
        assert not any('teacher' in key for key in saved)
        groups = checkpoint['optimizer']['param_groups']
        assert sum(len(g['params']) for g in groups) == len(
            list(plain().parameters())
        )

        resumed = train(cfg, tmp_path / 'distilled', epochs=2, resume=True)
        assert resumed.epoch == 2
