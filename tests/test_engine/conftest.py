import json
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401  before anything of OpenMMLab

# isort: split
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / 'test_models'))
sys.path.insert(0, str(Path(__file__).parent))

from spinepose_mmpose.datasets.synthetic.writer import write_dataset  # noqa: E402

from small_run import save_small_teacher  # noqa: E402

# Somebody in every image.
SEED = 5


@pytest.fixture(autouse=True)
def unformatted_configs(monkeypatch):
    """Checkpoints and logs hold the config; yapf takes 2 s to lay it out."""
    monkeypatch.setattr(
        'mmengine.config.config.FormatCode', lambda text, **_: (text, True)
    )


@pytest.fixture(scope='session')
def data(tmp_path_factory):
    """12 people to train with, 4 to validate."""
    root = tmp_path_factory.mktemp('data') / 'synthetic'
    write_dataset(str(root), 12, 4, seed=SEED, size=(128, 128))
    for path in (root / 'annotations').glob('*.json'):
        content = json.loads(path.read_text())
        first = {}
        for person in content['annotations']:
            if person['num_keypoints']:
                first.setdefault(person['image_id'], person)
        content['annotations'] = list(first.values())
        path.write_text(json.dumps(content))
    return str(root)


@pytest.fixture(scope='session')
def teacher(tmp_path_factory):
    """A checkpoint of 26 keypoints, and its network."""
    return save_small_teacher(tmp_path_factory.mktemp('teacher') / 't.pth')
