"""Batches that no one wishes for, through the whole of a run."""

import json
import shutil

import numpy as np
import pytest
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from small_run import run, small_config

OPTIONS = dict(train_cfg=dict(max_epochs=1, val_begin=9), param_scheduler=[])


@TRANSFORMS.register_module()
class SpoilImage(BaseTransform):
    """NaN in the image of one annotation."""

    def __init__(self, id):
        self.id = id

    def transform(self, results):
        if results['id'] == self.id:
            results['img'] = np.full_like(results['img'], np.nan, float)
        return results


def annotations(data):
    for path in sorted(data.glob('annotations/*train*.json')):
        yield path, json.loads(path.read_text())


@pytest.fixture
def own_data(data, tmp_path):
    return shutil.copytree(data, tmp_path / 'data')


def test_nan_names_the_sample(own_data, tmp_path):
    person = next(annotations(own_data))[1]['annotations'][0]
    cfg = small_config(own_data, tmp_path / 'run', **OPTIONS)
    cfg.train_dataloader.dataset.pipeline.insert(
        -1, dict(type='SpoilImage', id=person['id'])
    )
    name = f'{person["image_id"]:012d}.jpg'
    with pytest.raises(FloatingPointError) as error:
        run(cfg)
    message = str(error.value)
    assert 'image of 1 of 4 samples is not finite' in message
    assert name in message and f'id={person["id"]}' in message


def test_one_person_a_batch_and_few_labels(own_data, teacher, tmp_path):
    """People with a single label, or one that augmentation moves out."""
    for path, content in annotations(own_data):
        for number, person in enumerate(content['annotations']):
            keypoints = np.reshape(person['keypoints'], (-1, 3)).astype(float)
            keypoints[number % 2 + 1 :] = 0  # nose, or nose and an eye
            x, y, w, h = person['bbox']
            keypoints[0] = x + w / 2, y + h / 2, 2
            person['keypoints'] = keypoints.ravel().tolist()
        path.write_text(json.dumps(content))
    cfg = small_config(
        own_data,
        tmp_path / 'run',
        load_from=teacher['checkpoint'],
        model__beta=2.5,
        model__teacher=teacher,
        train_dataloader__batch_size=1,
        **OPTIONS,
    )
    runner = run(cfg)
    assert runner.iter == len(runner.train_dataloader.dataset) == 12
    assert all(p.isfinite().all() for p in runner.model.parameters())
