import json
import runpy
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose

import cv2
import numpy as np
import pytest
from deploy_paths import ONNXRUNTIME, ROOT


@pytest.fixture(scope='session')
def tiny(tmp_path_factory):
    """(config, checkpoint) of a small model with a training config."""
    import deploy_models

    return deploy_models.write_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='session')
def exported(tiny, tmp_path_factory):
    """Folder of the tiny model by options of export(), each made once."""
    from spinepose_mmpose.deploy.export import export

    made = {}

    def get(deploy_cfg=ONNXRUNTIME, **options) -> Path:
        key = (str(deploy_cfg), *sorted(options.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp('export') / 'out'
            export(str(deploy_cfg), *tiny, work_dir=str(folder), **options)
            made[key] = folder
        return made[key]

    return get


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs a tool: (exit code or message, standard output)."""

    def call(path, *arguments):
        monkeypatch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / path), run_name='__main__')
        return end.value.code, capsys.readouterr().out

    return call


@pytest.fixture(scope='session')
def people(tmp_path_factory):
    """A data set in SpineTrack's layout: eight people on four images."""
    import deploy_models

    root = tmp_path_factory.mktemp('set')
    (root / 'annotations').mkdir()
    (root / 'images' / 'val2017').mkdir(parents=True)
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for i in range(4):
        name = f'{i:012}.png'
        cv2.imwrite(
            str(root / 'images' / 'val2017' / name),
            deploy_models.picture(rng, 240, 320),
        )
        images.append(dict(id=i, file_name=name, width=320, height=240))
        for j in range(2):
            points = rng.uniform(20, 200, (37, 2)).round()
            box = [20 + 90 * j, 20, 120, 190]
            annotations.append(
                dict(
                    id=10 * i + j,
                    image_id=i,
                    category_id=1,
                    bbox=box,
                    area=box[2] * box[3],
                    iscrowd=0,
                    num_keypoints=37,
                    keypoints=[v for p in points for v in (*p.tolist(), 2)],
                )
            )
    content = dict(
        images=images,
        annotations=annotations,
        categories=[dict(id=1, name='person')],
    )
    path = root / 'annotations' / 'person_keypoints_val2017.json'
    path.write_text(json.dumps(content))
    return root
