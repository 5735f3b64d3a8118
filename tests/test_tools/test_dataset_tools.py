"""The tools for data as commands."""

import importlib.util
import json
import runpy
import sys
from pathlib import Path

import spinepose_mmpose  # noqa: F401

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / 'tools' / 'dataset_tools'


def helper(name):
    """A module of the data sets' tests."""
    path = ROOT / 'tests' / 'test_datasets' / f'{name}.py'
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generated, archives = helper('generated_set'), helper('archive_files')


@pytest.fixture
def command(monkeypatch, capsys):
    """Exit code or message, and what was printed."""

    def call(tool, *arguments):
        path = TOOLS / f'{tool}.py'
        monkeypatch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(path), run_name='__main__')
        return end.value.code, capsys.readouterr().out

    return call


@pytest.fixture
def root(tmp_path):
    return generated.write_set(tmp_path / 'set', {'train-x': 5, 'val2017': 4})


def spoil(root, **fields):
    path = root / 'annotations' / 'person_keypoints_train-x.json'
    content = json.loads(path.read_text())
    content['annotations'][1].update(fields)
    path.write_text(json.dumps(content))
    return path


def test_check_of_a_clean_set(command, root):
    code, text = command('check_dataset', root, '--no-images')
    assert code == 0 and text.splitlines() == [
        'train-x: 4 images, 5 people, 5 with labels, 0 crowds, 0 images '
        'without people',
        'val2017: 3 images, 4 people, 4 with labels, 0 crowds, 0 images '
        'without people',
        'nothing found',
    ]


def test_warnings_alone_are_no_failure(command, root):
    spoil(root, num_keypoints=3)
    code, text = command('check_dataset', root, '--no-images')
    assert code == 0 and text.endswith('0 errors, 1 warning\n')


def test_check_report_and_fix(command, root, tmp_path):
    path = spoil(root, bbox=[1, 1, 0, 0])
    before = path.read_bytes()
    out, report = tmp_path / 'out', tmp_path / 'report'
    code, text = command(
        'check_dataset', root, '--no-images', '--report', report, '--fix', out
    )
    assert code == 1 and path.read_bytes() == before
    assert 'error empty-box (1): box without width or height' in text
    assert 'train-x annotation 2 image 2: its box [1, 1, 0, 0]' in text
    assert text.endswith('train-x: 1 x person left out\n')
    assert (report / 'index.html').is_file()
    code, _ = command('check_dataset', out, '--no-images')
    assert code == 0
    code, _ = command('check_dataset', root, '--no-images', '--fix', root)
    assert 'is the dataset itself' in code


def test_check_of_single_files(command, root, tmp_path):
    path = spoil(root)
    code, text = command('check_dataset', '--ann', path)
    assert code == 0 and text.startswith('train-x: 4 images')
    code, text = command(
        'check_dataset', '--ann', path, '--images', tmp_path, '--splits', 'x'
    )
    assert code == 1 and 'error image-missing (4)' in text


@pytest.mark.parametrize(
    'arguments, words',
    [
        ((), 'give either a folder or --ann FILE'),
        (('ROOT', '--ann', 'a.json'), 'give either a folder or --ann FILE'),
        (('ROOT', '--images', 'a'), '--images belongs to --ann'),
        (('ROOT', '--splits', 'val'), "no split 'val' in"),
        (('ROOT', '--workers', '0'), '--workers must be 1 or more'),
        (
            ('nowhere',),
            'nowhere contains no annotations/person_keypoints_*.json',
        ),
        (('--ann', 'no.json'), 'No such file or directory: no.json'),
        (('--ann', 'a', '--images', 'b', 'c'), '1 annotation files but 2'),
        (('--ann', 'a', '--images', 'nowhere'), 'no such folder: nowhere'),
    ],
)
def test_check_with_bad_arguments(command, root, arguments, words):
    arguments = [root if a == 'ROOT' else a for a in arguments]
    code, _ = command('check_dataset', *arguments)
    assert code.startswith('error: ') and words in code and '\n' not in code


def test_check_of_a_file_that_is_cut_off(command, root):
    path = root / 'annotations' / 'person_keypoints_train-x.json'
    path.write_bytes(path.read_bytes()[:-50])
    code, _ = command('check_dataset', root, '--no-images')
    assert 'train-x.json is not complete JSON; it may be cut off' in code


def test_browse(command, root, tmp_path):
    folder = root / 'images' / 'train-x'
    folder.mkdir(parents=True)
    picture = np.zeros((generated.HEIGHT, generated.WIDTH, 3), np.uint8)
    cv2.imwrite(str(folder / '000000000001.jpg'), picture)
    out = tmp_path / 'out'
    code, text = command('browse_dataset', root, '--out', out, '--ids', '1')
    assert code == 0 and text == f'1 person: {out / "index.html"}\n'
    assert sorted(p.name for p in (out / 'pictures').iterdir()) == [
        '0001-image.jpg',
        '0001-person.jpg',
    ]
    report = tmp_path / 'report'
    spoil(root, num_keypoints=3)
    command('check_dataset', root, '--no-images', '--report', report)
    code, _ = command('browse_dataset', root, '--out', out, '--worst', report)
    assert (
        code == 0 and 'num_keypoints is 3' in (out / 'index.html').read_text()
    )


@pytest.mark.parametrize(
    'arguments, words',
    [
        (('--ids', '77'), 'no annotation with the id 77'),
        (('--num', '0'), '--num and --draws must be 1'),
        (('--kind', 'area'), '--kind belongs to --worst'),
        (('--splits', 'x'), "no split 'x'"),
        (('--worst', 'nowhere.json'), 'No such file'),
        (('--config', 'nowhere.py'), 'no such config: nowhere.py'),
    ],
)
def test_browse_with_bad_arguments(command, root, tmp_path, arguments, words):
    out = tmp_path / 'out'
    code, _ = command('browse_dataset', root, '--out', out, *arguments)
    assert code.startswith('error: ') and words in code
    assert not out.exists()


def test_statistics(command, root, tmp_path):
    out = tmp_path / 'out'
    code, text = command(
        'dataset_statistics', root, '--out', out, '--splits', 'train-x'
    )
    assert code == 0
    assert text.startswith('train-x: 5 people in 4 images, 5 whole spines\n')
    assert (out / 'clusters.png').is_file()
    code, _ = command(
        'dataset_statistics', root, '--out', out, '--clusters', '0'
    )
    assert '--clusters must be 1 or more' in code


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Archives that are there already."""
    monkeypatch.delenv('SPINEPOSE_MIRROR', raising=False)
    folder = tmp_path / 'archives'
    folder.mkdir()
    (folder / 'annotations.zip').write_bytes(archives.annotations_zip())
    (folder / 'images.zip').write_bytes(archives.images_zip())
    return folder


def test_download_from_a_mirror(command, folder, tmp_path, monkeypatch):
    monkeypatch.setenv('SPINEPOSE_MIRROR', 'to be put back')
    out = tmp_path / 'spinetrack'
    code, text = command(
        'download_spinetrack', '--out', out, '--mirror', folder, '--quiet'
    )
    assert code == 0 and text.splitlines() == [
        f'{out} (SpineTrack, CC-BY-NC-4.0: not for commercial use)',
        '  train-real-coco: 4 people, 4 images, all there',
        '  train-real-yoga: 4 people, 4 images, all there',
        '  train-unreal: 4 people, 4 images, all there',
        '  val2017: 4 people, 4 images, all there',
    ]


def test_images_that_the_archive_lacks_are_told(command, folder, tmp_path):
    names = [*archives.image_names('val2017'), 'elsewhere.jpg']
    text = archives.annotation_text('val2017', names)
    (folder / 'annotations.zip').write_bytes(
        archives.annotations_zip(val2017=text)
    )
    code, text = command(
        'download_spinetrack', '--out', tmp_path / 'set', '--archives', folder,
        '--splits', 'val2017', '--quiet',
    )  # fmt: skip
    assert code == 1
    assert '5 images, 1 of them MISSING (elsewhere.jpg)' in text


def test_download_of_a_bad_archive(command, folder, tmp_path):
    (folder / 'images.zip').write_bytes(b'<!doctype html>')
    code, _ = command(
        'download_spinetrack', '--out', tmp_path / 'set', '--archives', folder,
        '--quiet',
    )  # fmt: skip
    assert code.startswith(f'error: {folder / "images.zip"} is a web page')
    assert '\n' not in code
