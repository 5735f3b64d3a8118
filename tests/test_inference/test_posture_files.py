"""Angles, motion capture files and the report, read by what their users use."""

import importlib
import re
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction

from spinepose_mmpose.biomechanics import MEASURES
from spinepose_mmpose.inference.formats import FORMATS, Header
from spinepose_mmpose.inference.results import FrameResult, Person
from spinepose_mmpose.inference.settings import Settings, parse_measures
from spinepose_mmpose.metainfo import KEYPOINT_NAMES

import numpy as np
import pytest
from block_clips import make_clip

SIZE, RATE = (160, 120), 25
HEADER = Header('walk', KEYPOINT_NAMES, Fraction(RATE), SIZE, 'model', '')
# Who stands and looks to the right: [x, y] of the middle of the body.
PLACES = {
    'nose': (86, 20), 'eye': (85, 18), 'ear': (80, 19), 'head': (81, 10),
    'neck_03': (80, 24), 'neck_02': (80, 27), 'neck': (80, 31),
    'spine_05': (79, 36), 'spine_04': (78, 43), 'spine_03': (79, 50),
    'spine_02': (80, 53), 'spine_01': (81, 56), 'hip': (80, 60),
    'shoulder': (80, 34), 'elbow': (80, 48), 'wrist': (80, 60),
    'latissimus': (80, 40), 'clavicle': (82, 33), 'knee': (80, 85),
    'ankle': (80, 105), 'heel': (77, 109), 'big_toe': (88, 109),
    'small_toe': (87, 109),
}  # fmt: skip


def person(track_id, frame, bent=True):
    """The left knee bends by two degrees per frame."""
    points = np.array(
        [
            PLACES.get(n, PLACES.get(n.partition('_')[2]))
            for n in KEYPOINT_NAMES
        ],
        np.float32,
    )
    angle = np.radians(90 + 2 * frame * bent)
    left = KEYPOINT_NAMES.index('left_ankle')
    points[left] = 80 + 20 * np.cos(angle), 85 + 20 * np.sin(angle)
    scores = np.full(37, 0.9, np.float32)
    scores[KEYPOINT_NAMES.index('left_wrist')] = 0.0
    return Person(points, scores, np.float32([60, 5, 100, 115]), 0.9, track_id)


def clip(count=20, ids=(1,), gone=()):
    """Frames; everybody of ``gone`` is away from the 5th to the 9th one."""
    results = []
    for i in range(count):
        there = [k for k in ids if k not in gone or not 5 <= i < 10]
        people = tuple(person(k, i) for k in there)
        results.append(FrameResult(people, i, i / RATE, SIZE))
    return results


def write(name, path, frames, source='', **settings):
    kind = FORMATS[name](Settings(**settings), source)
    return kind.write(str(path), HEADER, lambda: iter(frames))


def test_angles_with_pandas(tmp_path):
    pandas = pytest.importorskip('pandas')
    names = ('left_knee', 'left_elbow', 'shoulders')
    frames = clip(ids=(1, 4), gone=(4,))
    (path,) = write('angles', tmp_path / 'a_angles.csv', frames, angles=names)
    table = pandas.read_csv(path)
    assert len(table) == 20 + 15
    own = table[table.id == 1]
    assert own.left_knee.to_numpy() == pytest.approx(
        2 * np.arange(20), abs=0.01
    )
    assert (own['left_knee.low'] < own.left_knee).all()
    assert (own['left_knee.high'] > own.left_knee).all()
    assert own['left_elbow'].isna().all()
    assert set(own['left_elbow.why']) == {'not seen: left_wrist'}
    assert own['shoulders.why'].str.startswith('seen 90 degrees off').all()
    assert own['left_knee.why'].isna().all()


def test_angles_of_who_has_no_identity(tmp_path):
    pandas = pytest.importorskip('pandas')
    frames = [FrameResult((person(None, 10), person(None, 20)), 0, None, SIZE)]
    (path,) = write('angles', tmp_path / 'a', frames, angles=('left_knee',))
    table = pandas.read_csv(path)
    assert table.left_knee.to_numpy() == pytest.approx([20, 40], abs=0.01)


def test_motion_file(tmp_path):
    """As OpenSim's and Sports2D's readers take it: labels after endheader."""
    names = ('left_knee', 'trunk', 'c7_offset', 'shoulders')
    (path,) = write('mot', tmp_path / 'a.mot', clip(gone=(1,)), angles=names)
    assert path.endswith('a_person1.mot')
    lines = open(path).read().splitlines()
    end = lines.index('endheader')
    assert {'nRows=20', 'nColumns=4', 'inDegrees=yes'} <= set(lines[:end])
    assert lines[end + 1].split('\t') == [
        'time',
        'left_knee',
        'trunk',
        'shoulders',
    ]
    table = np.array([row.split('\t') for row in lines[end + 2 :]], float)
    assert table[:, 0] == pytest.approx(np.arange(20) / RATE)
    assert np.isnan(table[5:10, 1:]).all() and np.isnan(table[:, 3]).all()
    assert table[12, 1] == pytest.approx(24, abs=0.01)


def test_motion_and_marker_files_with_opensim(tmp_path):
    opensim = pytest.importorskip('opensim')
    names = ('left_knee', 'trunk')
    (path,) = write('mot', tmp_path / 'a.mot', clip(), angles=names)
    table = opensim.TimeSeriesTable(path)
    assert list(table.getColumnLabels()) == list(names)
    assert table.getRowAtIndex(12).to_numpy()[0] == pytest.approx(24, abs=0.01)
    (path,) = write('trc', tmp_path / 'a.trc', clip())
    table = opensim.TimeSeriesTableVec3(path)
    assert list(table.getColumnLabels()) == list(KEYPOINT_NAMES)
    nose = table.getRowAtIndex(3)[0]
    assert [nose[i] for i in range(3)] == [86, SIZE[1] - 20, 0]


def test_c3d(tmp_path):
    ezc3d = pytest.importorskip('ezc3d')
    paths = write('c3d', tmp_path / 'a.c3d', clip(ids=(1, 3), gone=(3,)))
    assert [p[-11:] for p in paths] == ['person1.c3d', 'person3.c3d']
    file = ezc3d.c3d(paths[1])
    points = file['data']['points']
    about = file['parameters']['POINT']
    assert about['LABELS']['value'] == list(KEYPOINT_NAMES)
    assert about['RATE']['value'][0] == RATE and about['UNITS']['value'] == [
        'px'
    ]
    assert points.shape == (4, 37, 20)
    assert points[:3, 0, 3] == pytest.approx([86, SIZE[1] - 20, 0])
    assert np.isnan(points[:3, :, 5:10]).all()
    assert np.isnan(points[:3, KEYPOINT_NAMES.index('left_wrist')]).all()


@pytest.mark.parametrize('up', ['y', 'z'])
def test_points_in_space(tmp_path, up):
    """Metres of the world, y up: angles and C3D are in 3D."""
    pandas, ezc3d = map(pytest.importorskip, ('pandas', 'ezc3d'))
    space = np.zeros((37, 3), np.float32)
    for name, at in (('neck', (0.1, 1.5, 0)), ('hip', (0, 1, 0)),
                     ('left_hip', (0, 1, -0.1)), ('right_hip', (0, 1, 0.1)),
                     ('left_shoulder', (0, 1.4, -0.2)),
                     ('right_shoulder', (0, 1.4, 0.2))):  # fmt: skip
        space[KEYPOINT_NAMES.index(name)] = at
    frames = [
        replace(
            f, people=tuple(replace(p, keypoints_3d=space) for p in f.people)
        )
        for f in clip()
    ]
    header = replace(HEADER, axes='world')
    settings = Settings(angles=('trunk_inclination',), up_axis=up)

    def write(name, path):
        return FORMATS[name](settings).write(path, header, lambda: iter(frames))

    (path,) = write('angles', str(tmp_path / 'a.csv'))
    lean = np.degrees(np.arctan2(0.1, 0.5))
    table = pandas.read_csv(path)
    assert table.trunk_inclination.to_numpy() == pytest.approx(lean, abs=1e-3)
    (path,) = write('c3d', str(tmp_path / 'a.c3d'))
    file = ezc3d.c3d(path)
    assert file['parameters']['POINT']['UNITS']['value'] == ['m']
    hip = file['data']['points'][:3, KEYPOINT_NAMES.index('right_hip'), 0]
    assert hip == pytest.approx([0, 1, 0.1] if up == 'y' else [0, -0.1, 1])


def test_nobody(tmp_path):
    frames = [FrameResult((), i, i / RATE, SIZE) for i in range(3)]
    for name in ('mot', 'c3d', 'trc'):
        assert (
            write(name, tmp_path / f'a{FORMATS[name].extension}', frames) == []
        )
    (path,) = write('angles', tmp_path / 'a', frames)
    assert len(open(path).read().splitlines()) == 1


def test_a_report_without_anybody(tmp_path):
    for package in FORMATS['report'].packages:
        pytest.importorskip(package)
    frames = [FrameResult((), i, i / RATE, SIZE) for i in range(3)]
    (path,) = write('report', tmp_path / 'a.html', frames)
    assert 'Nobody was found' in open(path, encoding='utf-8').read()


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    for name, extra in (('report', 'report'), ('c3d', 'c3d')):
        with pytest.raises(ValueError, match=rf'pip install .*\[{extra}\]'):
            FORMATS[name](Settings()).check()


def test_names_of_measures():
    assert parse_measures('trunk, Kyphosis,trunk') == ('trunk', 'kyphosis')
    assert parse_measures('all') == tuple(MEASURES)
    with pytest.raises(ValueError, match="no angle 'cobb': choose from all, "):
        parse_measures('trunk,cobb')


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    """A report with two people."""
    for package in FORMATS['report'].packages:
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp('page')
    video = make_clip(folder / 'walk.mp4', 20)
    frames = clip(ids=(1, 2), gone=(2,))
    (path,) = write(
        'report', folder / 'a.html', frames, str(video),
        angles=('left_knee', 'right_knee', 'kyphosis', 'shoulders'),
    )  # fmt: skip
    return path


def test_report(page):
    text = open(page, encoding='utf-8').read()
    outside = re.sub(r'<script.*?</script>', '', text, flags=re.S)
    assert not re.search(r'(src|href)="(?!data:)', outside)
    assert text.count('data:image/jpeg;base64,') == 20
    assert 'The person is not seen in 5 of 20 frames.' in text
    assert 'sees the front or back in 0 %' in text
    row = re.search(r'>left_knee</td>\s*<td>(.+?)</td><td>(.+?)</td>', text)
    assert [float(v) for v in row.groups()] == [0, 38]
    assert 'No gait: there is no whole stride.' in text


def test_report_in_a_browser(page):
    """Every curve is drawn, and the console holds no error."""
    browser = shutil.which('chromium') or shutil.which('chromium-browser')
    if browser is None:
        pytest.skip('chromium is not installed (Debian: apt install chromium)')
    done = subprocess.run(
        [browser, '--headless=new', '--no-sandbox', '--disable-gpu',
         '--enable-logging=stderr', '--virtual-time-budget=5000', '--dump-dom',
         f'file://{page}'],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    console = [x for x in done.stderr.splitlines() if 'CONSOLE' in x]
    assert done.returncode == 0 and not console, console
    curves = re.findall(r'<path class="js-line" d="(M[^"]+)"', done.stdout)
    # Two people: both knees and kyphosis, and the spine's curves.
    spines = len(re.findall(r'data-unformatted="\d\.\d\d s"', done.stdout))
    assert len([c for c in curves if c.count('L') > 3]) >= 2 * 3
    assert spines >= 10
    assert done.stdout.count('<polyline') >= 2  # over the frames


def test_a_report_takes_the_rate_from_the_times(tmp_path, monkeypatch):
    for package in FORMATS['report'].packages:
        pytest.importorskip(package)
    from spinepose_mmpose.inference.formats import report

    rates, gait = [], report.gait
    monkeypatch.setattr(
        report, 'gait', lambda p, rate, up: rates.append(rate) or gait(p, rate)
    )
    slow = [replace(frame, time=2 * frame.time) for frame in clip()]
    write('report', tmp_path / 'a.html', slow, angles=('trunk',))
    assert rates == [pytest.approx(RATE / 2)]
