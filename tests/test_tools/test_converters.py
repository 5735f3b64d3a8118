"""The converters as commands."""

import json
import runpy
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401

import pytest
import torch

TOOLS = Path(__file__).parents[2] / 'tools'
EXTEND = TOOLS / 'model_converters' / 'extend_head.py'
CONVERT = TOOLS / 'dataset_tools' / 'coco_to_spinetrack.py'


@pytest.fixture
def command(monkeypatch, capsys):
    """Exit code or message, and what was printed."""

    def call(path, *arguments):
        monkeypatch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(path), run_name='__main__')
        return end.value.code, capsys.readouterr().out

    return call


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'in.pth'
    weights = {
        'backbone.x': torch.ones(2),
        'head.final_layer.weight': torch.randn(26, 8, 7, 7),
        'head.final_layer.bias': torch.randn(26),
    }
    torch.save(dict(state_dict=weights, meta=dict(epoch=3)), path)
    return path


def test_extend_head(command, checkpoint, tmp_path):
    out = tmp_path / 'out.pth'
    code, text = command(EXTEND, checkpoint, out, '--redraw', 'hip')
    assert code == 0
    assert '25 copied' in text and '12 extended' in text and 'seed 0' in text
    weights = torch.load(out)['state_dict']
    old = torch.load(checkpoint)['state_dict']
    assert weights['head.final_layer.bias'].shape == (37,)
    assert torch.equal(
        weights['head.final_layer.weight'][:18],
        old['head.final_layer.weight'][:18],
    )
    assert {p.name for p in tmp_path.iterdir()} == {'in.pth', 'out.pth'}
    before = out.read_bytes()
    code, _ = command(EXTEND, checkpoint, out, '--seed', 1)
    assert '--overwrite' in code and out.read_bytes() == before
    code, _ = command(EXTEND, checkpoint, out, '--seed', 1, '--overwrite')
    assert code == 0 and out.read_bytes() != before


class Other:
    pass


@pytest.mark.parametrize(
    'content, message',
    [
        (Other(), 'contains more than weights'),
        ([1], 'cannot be loaded as a checkpoint'),
        ({'fc.weight': torch.ones(2)}, 'no head.final_layer.weight'),
        ({'head.final_layer.weight': torch.ones(21, 2)}, '21 keypoints'),
    ],
)
def test_extend_head_on_other_files(content, message, command, tmp_path):
    path = tmp_path / 'in.pth'
    torch.save(content, path)
    code, _ = command(EXTEND, path, tmp_path / 'out.pth')
    assert code.startswith('error: ') and message in code
    assert not (tmp_path / 'out.pth').exists()


def test_extend_head_without_a_file(command, tmp_path):
    code, _ = command(EXTEND, tmp_path / 'no.pth', tmp_path / 'out.pth')
    assert 'No such file' in code
    path = tmp_path / 'text.pth'
    path.write_text('text')
    code, _ = command(EXTEND, path, tmp_path / 'out.pth')
    assert 'cannot be loaded as a checkpoint' in code


def test_coco_to_spinetrack(command, tmp_path):
    source, out = tmp_path / 'coco.json', tmp_path / 'out.json'
    person = dict(id=1, image_id=1, keypoints=[9, 9, 2] * 17)
    source.write_text(json.dumps(dict(images=[], annotations=[person])))
    code, text = command(CONVERT, source, out)
    assert code == 0 and '1 person, 1 with labels, 0 with a guessed' in text
    assert (
        len(json.loads(out.read_text())['annotations'][0]['keypoints']) == 111
    )
    code, _ = command(CONVERT, source, out)
    assert '--overwrite' in code
    code, text = command(CONVERT, source, out, '--overwrite', '--pseudo-spine')
    assert code == 0 and '1 with a guessed' in text
    for content, message in (('[', 'Expecting'), ('{}', "no list 'images'")):
        source.write_text(content)
        code, _ = command(CONVERT, source, out, '--overwrite')
        assert message in code and str(source) in code
