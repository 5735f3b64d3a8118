"""People in 3D: known truth through a camera that is known."""

import json
import subprocess
import sys
from fractions import Fraction

from spinepose_mmpose.camera import (
    BONE_TREE,
    ROOT,
    body_height,
    fit_ground,
    intrinsics_of_view,
    rebuild,
)
from spinepose_mmpose.inference.draw import beside_panel
from spinepose_mmpose.inference.formats import FORMATS, Header
from spinepose_mmpose.inference.intrinsics import exif_camera, read_intrinsics
from spinepose_mmpose.inference.lifting import Calibration, Lifter, Lifting
from spinepose_mmpose.inference.results import FrameResult, Person, spine_of
from spinepose_mmpose.inference.settings import Settings
from spinepose_mmpose.metainfo import KEYPOINT_IDS, KEYPOINT_NAMES, SUBSETS

import cv2
import numpy as np
import pytest
from PIL import Image

SIZE = (640, 480)
K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
SPINE = list(SUBSETS['spine'])
UNIT = 0.8  # metres per unit of the networks here
RATE = 25
# Metres: right, up, ahead of somebody who stands; sides mirror the left.
FIGURE = {
    'nose': (0, 1.60, 0.11), 'left_eye': (-0.03, 1.63, 0.09),
    'left_ear': (-0.07, 1.62, 0.0), 'left_shoulder': (-0.19, 1.42, -0.01),
    'left_elbow': (-0.25, 1.12, -0.03), 'left_wrist': (-0.27, 0.86, 0.05),
    'left_hip': (-0.10, 0.92, 0.02), 'left_knee': (-0.11, 0.49, 0.03),
    'left_ankle': (-0.11, 0.09, -0.02), 'head': (0, 1.74, 0.02),
    'neck': (0, 1.46, -0.03), 'hip': (0, 0.98, -0.06),
    'left_big_toe': (-0.10, 0.02, 0.16), 'left_small_toe': (-0.16, 0.02, 0.12),
    'left_heel': (-0.11, 0.02, -0.06), 'spine_01': (0, 1.04, -0.03),
    'spine_02': (0, 1.09, -0.02), 'spine_03': (0, 1.16, -0.04),
    'spine_04': (0, 1.29, -0.07), 'spine_05': (0, 1.40, -0.06),
    'left_latissimus': (-0.11, 1.30, -0.08), 'left_clavicle': (-0.02, 1.42, 0),
    'neck_02': (0, 1.51, -0.01), 'neck_03': (0, 1.55, 0.0),
}  # fmt: skip


def figure():
    """(37, 3)."""
    points = []
    for name in KEYPOINT_NAMES:
        x, y, z = FIGURE[name.replace('right', 'left')]
        points.append((-x if name.startswith('right') else x, y, z))
    return np.array(points)


HEIGHT = float(body_height(figure()))


class Filmed:
    """Somebody walks before a camera that looks down by some degrees.

    The lifter is the truth in another unit, with noise if asked for.
    """

    def __init__(self, frames=40, pitch=12.0, noise=0.0, people=1):
        rng = np.random.default_rng(0)
        c, s = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
        # World x right, y up, z to the camera; camera x right, y down, z ahead.
        self.rotation = np.array([[1, 0, 0], [0, -c, -s], [0, s, -c]])
        self.position = np.array([0, 1.5, 4.5])
        self.world = np.empty((frames, people, 37, 3))
        for t in range(frames):
            points = figure() * [-1, 1, 1]  # towards the camera
            for side, way in (('left', 1), ('right', -1)):
                elbow = points[KEYPOINT_IDS[f'{side}_elbow']]
                arm = points[KEYPOINT_IDS[f'{side}_wrist']] - elbow
                angle = way * 0.4 * np.sin(2 * np.pi * t / RATE)
                x, y, z = arm
                s, c = np.sin(angle), np.cos(angle)
                arm = [x, c * y - s * z, s * y + c * z]
                points[KEYPOINT_IDS[f'{side}_wrist']] = elbow + arm
            for n in range(people):
                place = [-1 + 1.2 * n + 0.04 * t, 0, -0.02 * t]
                self.world[t, n] = points + place
        self.local = (self.world - self.position) @ self.rotation.T
        pixels = self.local @ K.T
        pixels = pixels[..., :2] / pixels[..., 2:]
        self.given = (self.local - self.local[..., [ROOT], :]) / UNIT
        self.given += noise * rng.normal(size=self.given.shape)
        self.scores = np.ones((frames, people, 37), np.float32)
        self.pixels = pixels.astype(np.float32)
        self.calls = 0

    def results(self):
        return [
            FrameResult(
                tuple(
                    Person(
                        points, scores, np.float32([0, 0, 9, 9]), track_id=n + 1
                    )
                    for n, (points, scores) in enumerate(zip(*of_frame))
                ),
                t,
                t / RATE,
                SIZE,
            )
            for t, of_frame in enumerate(zip(self.pixels, self.scores))
        ]

    def __call__(self, rays):
        self.calls += 1
        return self.given[self.calls - 1]

    def lifting(self, **options):
        self.calls = 0
        options = {
            'camera_intrinsics': K,
            'primary_subject_height': HEIGHT,
            **options,
        }
        return Lifting(self, **options)


def in_3d(results):
    """(T, N, 37, 3)."""
    return np.stack([result.keypoints_3d for result in results])


def bone_lengths(points):
    a, b = np.array(BONE_TREE).T
    return np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)


@pytest.mark.parametrize('smoothing', [False, True])
def test_the_truth_comes_back_in_the_cameras_axes(smoothing):
    film = Filmed(people=2)
    lifting = film.lifting(estimate_camera_pose=False, smoothing=smoothing)
    found = in_3d(lifting.clip(film.results()))
    off = np.linalg.norm(found - film.local, axis=-1)
    if not smoothing:
        assert off.max() < 1e-4
    else:
        assert np.median(off) < 0.002 and off[3:-3].max() < 0.01
        assert np.ptp(bone_lengths(found), axis=0).max() < 1e-6


def test_world_axes_stand_on_the_ground():
    film = Filmed(pitch=17.0)
    found = in_3d(film.lifting(smoothing=False).clip(film.results()))
    # Heights, and the distances that the sacrum has gone.
    np.testing.assert_allclose(found[..., 1], film.world[..., 1], atol=0.004)
    gone = found[:, 0, ROOT] - found[0, 0, ROOT]
    true = film.world[:, 0, ROOT] - film.world[0, 0, ROOT]
    np.testing.assert_allclose(gone, true, atol=0.02)
    level = in_3d(
        film.lifting(smoothing=False, estimate_ground_plane=False).clip(
            film.results()
        )
    )
    np.testing.assert_allclose(
        level, film.local[..., :] * [1, -1, -1], atol=1e-4
    )


def test_a_clip_is_calmed_and_keeps_its_bones():
    film = Filmed(noise=0.02)
    rough = in_3d(film.lifting(smoothing=False).clip(film.results()))
    calm = in_3d(film.lifting().clip(film.results()))

    def shake(points):
        return np.linalg.norm(np.diff(points, 2, axis=0), axis=-1).mean()

    assert shake(calm) < 0.35 * shake(rough)
    assert np.ptp(bone_lengths(calm), axis=0).max() < 1e-5
    assert np.ptp(bone_lengths(rough), axis=0).max() > 0.01


def test_a_stream_is_lifted_as_it_comes():
    film = Filmed(noise=0.01)
    lifting = film.lifting(warmup_frames=10)
    found = in_3d([lifting(result) for result in film.results()])
    np.testing.assert_allclose(
        np.median(found[12:, 0, :, 1], axis=0), film.world[0, 0, :, 1],
        atol=0.06,
    )  # fmt: skip
    # After the warm-up nothing of the calibration changes.
    assert np.ptp(bone_lengths(found[10:]), axis=0).max() < 1e-5


def test_the_height_sets_the_scale():
    film = Filmed()
    for height in (1.2, 1.9):
        lifting = film.lifting(primary_subject_height=height)
        points = in_3d(lifting.clip(film.results()))
        assert body_height(points).mean() == pytest.approx(height, abs=0.01)
    points = in_3d(
        film.lifting(estimate_metric_scale=False).clip(film.results())
    )
    assert body_height(points).mean() == pytest.approx(HEIGHT / UNIT, abs=0.01)


def test_what_cannot_be_known_is_said(caplog):
    film = Filmed(frames=12)
    feet = list(SUBSETS['feet'])
    film.scores[..., feet] = 0.1
    lifting = film.lifting(smoothing=False)
    found = in_3d(lifting.clip(film.results()))
    assert 'no feet are seen' in caplog.text
    assert 'never seen from head to heels' in caplog.text
    # The network's unit and the level camera's axes.
    np.testing.assert_allclose(
        found, film.local * [1, -1, -1] / UNIT, atol=1e-3
    )
    caplog.clear()
    film.scores[:] = 1
    film.scores[5, 0, 3:] = 0.2
    found = in_3d(film.lifting(smoothing=False).clip(film.results()))
    assert np.isnan(found[5]).all() and np.isfinite(found[6]).all()
    assert 'fewer than 4 keypoints are seen: NaN' in caplog.text


@pytest.mark.parametrize(
    'options, says',
    [
        (dict(primary_subject_height=0), '0 is not between 0.3 and 2.8'),
        (dict(warmup_frames=0), '0 is not between 1 and'),
        (dict(camera_field_of_view=180), 'not 180'),
    ],
)
def test_settings_out_of_range(options, says):
    with pytest.raises(ValueError, match=says):
        Lifting(Filmed(1), **options)


def test_settings_of_the_command_line():
    with pytest.raises(ValueError, match='needs enable_lifting'):
        Settings(primary_subject_height=1.7)
    with pytest.raises(ValueError, match='0.0 is not between 0.3 and 2.8'):
        Settings(enable_lifting=True, primary_subject_height=0.0)
    assert Settings().make_lifting() is None


def test_other_keypoints_cannot_be_lifted():
    (result, *_) = Filmed(1).results()
    with pytest.raises(ValueError, match='this model gives 9'):
        Filmed(1).lifting().clip([spine_of(result)])


def test_intrinsics_from_files(tmp_path):
    names = {
        'plain.json': json.dumps(dict(K=K.tolist(), size=SIZE)),
        'one.toml': '[cam]\nsize = [640.0, 480.0]\n'
        f'matrix = {K.tolist()}\ndistortions = [0.1, 0, 0, 0]\n',
    }
    for name, text in names.items():
        (tmp_path / name).write_text(text)
    file = cv2.FileStorage(str(tmp_path / 'cv.yml'), cv2.FILE_STORAGE_WRITE)
    file.write('camera_matrix', K)
    file.write('image_width', 640)
    file.write('image_height', 480)
    file.release()
    for name in (*names, 'cv.yml'):
        camera = read_intrinsics(tmp_path / name)
        np.testing.assert_allclose(camera.matrix, K)
        assert camera.size == SIZE
        with pytest.raises(ValueError, match='640 x 480 pixels, but these'):
            camera.for_size((1280, 720))
    # Points that the lens has moved come back.
    camera = read_intrinsics(tmp_path / 'one.toml')
    truth = np.array([[0.3, -0.2]])
    bent = truth * (1 + 0.1 * (truth**2).sum()) * 600 + [320, 240]
    np.testing.assert_allclose(
        camera.rays(bent, np.array([True])), truth, atol=1e-5
    )
    (tmp_path / 'two.json').write_text(
        json.dumps(dict(a=dict(K=K.tolist()), b=dict(K=K.tolist())))
    )
    (tmp_path / 'none.json').write_text('{"x": 1}')
    with pytest.raises(ValueError, match='it has 2 cameras'):
        read_intrinsics(tmp_path / 'two.json')
    with pytest.raises(ValueError, match='contains no intrinsics; expected'):
        read_intrinsics(tmp_path / 'none.json')
    with pytest.raises(FileNotFoundError, match='no such file of intrinsics'):
        read_intrinsics(tmp_path / 'absent.json')


def test_exif_tells_the_focal_length(tmp_path):
    path = tmp_path / 'photo.jpg'
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 28
    Image.new('RGB', SIZE).save(path, exif=exif)
    matrix = exif_camera(path, SIZE).matrix
    # The diagonal of 35 mm film is 43.27 mm, that of the image 800 pixels.
    assert matrix[0, 0] == pytest.approx(28 / 43.267 * 800, rel=1e-4)
    assert Lifting(Filmed(1)).camera_of(SIZE, path).matrix[0, 0] == matrix[0, 0]
    Image.new('RGB', SIZE).save(tmp_path / 'plain.jpg')
    assert exif_camera(tmp_path / 'plain.jpg', SIZE) is None
    plain = Lifting(Filmed(1)).camera_of(SIZE, tmp_path / 'plain.jpg')
    np.testing.assert_allclose(plain.matrix, intrinsics_of_view(SIZE, 84))


def test_bones_get_their_lengths():
    points = figure() - figure()[ROOT]
    a, b = np.array(BONE_TREE).T
    lengths = np.linalg.norm(points[b] - points[a], axis=-1)
    np.testing.assert_allclose(rebuild(points, lengths), points, atol=1e-12)
    rough = points + np.random.default_rng(0).normal(0, 0.02, points.shape)
    fixed = rebuild(rough, lengths)
    np.testing.assert_allclose(
        np.linalg.norm(fixed[b] - fixed[a], axis=-1), lengths
    )
    fixed += (rough - fixed).mean(0)
    assert np.linalg.norm(fixed - rough, axis=-1).mean() < 0.03


def test_ground_of_one_who_stands_still():
    """The feet of one person do not tell a slope; the body does."""
    film = Filmed(frames=1, pitch=10)
    seen = np.ones((1, 37), bool)
    up, ground = fit_ground(film.local[0], seen)
    true = film.rotation @ [0, 1, 0]
    assert np.degrees(np.arccos(up @ true)) < 5
    height = film.rotation @ (0 - film.position)  # the world's origin
    assert abs((ground - height) @ true) < 0.05
    seen[:, list(SUBSETS['feet'])] = False
    assert fit_ground(film.local[0], seen) is None


def written(tmp_path, kind, results, axes='world', **settings):
    header = Header('walk', KEYPOINT_NAMES, Fraction(RATE), SIZE, axes=axes)
    path = str(tmp_path / f'out{FORMATS[kind].extension}')
    if kind == 'openpose':
        path = str(tmp_path)
    return FORMATS[kind](Settings(**settings)).write(
        path, header, lambda: iter(results)
    )


def test_files_have_the_points(tmp_path):
    film = Filmed(frames=3)
    film.scores[1, 0, 2:] = 0
    results = film.lifting(smoothing=False).clip(film.results())
    truth = results[0].people[0].keypoints_3d

    files = written(tmp_path, 'openpose', results)
    people = [json.loads(open(f).read())['people'][0] for f in files]
    points = np.reshape(people[0]['pose_keypoints_3d'], (37, 4))
    np.testing.assert_allclose(points[:, :3], truth, atol=1e-4)
    assert (points[:, 3] == 1).all()
    assert people[1]['pose_keypoints_3d'] == []

    (file,) = written(tmp_path, 'json', results)
    first, *rows = map(json.loads, open(file))
    assert first['axes'] == 'world'
    nose = rows[0]['people'][0]['keypoints_3d']['nose']
    np.testing.assert_allclose(nose, truth[0], atol=1e-4)
    assert rows[1]['people'][0]['keypoints_3d'] is None

    (file,) = written(tmp_path, 'csv', results)
    names, *rows = (line.split(',') for line in open(file).read().splitlines())
    row = dict(zip(names, rows[0]))
    assert float(row['neck.Y']) == pytest.approx(truth[18, 1], abs=1e-4)
    assert dict(zip(names, rows[1]))['neck.Y'] == ''


def test_trc_in_metres(tmp_path):
    film = Filmed(frames=3)
    film.scores[1, 0, 2:] = 0
    results = film.lifting(smoothing=False).clip(film.results())
    truth = results[0].people[0].keypoints_3d

    def rows(**settings):
        (file,) = written(tmp_path, 'trc', results, **settings)
        lines = open(file).read().split('\n')
        assert lines[2].split('\t')[4] == 'm'
        table = [line.split('\t')[2:] for line in lines[6:9]]
        return np.array(table, float).reshape(3, 37, 3)

    upright = rows()
    np.testing.assert_allclose(upright[0], truth, atol=1e-4)
    assert np.isnan(upright[1]).all()
    x, y, z = truth.T
    np.testing.assert_allclose(
        rows(up_axis='z')[0], np.stack([x, -z, y], 1), atol=1e-4
    )
    # The camera's axes point downwards.
    np.testing.assert_allclose(
        rows(axes='camera')[0], truth * [1, -1, -1], atol=1e-4
    )


def test_nobody_is_there():
    """In a photograph, in a clip, and in a stream before somebody comes."""
    nobody = FrameResult((), 0, 0.0, (640, 480))
    lifting = Filmed(frames=1).lifting()
    assert lifting.photograph(nobody) is nobody
    assert lifting.clip([nobody]) == [nobody]
    assert lifting(nobody) is nobody


def test_the_panel_shows_people():
    film = Filmed(frames=1)
    (result,) = film.lifting().clip(film.results())
    image = np.zeros((480, 640, 3), np.uint8)
    drawn = beside_panel(image, result.people)
    assert drawn.shape == (480, 640 + 240, 3)
    empty = beside_panel(image, ())
    for half in (slice(0, 240), slice(240, 480)):
        changed = (drawn[half] != empty[half]).any(-1)
        rows = np.flatnonzero(changed.any(1))
        # 1.74 m of 2.4 m are 174 of 240 pixels, the ground lies at 220.
        assert abs(rows.min() - 46) < 5 and abs(rows.max() - 219) < 5
    assert (spine_of(result).keypoints_3d == result.keypoints_3d[:, [
        KEYPOINT_IDS[name] for name in spine_of(result).people[0].names
    ]]).all()  # fmt: skip
    assert beside_panel(image, spine_of(result).people).shape == drawn.shape


def test_calibration_to_world():
    known = Calibration(1.0, np.diag([1.0, -1, -1]), np.array([0, 1, 4.0]), {})
    np.testing.assert_allclose(
        known.to_world(np.array([1.0, 3, 5])), [1, -2, -1]
    )


def test_no_lifter(tmp_path):
    with pytest.raises(ValueError, match='is not a lifter'):
        Lifter('spinepose-t-demo')
    with pytest.raises(FileNotFoundError):
        Lifter(tmp_path / 'absent.onnx')


def test_the_shipped_lifter_knows_a_spine():
    """Somebody who walks, from true 2D: the aim is 15 mm for the spine."""
    film = Filmed(frames=8)
    lifting = Lifting(camera_intrinsics=K, smoothing=False)
    found = in_3d(lifting.clip(film.results()))[:, 0]
    errors = [
        np.linalg.norm(aligned(p, t) - t, axis=-1).mean()
        for p, t in zip(found[:, SPINE], film.world[:, 0, SPINE])
    ]
    assert np.mean(errors) < 0.025


def aligned(points, truth):
    """In scale, rotation and translation (Umeyama 1991)."""
    a, b = points - points.mean(0), truth - truth.mean(0)
    u, s, vt = np.linalg.svd(a.T @ b)
    flip = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = (s * np.diag(flip)).sum() / (a**2).sum()
    return scale * a @ u @ flip @ vt + truth.mean(0)


def test_lifting_needs_neither_torch_nor_mmpose():
    code = (
        'import sys; from spinepose_mmpose.inference import Lifting; '
        "Lifting(); heavy = {'torch', 'mmpose', 'mmengine'}; "
        'print(sorted(heavy & set(sys.modules)))'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True
    )
    assert done.stdout.strip() == '[]', done.stderr
