import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from spinepose_mmpose.model_zoo import all_models, digest_in_name, find_model
from spinepose_mmpose.model_zoo.models import model_of_url

import pytest

ROOT = Path(__file__).parents[2]


def test_names_are_unique_and_found():
    names = [n.lower() for m in all_models() for n in m.names]
    assert len(names) == len(set(names))
    for model in all_models():
        for name in model.names:
            assert find_model(name) is model
            assert find_model(name.upper()) is model


def test_expected_models():
    sizes = [
        'spinepose-t',
        'spinepose-t-demo',
        'spinepose-s',
        'spinepose-m',
        'spinepose-l',
        'spinepose-x',
        'spinepose-s-v2',
        'spinepose-m-v2',
        'spinepose-l-v2',
    ]
    assert [m.name for m in all_models('spinepose')] == sizes
    assert [m.name for m in all_models('teacher')] == [
        f'rtmpose-{s}-halpe26' for s in 'tsmlx'
    ]
    assert len(all_models()) == 14


def test_files_carry_the_published_stem():
    urls = set()
    for model in all_models():
        for kind, suffix in (('weights', '.pth'), ('onnx', '.onnx')):
            for url in model.urls(kind):
                assert url.startswith('https://')
                assert url.endswith(f'/{model.aliases[0]}{suffix}')
                assert model_of_url(f'{url}?download=true') is model
                assert find_model(url.rsplit('/', 1)[-1]) is model
                urls.add(url)
    assert len(urls) == 4 * 3 + 3 + 5 + 4 + 3  # no address twice


def test_published_addresses():
    m = find_model('spinepose-m_32xb256-10e_spinetrack-256x192')
    assert m.name == 'spinepose-m'
    base = 'https://huggingface.co/dfki-av/spinepose/resolve/main/'
    stem = 'spinepose-m_32xb256-10e_spinetrack-256x192'
    assert m.weights[:2] == (
        f'{base}spinetrack/pytorch/{stem}.pth',
        f'{base}{stem}.pth',
    )
    assert m.onnx == (f'{base}{stem}.onnx',)
    assert find_model('spinepose-x').aliases[0] == (
        'spinepose-x_32xb128-10e_spinetrack-384x288'
    )
    assert find_model('spinepose-l-v2').weights == (
        f'{base}simspine/2d/pytorch/'
        'spinepose-l_32xb256-10e_simspine-256x192.pth',
    )
    assert find_model('rtmpose-x-halpe26').weights == (
        'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/rtmpose-x'
        '_simcc-body7_pt-body7-halpe26_700e-384x288-7fb6e239_20230606.pth',
    )


def test_facts():
    for model in all_models():
        assert model.input_size == (
            (288, 384) if '-x' in model.name else (192, 256)
        )
        assert model.num_keypoints == (26 if model.family == 'teacher' else 37)
        for ap, ar in model.results.values():
            assert 0 < ap <= ar <= 100
        if model.sha256:
            assert re.fullmatch('[0-9a-f]{8}|[0-9a-f]{64}', model.sha256)
        if model.family == 'teacher':
            assert model.sha256 == digest_in_name(model.weights[0])
        elif model.teacher:
            assert find_model(model.teacher).input_size == model.input_size
        # Two float32 numbers a parameter (the weights and, it seems, their
        # moving average): the sizes found bear out the published figures.
        if model.size:
            assert model.size == pytest.approx(8e6 * model.params, rel=0.01)


def test_configs_of_the_teachers_exist():
    mmpose = Path(importlib.util.find_spec('mmpose').origin).parent
    for model in all_models('teacher'):
        package, path = model.config.split('::')
        assert package == 'mmpose'
        assert (mmpose / '.mim' / 'configs' / path).is_file()


def test_unknown_name_lists_choices_and_near_ones():
    with pytest.raises(ValueError) as e:
        find_model('spinpose-m')
    assert "'spinpose-m'" in str(e.value)
    assert 'did you mean spinepose-m' in str(e.value)
    assert 'rtmpose-x-halpe26' in str(e.value)
    with pytest.raises(ValueError, match='Choose from'):
        find_model('qqqqqqqqq')
    # Not a published file: the user's own, most likely.
    with pytest.raises(ValueError):
        find_model('spinepose-m.pth')


def test_needs_the_standard_library_only():
    """-S leaves out site-packages: no torch, no mmpose, no numpy."""
    # Without the package's own __init__: others answer for what it imports.
    code = (
        'import sys, types; p = types.ModuleType("spinepose_mmpose"); '
        'p.__path__ = ["spinepose_mmpose"]; sys.modules[p.__name__] = p; '
        'from spinepose_mmpose.model_zoo import *; '
        'assert find_model("spinepose-m").num_keypoints == 37'
    )
    result = subprocess.run(
        [sys.executable, '-S', '-c', code],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
