import copy
import pickle

from spinepose_mmpose.metainfo import (
    FLIP_INDICES,
    KEYPOINT_NAMES,
    METAINFO,
)
from spinepose_mmpose.models.teacher import FrozenTeacher
from spinepose_mmpose.utils import read_config

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import OptimWrapper
from tiny_rtmpose import (
    HALPE26,
    H,
    W,
    batch,
    distiller,
    losses_of,
    plain,
    save_teacher,
    tiny,
)


class TestTeacherIsHidden:
    def test_from_the_module(self, teacher):
        model, expected = distiller(teacher), plain()
        losses_of(model)
        assert model.teacher.model is not None
        assert list(model.state_dict()) == list(expected.state_dict())
        for names in ('named_parameters', 'named_buffers'):
            own = [k for k, _ in getattr(model, names)() if k[:4] != 'loss']
            assert own == [k for k, _ in getattr(expected, names)()]
        frozen = set(model.teacher.model.modules())
        assert not frozen & set(model.modules())

    @pytest.mark.parametrize(
        'duplicate',
        [
            copy.deepcopy,
            lambda model: ExponentialMovingAverage(model).module,
            lambda model: pickle.loads(pickle.dumps(model)),
        ],
    )
    def test_from_copies(self, teacher, duplicate):
        model = distiller(teacher)
        expected = losses_of(model)
        other = duplicate(model)
        assert other.teacher.model is None
        assert model.teacher.model is not None
        torch.testing.assert_close(losses_of(other), expected)  # reads its own


def test_training_leaves_the_teacher_untouched(teacher, weights):
    model = distiller(teacher)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    wrapper = OptimWrapper(optimizer)
    before = copy.deepcopy(model.state_dict())
    for _ in range(3):
        model.eval()
        model.train()
        model.train_step(batch(), wrapper)
    frozen = model.teacher.model
    assert not any(m.training for m in frozen.modules())
    assert not any(
        p.requires_grad or p.grad is not None for p in frozen.parameters()
    )
    assert len(optimizer.state) == len(list(plain().parameters()))
    trained = torch.load(weights)['state_dict']
    assert trained.keys() == frozen.state_dict().keys()
    for name, value in frozen.state_dict().items():
        assert torch.equal(value, trained[name]), name
    changed = [
        k
        for k, v in model.state_dict().items()
        if not torch.equal(v, before[k])
    ]
    assert len(changed) > 0.9 * len(before)


class TestConventions:
    @pytest.mark.parametrize(
        'settings',
        [
            {},  # neither swapped nor normalised
            dict(mean=[10.0, 20.0, 30.0], std=[50.0, 60.0, 70.0]),
        ],
    )
    def test_colour_and_normalisation(self, teacher, settings):
        """The teacher sees what its own preprocessor makes of the images."""
        preprocessor = dict(type='PoseDataPreprocessor', **settings)
        config = tiny(26, data_preprocessor=preprocessor)
        model = distiller({**teacher, 'config': config})
        losses_of(model)
        frozen = model.teacher.model
        raw, seen = batch(), []
        frozen.backbone.register_forward_pre_hook(
            lambda _, args: seen.append(args[0])
        )
        losses_of(model, copy.deepcopy(raw))
        expected = frozen.data_preprocessor(raw, True)['inputs']
        torch.testing.assert_close(seen[0], expected, rtol=1e-5, atol=1e-4)

    def test_same_convention_is_the_same_tensor(self, teacher):
        model = distiller(teacher)
        losses_of(model)
        seen = []
        for net in (model, model.teacher.model):
            net.backbone.register_forward_pre_hook(
                lambda _, args: seen.append(args[0])
            )
        losses_of(model)
        assert seen[0] is seen[1]

    def test_no_gradient_and_float32(self, teacher):
        model = distiller({**teacher, 'half': True})  # for GPUs only
        losses_of(model)
        images = torch.randn(2, 3, H, W, requires_grad=True)
        logits = model.teacher.predict(images, model.data_preprocessor)
        expected = model.teacher.model(images, None, mode='tensor')
        for axis, value in zip(logits, expected):
            assert not axis.requires_grad
            assert torch.equal(axis, value)

    def test_flip_test(self, teacher):
        model = distiller({**teacher, 'flip_test': True})
        losses_of(model)
        teacher = model.teacher
        images = torch.randn(2, 3, H, W)
        x, y = teacher.predict(images, model.data_preprocessor)
        mx, my = teacher.predict(images.flip(-1), model.data_preprocessor)
        swap = list(FLIP_INDICES[:26])
        torch.testing.assert_close(mx[:, swap].flip(-1), x)
        torch.testing.assert_close(my[:, swap], y)
        teacher.flip_test = False
        assert not torch.allclose(
            teacher.predict(images, model.data_preprocessor)[0], x
        )


class TestWrongTeachers:
    @pytest.mark.parametrize(
        'change, error, message',
        [
            (dict(checkpoint=None), ValueError, 'checkpoint is not set'),
            (dict(checkpoint='no/such.pth'), FileNotFoundError, 'no/such.pth'),
            (dict(config='no/such.py'), FileNotFoundError, 'no/such.py'),
            (dict(metainfo=None), ValueError, 'Set teacher.metainfo'),
            (
                dict(metainfo=METAINFO),
                ValueError,
                "26 keypoints.*'spinetrack' 37",
            ),
            (
                dict(config=tiny(17)),
                ValueError,
                r'not those.*another shape.*\(26, 128, 7, 7\) for \(17, 128, ',
            ),
            (dict(config=tiny(26, input_size=(96, 128))), ValueError, 'shape'),
        ],
    )
    def test_sentence(self, teacher, change, error, message):
        model = distiller({**teacher, **change})
        with pytest.raises(error, match=message):
            losses_of(model)

    def test_none(self):
        with pytest.raises(ValueError, match='no teacher.*beta=0'):
            losses_of(distiller())

    @pytest.mark.parametrize(
        'edit, message',
        [
            (
                lambda w: w.pop('head.mlp.1.weight'),
                r'1 missing \(head.mlp.1.weight\)',
            ),
            (
                lambda w: w.update(extra=torch.zeros(1)),
                r'1 unexpected \(extra\)',
            ),
            (lambda w: w.clear(), r'missing \(.*, \.\.\.\)'),
        ],
    )
    def test_keys(self, teacher, tmp_path, edit, message):
        state = torch.load(teacher['checkpoint'])['state_dict']
        edit(state)
        path = tmp_path / 'edited.pth'
        torch.save(dict(state_dict=state), path)
        with pytest.raises(ValueError, match=message):
            losses_of(distiller({**teacher, 'checkpoint': str(path)}))

    def test_harmless_keys(self, teacher, tmp_path):
        state = torch.load(teacher['checkpoint'])['state_dict']
        state = {
            f'module.{k}': v
            for k, v in state.items()
            if 'num_batches_tracked' not in k
        }
        state['module.data_preprocessor.mean'] = torch.zeros(3)
        path = tmp_path / 'old.pth'
        torch.save(state, path)
        model = distiller({**teacher, 'checkpoint': str(path)})
        assert losses_of(model)['loss_distill'] > 0

    def test_other_bins(self, tmp_path):
        config = tiny(26, input_size=(96, 128))
        path = save_teacher(tmp_path / 'large.pth', input_size=(96, 128))
        model = distiller(
            dict(config=config, checkpoint=path, metainfo=HALPE26)
        )
        with pytest.raises(ValueError, match=r'\(96, 128\).*\(64, 96\)'):
            losses_of(model)

    def test_heatmaps(self, teacher):
        head = dict(
            type='HeatmapHead',
            in_channels=128,
            out_channels=26,
            deconv_out_channels=None,
        )
        config = tiny(26, head=head)
        with pytest.raises(ValueError, match='HeatmapHead'):
            losses_of(distiller({**teacher, 'config': config}))

    def test_unknown_keypoint(self, teacher):
        with pytest.raises(ValueError, match='spine_01'):
            losses_of(distiller(teacher, distill_keypoints=['spine_01']))
        with pytest.raises(ValueError, match='nothing to distil'):
            losses_of(distiller(teacher, distill_exclude=KEYPOINT_NAMES))

    def test_is_refused_again(self, teacher):
        """A failed check must not let the next step through."""
        model = distiller(teacher, distill_keypoints=['spine_01'])
        for _ in range(2):
            with pytest.raises(ValueError, match='spine_01'):
                losses_of(model)


def test_published_teacher_config(weights):
    """By the name that MMPose's index gives it."""
    teacher = FrozenTeacher(
        'mmpose::body_2d_keypoint/rtmpose/body8/'
        'rtmpose-s_8xb1024-700e_body8-halpe26-256x192.py',
        weights,
    )
    names = teacher._find_metainfo(read_config(teacher.config), {})
    assert tuple(names['keypoint_name2id']) == KEYPOINT_NAMES[:26]
    with pytest.raises(ValueError, match='not those of the teacher'):
        teacher.load(torch.device('cpu'))
