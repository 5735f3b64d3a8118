"""3D datasets, the codec and a lifter's training, on files made here."""

import os
from pathlib import Path

import spinepose_mmpose.models  # noqa: F401  registers the lifter
from spinepose_mmpose.camera import ROOT, intrinsics_of_view
from spinepose_mmpose.metainfo import FLIP_INDICES, KEYPOINT_NAMES
from spinepose_mmpose.models.lifter import centre
from spinepose_mmpose.models.lifter_data import (
    IS_LIMB,
    SPINE,
    noisy_rays,
    random_cameras,
)

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS

CONFIGS = Path(__file__).parents[2] / 'configs' / 'lifting'
NAMES = ('spinepose-lifter_1frame', 'spinepose-lifter_27frames')
SPLITS = ('train-real-coco', 'train-real-yoga', 'train-unreal', 'val2017')


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpose')


def write(path, people=2, frames=30, seed=0, first=0, **changes):
    """An npz as make_synthetic.py and SIMSPINE have them; people of noise."""
    rng = np.random.default_rng(seed)
    matrix = intrinsics_of_view((640, 480))
    names, world = [], []
    for person in range(people):
        body = rng.normal(0, 0.3, (37, 3)) + [0, 0, 1]
        for frame in range(frames):
            names.append(f'S{first + person}_walk.00000001_{frame:06d}.jpg')
            world.append(body + [0.01 * frame, 0, 0])
    world = np.array(world, np.float32)
    # x right, y down, z ahead of a camera 4 m away.
    rotation = np.float32([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    local = world @ rotation.T + np.float32([0, 1, 4])
    pixels = local @ matrix.T.astype(np.float32)
    part = np.dstack(
        [pixels[..., :2] / pixels[..., 2:], np.ones(pixels.shape[:2])]
    )
    rows = len(names)
    arrays = dict(
        imgname=np.array(names),
        center=np.full((rows, 2), 300.0),
        scale=np.ones(rows),
        part=part.astype(np.float32),
        S=np.dstack([local, np.ones(local.shape[:2])]).astype(np.float32),
        K=np.repeat(matrix[None], rows, 0),
        R=np.repeat(rotation[None], rows, 0),
    )  # fmt: skip
    arrays.update(changes)
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return world


def dataset(path, **options):
    options = dict(causal=False, pipeline=[], **options)
    return DATASETS.build(
        dict(type='SpineTrack3DDataset', ann_file=str(path), **options)
    )


def test_rows_become_samples_with_their_camera(tmp_path):
    world = write(tmp_path / 'a.npz')
    write(tmp_path / 'b.npz', people=1, seed=1, first=8)
    data = dataset(tmp_path / 'a.npz', more_ann_files=[str(tmp_path / 'b.npz')])
    assert len(data) == 90
    assert data.metainfo['dataset_name'] == 'spinetrack'
    sample = data[31]  # frame 1 of the second person
    camera = sample['camera_param']
    again = sample['keypoints_3d'][0] @ camera['R']
    np.testing.assert_allclose(
        again - again[ROOT], world[31] - world[31, ROOT], atol=1e-5
    )
    rays = (sample['keypoints'][0] - camera['c'].T) / camera['f'].T
    points = sample['lifting_target'][0]
    np.testing.assert_allclose(rays, points[:, :2] / points[:, 2:], atol=1e-5)


def test_sequences_stay_with_one_person(tmp_path):
    write(tmp_path / 'a.npz')
    data = dataset(tmp_path / 'a.npz', seq_len=27, pad_video_seq=True)
    assert len(data) == 60
    frames = data[15]['keypoints_3d']
    assert frames.shape == (27, 37, 3)
    np.testing.assert_allclose(data[15]['lifting_target'][0], frames[13])
    np.testing.assert_allclose(np.diff(frames[:, 0, 0]), 0.01, atol=1e-5)


def test_files_that_do_not_fit(tmp_path):
    path = tmp_path / 'a.npz'
    write(path, part=np.zeros((60, 17, 3)))
    with pytest.raises(ValueError, match=r"'part' of .* is \(60, 17, 3\)"):
        dataset(path)
    write(path, K=None)
    with pytest.raises(ValueError, match='has no intrinsics K'):
        dataset(path)


def test_the_codec_gives_rays():
    codec = KEYPOINT_CODECS.build(dict(type='RayPoseLifting'))
    keypoints = np.random.default_rng(0).uniform(0, 400, (1, 37, 2))
    visible = np.ones((1, 37), np.float32)
    visible[0, 3] = 0.4
    target = np.random.default_rng(1).normal(size=(1, 37, 3)).astype('f4')
    encoded = codec.encode(
        keypoints,
        visible,
        lifting_target=target,
        lifting_target_visible=visible,
        camera_param=dict(f=[[500], [400]], c=[[9], [7]]),
    )
    labels = encoded['keypoint_labels'].reshape(37, 2)
    expected = (keypoints[0] - [9, 7]) / [500, 400]
    expected[3] = 0
    np.testing.assert_allclose(labels, expected, rtol=1e-5)
    np.testing.assert_allclose(
        encoded['lifting_target_label'], target - target[:, [ROOT]]
    )
    # Without intrinsics the field of view of the client: 84 degrees.
    encoded = codec.encode(
        keypoints,
        lifting_target=target,
        lifting_target_visible=visible,
        camera_param=dict(w=640, h=480),
    )
    plain = encoded['keypoint_labels'].reshape(37, 2)
    focal = 400 / np.tan(np.radians(42))
    np.testing.assert_allclose(
        plain, (keypoints[0] - [320, 240]) / focal, rtol=1e-5
    )


@pytest.fixture(scope='module')
def people():
    return torch.randn(64, 5, 37, 3) * 0.3


def test_cameras_see_the_same_people(people):
    local = random_cameras(people)
    assert local.shape == people.shape and (local[..., 2] >= 0.29).all()

    def distances(points):
        return (points[:, 2, :, None] - points[:, 2, None]).norm(dim=-1)

    before, after = distances(people), distances(local)
    flipped = before[:, list(FLIP_INDICES)][:, :, list(FLIP_INDICES)]
    kept = (after - before).abs().amax((1, 2)) < 1e-4
    mirrored = (after - flipped).abs().amax((1, 2)) < 1e-4
    assert (kept ^ mirrored).all() and 15 < kept.sum() < 49
    # One camera for all frames.
    np.testing.assert_allclose(
        (local[:, 1] - local[:, 0]).norm(dim=-1).sort(1)[0],
        (people[:, 1] - people[:, 0]).norm(dim=-1).sort(1)[0],
        atol=1e-4,
    )


def test_noise_has_the_size_it_is_told():
    torch.manual_seed(0)
    rays = torch.rand(2000, 1, 37, 2) * 2
    calm = dict(missing=(0.0, 0.0), outlier=0, swap=0, cut=0, clean=0)
    noisy = noisy_rays(rays, (0.02, 0.05), spread=0, **calm)
    box = rays.amax(2) - rays.amin(2)
    errors = (noisy - rays) / box.prod(-1).sqrt()[..., None, None]
    deviation = errors.std((0, 1, 3))
    np.testing.assert_allclose(deviation[IS_LIMB], 0.05, rtol=0.1)
    np.testing.assert_allclose(deviation[~IS_LIMB], 0.02, rtol=0.15)
    common = errors[:, 0, SPINE].mean(1).var() / errors[:, 0, SPINE].var()
    assert common == pytest.approx(0.73, abs=0.05)
    gone = noisy_rays(
        rays, **dict(calm, missing=(0.1, 0.5)), certainty=0
    ).eq(0).all(-1).float().mean((0, 1))  # fmt: skip
    np.testing.assert_allclose(gone[IS_LIMB], 0.5, atol=0.05)
    np.testing.assert_allclose(gone[~IS_LIMB], 0.1, atol=0.04)
    assert torch.equal(noisy_rays(rays, clean=1.0), rays)


def rotation_onto_ray(ray) -> np.ndarray:
    """(3, 3) rotation that takes a ray (x / z, y / z) to the optical axis and
    leaves the camera's y axis in the plane of y and z."""
    x, y = ray
    ahead = np.array([x, y, 1.0]) / np.sqrt(x * x + y * y + 1)
    right = np.array([1.0, 0, -x]) / np.sqrt(1 + x * x)
    return np.stack([right, np.cross(ahead, right), ahead])


def test_the_lifter_turns_with_the_camera():
    """Seen from a camera that was turned to another side, the same answer."""
    config = Config.fromfile(CONFIGS / f'{NAMES[0]}.py')
    model = MODELS.build(config.model).eval()
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.3, (37, 3)) + [0.4, -0.3, 4]

    def lift(local):
        rays = torch.tensor(local[:, :2] / local[:, 2:]).float()
        return model(rays.reshape(1, -1, 1), None, mode='tensor')[0]

    rays = torch.tensor(points[:, :2] / points[:, 2:]).float()
    _, rotation = centre(rays[None, ..., None])
    np.testing.assert_allclose(
        rotation[0], rotation_onto_ray(rays.mean(0)), atol=1e-5
    )
    # A camera turned to where the person is: its own rotation is none.
    turned = points @ rotation[0].numpy().T
    with torch.no_grad():
        here, there = lift(points), lift(turned)
    # The ray of the centre is an input too, so nearly.
    assert (here @ rotation[0].T - there).norm(dim=-1).mean() < 0.3 * (
        here.norm(dim=-1).mean()
    )
    # Missing points have no influence through their place.
    rays[4] = 0
    features, _ = centre(rays[None, ..., None])
    assert (features[0, 8:10] == 0).all() and features[0, 74 + 4] == 0


@pytest.mark.parametrize('name', NAMES)
def test_it_trains_and_tests_by_stock_mmpose(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'data/synthetic3d/annotations'
    os.makedirs(folder)
    for split in SPLITS:
        write(folder / f'synthetic3d_{split}.npz', people=1, frames=8)
    config = Config.fromfile(CONFIGS / f'{name}.py')
    config.merge_from_dict(
        {
            'work_dir': 'work',
            'train_cfg.max_epochs': 1,
            'train_cfg.val_interval': 1,
            'param_scheduler.1.T_max': 1,
            'train_dataloader.batch_size': 8,
            'model.data_preprocessor.repeats': 2,
            'log_level': 'ERROR',
        }
    )
    runner = Runner.from_cfg(config)
    runner.train()
    metrics = runner.test()
    for subset in ('all', 'body', 'spine'):
        for error in ('MPJPE', 'P-MPJPE', 'N-MPJPE'):
            assert metrics[f'spine3d/{subset}_{error}'] > 0
    assert metrics['spine3d/spine_P-MPJPE'] < metrics['spine3d/spine_MPJPE']
    assert len(KEYPOINT_NAMES) == config.model.head.num_joints
