"""What a worker packs arrives as MMEngine's collate would have brought it."""

import copy
import os
import pickle

from spinepose_mmpose.datasets.collate import PoseBatch, pose_collate
from spinepose_mmpose.models.data_preprocessor import SpinePoseDataPreprocessor

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate
from mmengine.structures import InstanceData, PixelData
from mmpose.models.data_preprocessors import PoseDataPreprocessor
from mmpose.structures import PoseDataSample
from torch.utils.data import ConcatDataset, DataLoader, Dataset

SIZE = 7
LABELS = ('keypoint_x_labels', 'keypoint_y_labels', 'keypoint_weights')


def sample(i):
    """As PackPoseInputs leaves it."""
    generator = torch.Generator().manual_seed(i)
    labels = InstanceData()
    for name, width in zip(LABELS, (8, 11, 1)):
        labels.set_field(torch.rand(1, 3, width, generator=generator), name)
    data_sample = PoseDataSample(metainfo=dict(id=i, img_path=f'{i}.jpg'))
    data_sample.gt_instances = InstanceData(
        bboxes=np.full((1, 4), i), keypoints=np.full((1, 3, 2), i)
    )
    data_sample.gt_instance_labels = labels
    image = torch.full((3, 4, 5), i, dtype=torch.uint8)
    return dict(inputs=image, data_samples=data_sample)


def without_labels(i):
    data = sample(i)
    del data['data_samples'].gt_instance_labels
    return data


def with_heatmaps(i):
    data = sample(i)
    data['data_samples'].gt_fields = PixelData(
        heatmaps=torch.full((2, 6, 4), i)
    )
    return data


def of_other_shape(i):
    """One sample of the batch holds two people."""
    data = sample(i)
    if i == 1:
        old = data['data_samples'].gt_instance_labels
        data['data_samples'].gt_instance_labels = InstanceData.cat([old, old])
    return data


def half_labelled(i):
    data = sample(i)
    if i % 2:
        data['data_samples'].gt_instance_labels.pop('keypoint_x_labels')
    return data


class Samples(Dataset):
    def __init__(self, make=sample):
        self.make = make

    def __len__(self):
        return SIZE

    def __getitem__(self, i):
        return self.make(i)


def load(make=sample, workers=1, collate=pose_collate, batch_size=SIZE):
    loader = DataLoader(
        Samples(make), batch_size, num_workers=workers, collate_fn=collate
    )
    return list(loader)


def assert_same(ours, theirs):
    assert torch.equal(ours['inputs'], theirs['inputs'])
    assert len(ours['data_samples']) == len(theirs['data_samples'])
    for a, b in zip(ours['data_samples'], theirs['data_samples']):
        assert a.metainfo == b.metainfo
        assert set(a.keys()) == set(b.keys())
        assert_same_fields(a, b)


def assert_same_fields(a, b):
    for name, value in b.items():
        own = getattr(a, name)
        if isinstance(value, torch.Tensor):
            assert torch.equal(own, value)
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(own, value)
        else:
            assert set(own.keys()) == set(value.keys())
            assert_same_fields(own, value)


@pytest.mark.parametrize('workers', [0, 1, 2])
@pytest.mark.parametrize(
    'make',
    [sample, without_labels, with_heatmaps, of_other_shape, half_labelled],
)
def test_equals_default_collate(make, workers):
    ours = load(make, workers, batch_size=3)
    theirs = load(make, 0, default_collate, batch_size=3)
    assert len(ours) == len(theirs) == 3
    for a, b in zip(ours, theirs):
        assert_same(a, b)


def test_a_few_tensors_are_handed_over():
    (batch,) = load(with_heatmaps)
    samples = batch['data_samples']
    assert isinstance(samples, PoseBatch)
    shapes = {name: tuple(v.shape) for (_, name), v in samples.labels.items()}
    assert shapes == dict(
        keypoint_x_labels=(SIZE, 1, 3, 8),
        keypoint_y_labels=(SIZE, 1, 3, 11),
        keypoint_weights=(SIZE, 1, 3, 1),
        heatmaps=(SIZE, 2, 6, 4),
    )
    for (holder, name), batched in samples.labels.items():
        own = [getattr(s, holder).get(name) for s in samples]
        assert {v.untyped_storage().data_ptr() for v in own} == {
            batched.untyped_storage().data_ptr()
        }


@pytest.fixture
def few_files():
    """No more than 40 files beside those that are open."""
    resource = pytest.importorskip('resource')
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Its number is the first that is free.
    with open(os.devnull) as file:
        low = file.fileno() + 40
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_large_batches_need_few_files(few_files):
    loader = DataLoader(
        ConcatDataset([Samples()] * 10),
        10 * SIZE,
        num_workers=1,
        collate_fn=pose_collate,
        timeout=60,
    )
    (batch,) = loader
    assert len(batch['data_samples']) == 10 * SIZE


def test_other_shapes_stay_with_their_samples():
    (batch,) = load(of_other_shape)
    assert batch['data_samples'].labels == {}


def test_moving_moves_the_samples_labels():
    (batch,) = load()
    before = default_collate([sample(i) for i in range(SIZE)])
    moved = batch['data_samples'].to(torch.float64)
    for a, b in zip(moved, before['data_samples']):
        for name in LABELS:
            label = a.gt_instance_labels.get(name)
            assert label.dtype == torch.float64
            assert torch.equal(label.float(), b.gt_instance_labels.get(name))


@pytest.mark.parametrize(
    'copied',
    [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))],
)
def test_copies_are_whole(copied):
    (batch,) = load()
    twin = dict(batch, data_samples=copied(batch['data_samples']))
    assert_same(twin, batch)
    assert isinstance(twin['data_samples'], PoseBatch)
    assert (
        twin['data_samples'].labels.keys()
        == batch['data_samples'].labels.keys()
    )


@pytest.mark.parametrize(
    'kind', [SpinePoseDataPreprocessor, PoseDataPreprocessor]
)
def test_data_preprocessors_take_it(kind):
    (batch,) = load()
    expected = default_collate([sample(i) for i in range(SIZE)])
    result = kind()(batch, True)
    assert_same(result, kind()(expected, True))


def test_preprocessor_moves_the_batch_as_a_whole(monkeypatch):
    (batch,) = load()
    calls = []
    to = PoseBatch.to
    monkeypatch.setattr(
        PoseBatch, 'to', lambda *a, **k: calls.append(a[1:]) or to(*a, **k)
    )
    SpinePoseDataPreprocessor(non_blocking=True)(batch, True)
    assert calls == [(torch.device('cpu'),)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_pinned_and_moved_to_a_gpu():
    loader = DataLoader(
        Samples(), SIZE, num_workers=1, collate_fn=pose_collate, pin_memory=True
    )
    (batch,) = loader
    labels = batch['data_samples'].labels.values()
    assert all(label.is_pinned() for label in labels)
    preprocessor = SpinePoseDataPreprocessor().cuda()
    result = preprocessor(batch, True)['data_samples']
    expected = default_collate([sample(i) for i in range(SIZE)])
    for a, b in zip(result, expected['data_samples']):
        for name in LABELS:
            label = a.gt_instance_labels.get(name)
            assert label.is_cuda
            assert torch.equal(label.cpu(), b.gt_instance_labels.get(name))
