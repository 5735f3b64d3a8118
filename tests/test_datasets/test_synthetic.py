import json
import os
import subprocess
import sys
from pathlib import Path

from spinepose_mmpose.datasets.synthetic import (
    SPLITS,
    anatomy,
    appearance,
    average_body,
    build_scene,
    generate_sample,
    look_at,
    make_person,
    mirror_pose,
    pose_body,
    poses,
    sample_body,
    sample_pose,
    split_counts,
    visibility,
    write_dataset,
)
from spinepose_mmpose.datasets.synthetic.camera import Camera, camera_rotation
from spinepose_mmpose.datasets.synthetic.mesh import box
from spinepose_mmpose.datasets.synthetic.render import (
    Faces,
    face_normals,
    project_faces,
)
from spinepose_mmpose.datasets.synthetic.scene import (
    Scene,
    annotate,
    draw_scene,
    image_rng,
    scene_faces,
)
from spinepose_mmpose.datasets.synthetic.skeleton import LIMB_DOFS, Pose
from spinepose_mmpose.metainfo import (
    BONES,
    FLIP_INDICES,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SPINE_CHAIN,
)

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools' / 'dataset_tools' / 'make_synthetic.py'
SIZE = (192, 256)
# The one skeleton link that is no bone: it spans the whole neck.
RIGID = [
    link
    for link in BONES
    if link[0].partition('_')[2] != 'ear'
    or link[1].partition('_')[2] != 'shoulder'
]
SPINE_IDS = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]


def plain_look(**kwargs):
    colour = np.full(3, 128.0)
    return appearance.Look(*([colour] * 6), **kwargs)


def standing(yaw=0.0, body=None, **limbs):
    pose = Pose(yaw=yaw)
    pose.limbs.update(limbs)
    return make_person(body or average_body(), pose, plain_look())


def scene_of(people, size=SIZE, occluders=(), **camera):
    points = np.concatenate([p.skin.quads[:, 0] for p in people])
    camera = look_at(points, size, **{'elevation': 0.0, 'fill': 0.8, **camera})
    return Scene(
        list(people),
        camera,
        size,
        list(occluders),
        np.zeros((0, 4, 3)),
        np.array([0.0, 0.6, 0.8]),
    )


def labels(scene):
    """[(37, 3) keypoints] and the annotations of a scene."""
    rng = np.random.default_rng(0)
    faces = scene_faces(scene, rng)
    _, owners = draw_scene(scene, faces, rng)
    found = annotate(scene, faces, owners)
    return [np.reshape(a['keypoints'], (37, 3)) for a in found], found


def flag(keypoints, name):
    return keypoints[KEYPOINT_IDS[name], 2]


# ---------------------------------------------------------------- body


def test_bone_lengths_do_not_change_with_the_pose():
    rng = np.random.default_rng(1)
    pairs = np.array([[KEYPOINT_IDS[end] for end in link] for link in RIGID])
    assert len(pairs) == len(BONES) - 2
    for _ in range(5):
        body = sample_body(rng)

        def lengths(pose):
            points = pose_body(body, pose).keypoints
            return np.linalg.norm(
                points[pairs[:, 0]] - points[pairs[:, 1]], axis=1
            )

        rest = lengths(Pose())
        assert rest.min() > 0.01
        for kind in poses.MIXTURES:
            for _ in range(10):
                np.testing.assert_allclose(
                    lengths(sample_pose(rng, kind)), rest, atol=1e-9
                )


def test_average_body_has_measured_proportions():
    joints = standing().figure.joints
    height = joints['head'][1]
    assert height == pytest.approx(anatomy.REFERENCE_STATURE, abs=0.03)
    # Drillis and Contini: fractions of stature above the floor.
    for name, fraction in (
        ('left_shoulder', 0.818),
        ('left_hip', 0.530),
        ('left_knee', 0.285),
        ('left_ankle', 0.039),
        ('left_eye', 0.936),
    ):
        assert joints[name][1] / height == pytest.approx(fraction, abs=0.02)


@pytest.mark.parametrize('seed', range(6))
def test_neutral_spine_has_its_three_curves(seed):
    body = sample_body(np.random.default_rng(seed))
    joints = pose_body(body, Pose()).joints
    chain = np.array([joints[name] for name in SPINE_CHAIN])[::-1]  # S1 to C1
    assert np.allclose(chain[:, 0], 0)
    assert (np.diff(chain[:, 1]) > 0).all()
    step = np.diff(chain, axis=0)
    lean = np.degrees(np.arctan2(step[:, 2], step[:, 1]))
    lumbar, thoracic, cervical = lean[[0, 3]], lean[[3, 5]], lean[[5, 7]]
    # Going up, lordosis leans ever further back and kyphosis forward.
    assert 20 < lumbar[0] - lumbar[1] < 75
    assert 20 < thoracic[1] - thoracic[0] < 65
    assert 10 < cervical[0] - cervical[1] < 45

    # The points lie behind the chord in the thorax, before it in the loins.
    def offset(name, low, high):
        (_, y, z), a, b = joints[name], joints[low], joints[high]
        return z - np.interp(y, [a[1], b[1]], [a[2], b[2]])

    assert offset('spine_02', 'hip', 'spine_03') > 0.005
    assert offset('spine_04', 'spine_03', 'neck') < -0.005


def test_signs_of_spinal_movements():
    def top(column, value):
        pose = Pose()
        pose.spine[:6, column] = value
        return pose_body(average_body(), pose).joints

    assert top(0, 8)['neck'][2] > top(0, 0)['neck'][2] + 0.1  # forward
    assert top(1, 8)['neck'][0] > 0.1  # to the person's left
    assert top(2, 8)['left_shoulder'][2] < -0.05  # the left shoulder goes back


def test_poses_obey_joint_limits():
    rng = np.random.default_rng(2)
    limits = np.array(anatomy.SPINE_LIMITS)
    body = average_body()
    for i in range(300):
        pose = sample_pose(rng, list(poses.MIXTURES)[i % 3])
        assert (pose.spine >= -limits[:, [0, 2, 3]] - 1e-9).all()
        assert (pose.spine <= limits[:, 1:] + 1e-9).all()
        assert set(pose.limbs) == set(LIMB_DOFS)
        joints = pose_body(body, pose).joints

        def bend(a, b, c):
            """Degrees between bones ab and bc: 0 is straight."""
            u, v = joints[b] - joints[a], joints[c] - joints[b]
            return np.degrees(
                np.arccos(
                    np.clip(
                        u @ v / np.linalg.norm(u) / np.linalg.norm(v), -1, 1
                    )
                )
            )

        for side in ('left', 'right'):
            assert (
                bend(f'{side}_hip', f'{side}_knee', f'{side}_ankle') <= 150.01
            )
            assert (
                bend(f'{side}_shoulder', f'{side}_elbow', f'{side}_wrist')
                <= 145.01
            )
            # Knees bend backwards: the toes stay before the shin's plane.
            rotation, knee = pose_body(body, pose).frames[f'{side}_thigh']
            shin = joints[f'{side}_ankle'] - joints[f'{side}_knee']
            assert rotation[:, 2] @ shin <= 1e-9
        for low, mid, high in zip(
            SPINE_CHAIN[2:], SPINE_CHAIN[1:], SPINE_CHAIN
        ):
            assert bend(low, mid, high) < 75


def test_mirrored_pose_gives_flipped_keypoints():
    rng = np.random.default_rng(3)
    for _ in range(20):
        body, pose = sample_body(rng), sample_pose(rng, 'varied')
        points = pose_body(body, pose).keypoints
        mirrored = pose_body(body, mirror_pose(pose)).keypoints
        np.testing.assert_allclose(
            mirrored, points[list(FLIP_INDICES)] * [-1, 1, 1], atol=1e-9
        )


# -------------------------------------------------------------- camera


def test_projection_by_hand():
    camera = Camera(
        camera_rotation(0.0), np.array([0.0, 1.0, 4.0]), 100.0, (50.0, 60.0)
    )
    points, depth = camera.project([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0]])
    np.testing.assert_allclose(points, [[75, 60], [50, 10]])
    np.testing.assert_allclose(depth, [4, 2])


def test_left_is_on_the_right_when_facing_the_camera():
    for yaw, sign in ((0, 1), (180, -1)):
        (keypoints,), _ = labels(scene_of([standing(yaw)]))
        for name in KEYPOINT_NAMES:
            if name.startswith('left_'):
                other = name.replace('left', 'right')
                x = [keypoints[KEYPOINT_IDS[n], 0] for n in (name, other)]
                assert (x[0] - x[1]) * sign > 1, name


def test_spine_runs_down_the_image_in_standing():
    (keypoints,), _ = labels(scene_of([standing(30)]))
    y = keypoints[SPINE_IDS, 1]
    assert (np.diff(y) > 1).all()
    assert keypoints[KEYPOINT_IDS['head'], 1] < y[0]


def test_mirrored_person_gives_the_flipped_image_labels():
    rng = np.random.default_rng(4)
    for _ in range(5):
        body, pose = sample_body(rng), sample_pose(rng, 'yoga')
        pair = [
            labels(scene_of([make_person(body, p, plain_look())]))[0][0]
            for p in (pose, mirror_pose(pose))
        ]
        flipped = pair[0][list(FLIP_INDICES)]
        flipped[:, 0] = SIZE[0] - flipped[:, 0]
        np.testing.assert_allclose(pair[1][:, :2], flipped[:, :2], atol=0.02)
        assert (pair[1][:, 2] == flipped[:, 2]).mean() > 0.9


# ---------------------------------------------------------------- skin


def test_faces_of_the_skin_look_outwards():
    person = standing(
        0, left_shoulder_elevation=40.0, right_shoulder_elevation=40.0
    )
    quads, part = person.skin.quads, person.skin.part
    normal, centre = face_normals(quads), quads.mean(1)
    for i in np.unique(part):
        mine = part == i
        outward = ((centre - centre[mine].mean(0)) * normal).sum(1)[mine]
        area = np.linalg.norm(
            np.cross(
                quads[mine, 2] - quads[mine, 0], quads[mine, 3] - quads[mine, 1]
            ),
            axis=1,
        )
        assert (outward * area).sum() > 0
        assert np.average(outward > -0.02, weights=area) > 0.9
    cube = box(np.zeros(3), np.eye(3), np.ones(3))
    assert (face_normals(cube) * cube.mean(1)).sum(1).min() > 0.1


def test_spine_lies_inside_the_torso_near_the_back():
    person = standing()
    torso = person.skin.quads[person.skin.part == 0].reshape(-1, 3)
    for name in (
        'hip',
        'spine_01',
        'spine_02',
        'spine_03',
        'spine_04',
        'spine_05',
    ):
        x, y, z = person.figure.joints[name]
        ring = torso[np.abs(torso[:, 1] - y) < 0.03]
        middle = ring[np.abs(ring[:, 0]) < 0.06]
        behind, ahead = z - middle[:, 2].min(), middle[:, 2].max() - z
        assert 0.03 < behind < ahead
        assert np.abs(ring[:, 0]).max() > 0.1


def test_person_stands_on_the_floor():
    rng = np.random.default_rng(6)
    for _ in range(10):
        body = sample_body(rng)
        person = make_person(body, sample_pose(rng, 'varied'), plain_look())
        assert person.skin.quads[..., 1].min() == pytest.approx(0, abs=1e-9)


# ---------------------------------------------------------- visibility


def test_front_view_hides_nothing_but_the_heels():
    arms = dict(left_shoulder_elevation=25.0, right_shoulder_elevation=25.0)
    (keypoints,), (annotation,) = labels(scene_of([standing(0, **arms)]))
    hidden = {n for n in KEYPOINT_NAMES if flag(keypoints, n) != 2}
    assert hidden == {'left_heel', 'right_heel'}
    assert annotation['num_keypoints'] == 37


def test_back_of_the_head_hides_the_face_but_not_the_spine():
    (keypoints,), _ = labels(scene_of([standing(180)]))
    for name in ('nose', 'left_eye', 'right_eye'):
        assert flag(keypoints, name) == 1
    assert (keypoints[SPINE_IDS, 2] == 2).all()


def test_profile_hides_the_far_side():
    # Looking to the image's left shows the left side of the body.
    person = standing(
        -90, left_shoulder_elevation=4.0, right_shoulder_elevation=4.0
    )
    (keypoints,), _ = labels(scene_of([person]))
    for joint in ('shoulder', 'elbow', 'wrist', 'knee', 'ankle', 'ear', 'eye'):
        assert flag(keypoints, f'left_{joint}') == 2, joint
        assert flag(keypoints, f'right_{joint}') == 1, joint
    # The hand that hangs before the hip hides it; a raised arm does not.
    assert flag(keypoints, 'left_hip') == 1
    arm = standing(
        -90,
        left_shoulder_plane=90.0,
        left_shoulder_elevation=90.0,
        right_shoulder_plane=90.0,
        right_shoulder_elevation=90.0,
    )
    (keypoints,), _ = labels(scene_of([arm]))
    for name in ('left_hip', 'hip', 'spine_01', 'spine_02', 'spine_03'):
        assert flag(keypoints, name) == 2
    assert flag(keypoints, 'right_hip') == 1


def test_occluder_hides_the_points_it_covers_and_no_others():
    arms = dict(left_shoulder_elevation=25.0, right_shoulder_elevation=25.0)
    person = standing(0, **arms)
    (free,), (whole,) = labels(scene_of([person]))
    top = free[KEYPOINT_IDS['left_knee'], 1] - 3
    plank = np.array(
        [(-5.0, top), (400.0, top), (400.0, top + 20), (-5.0, top + 20)]
    )
    (hidden,), (part,) = labels(scene_of([person], occluders=[plank]))
    covered = (free[:, 1] >= top) & (free[:, 1] <= top + 20)
    assert {'left_knee', 'right_knee'} <= {
        KEYPOINT_NAMES[i] for i in np.flatnonzero(covered)
    }
    assert (hidden[covered, 2] == 1).all()
    assert (hidden[~covered] == free[~covered]).all()
    assert part['area'] < whole['area'] and part['bbox'] == whole['bbox']


def test_person_in_front_hides_the_one_behind():
    near, far = standing(0), standing(0).moved([0.0, 0.0, -2.0])
    (front, back), found = labels(scene_of([near, far]))
    assert flag(front, 'spine_03') == 2 and flag(back, 'spine_03') == 1
    assert found[0]['area'] > 4 * found[1]['area']


def test_points_outside_the_image_are_not_labelled():
    (keypoints,), (annotation,) = labels(scene_of([standing()], fill=1.6))
    out = keypoints[:, 2] == 0
    assert {'head', 'left_heel'} <= {
        KEYPOINT_NAMES[i] for i in np.flatnonzero(out)
    }
    assert (keypoints[out] == 0).all()
    assert annotation['num_keypoints'] == (~out).sum() < 37
    assert (keypoints[~out, :2] >= 0).all()
    assert (keypoints[~out, :2] < SIZE).all()
    # An occluder beyond the border changes nothing there.
    beyond = np.array(
        [(-900.0, -900.0), (900.0, -900.0), (900.0, -1.0), (-900.0, -1.0)]
    )
    scene = scene_of([standing()], fill=1.6, occluders=[beyond])
    (again,), _ = labels(scene)
    assert (again == keypoints).all()


def test_margin_of_skin_points_by_hand():
    # One head face 10 cm before the nose, one hand face 10 cm behind it.
    square = np.array([[0.0, 0.0], [0.0, 9.0], [9.0, 9.0], [9.0, 0.0]])
    part = [visibility.PART_IDS[name] for name in ('head', 'left_hand')]

    def nose(owner, depths):
        faces = Faces(
            np.stack([square, square]),
            np.array(depths),
            np.array(part),
            np.array([owner, owner]),
            np.zeros((2, 3)),
        )
        flags = visibility.keypoint_visibility(
            np.full((37, 2), 5.0), np.full(37, 2.0), 1, faces, (10, 10)
        )
        return flags[KEYPOINT_IDS['nose']]

    assert nose(1, [1.90, 2.1]) == 1  # its own head, too near
    assert nose(1, [1.97, 2.1]) == 2  # its own head, its own surface
    assert nose(1, [1.97, 1.9]) == 1  # a hand before it
    assert nose(2, [1.97, 2.1]) == 1  # somebody else's head


# --------------------------------------------------------- annotations


@pytest.mark.parametrize('split', SPLITS)
def test_annotations_agree_with_the_picture(split):
    for index in range(6):
        image, found = generate_sample(7, split, index, SIZE)
        assert image.shape == (256, 192, 3) and image.dtype == np.uint8
        assert image.std() > 3
        for a in found:
            keypoints = np.reshape(a['keypoints'], (37, 3))
            assert set(np.unique(keypoints[:, 2])) <= {0, 1, 2}
            assert a['num_keypoints'] == (keypoints[:, 2] > 0).sum()
            x, y, w, h = a['bbox']
            assert 0 < a['area'] <= w * h + 1
            assert x >= 0 and y >= 0
            assert x + w <= SIZE[0] + 0.02 and y + h <= SIZE[1] + 0.02
            seen = keypoints[keypoints[:, 2] > 0, :2]
            assert (seen >= np.array([x, y]) - 1).all()
            assert (seen <= np.array([x + w, y + h]) + 1).all()


def test_area_is_the_drawn_silhouette():
    scene = scene_of([standing()])
    rng = np.random.default_rng(0)
    faces = scene_faces(scene, rng)
    _, (annotation,) = labels(scene)
    mask = np.zeros(SIZE[::-1], np.uint8)
    for polygon in faces.points:
        cv2.fillConvexPoly(
            mask, (polygon * 16).round().astype(int), 1, cv2.LINE_8, 4
        )
    assert annotation['area'] == pytest.approx(mask.sum(), rel=0.12)


def test_culling_keeps_the_side_that_looks_at_the_camera():
    cube = box(np.zeros(3), np.eye(3), np.ones(3), pieces=1)
    camera = Camera(
        camera_rotation(0.0), np.array([0.0, 0.0, 5.0]), 100.0, (50.0, 50.0)
    )
    ones = np.ones(len(cube), int)
    faces = project_faces(
        camera,
        cube,
        ones,
        ones,
        np.full((6, 3), 100.0),
        np.array([0.0, 0.0, 1.0]),
    )
    assert len(faces.part) == 1
    assert faces.depth[0] == pytest.approx(4.5)


# ------------------------------------------------------------- folders


def read_tree(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(Path(folder).rglob('*'))
        if p.is_file()
    }


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp('synthetic') / 'data'
    write_dataset(str(out), 10, 3, seed=5, size=SIZE)
    return out


def test_same_seed_same_sample_and_others_differ():
    first, found = generate_sample(1, 'train-unreal', 4)
    again, found_again = generate_sample(1, 'train-unreal', 4)
    assert (first == again).all() and found == found_again
    for other in (
        (2, 'train-unreal', 4),
        (1, 'train-unreal', 5),
        (1, 'val2017', 4),
    ):
        assert (
            image_rng(*other).random()
            != image_rng(1, 'train-unreal', 4).random()
        )
    with pytest.raises(ValueError, match="'test'.*train-unreal"):
        generate_sample(1, 'test', 0)
    scene, _ = build_scene(1, 'train-unreal', 4)
    assert scene.size == first.shape[1::-1]


def test_folder_layout_and_ids(dataset):
    assert split_counts(10, 3) == {
        'train-real-coco': 3,
        'train-real-yoga': 1,
        'train-unreal': 6,
        'val2017': 3,
    }
    image_ids, person_ids = [], []
    for split, count in split_counts(10, 3).items():
        path = dataset / f'annotations/person_keypoints_{split}.json'
        content = json.loads(path.read_text())
        assert content['info']['seed'] == 5
        assert 'ynthetic' in content['info']['description']
        (category,) = content['categories']
        assert category['keypoints'] == list(KEYPOINT_NAMES)
        assert np.array(category['skeleton']).min() >= 1
        assert np.array(category['skeleton']).max() == 37
        names = {i['file_name'] for i in content['images']}
        assert names == set(os.listdir(dataset / 'images' / split))
        assert len(names) == count
        for i in content['images']:
            image = cv2.imread(str(dataset / 'images' / split / i['file_name']))
            assert image.shape == (i['height'], i['width'], 3)
        own = {i['id'] for i in content['images']}
        image_ids += own
        for a in content['annotations']:
            assert a['image_id'] in own
            assert a['category_id'] == 1 and a['iscrowd'] == 0
            assert len(a['keypoints']) == 37 * 3
            person_ids.append(a['id'])
    assert len(set(image_ids)) == 13
    assert len(person_ids) >= 13
    assert len(set(person_ids)) == len(person_ids)


def test_workers_do_not_change_a_byte(dataset, tmp_path):
    write_dataset(str(tmp_path / 'two'), 10, 3, seed=5, size=SIZE, workers=2)
    assert read_tree(tmp_path / 'two') == read_tree(dataset)


def test_interrupted_run_is_completed(dataset, tmp_path):
    out = tmp_path / 'data'
    made = []

    def stop(split, done, count):
        made.append(split)
        if split == 'train-unreal' and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(str(out), 10, 3, seed=5, size=SIZE, progress=stop)
    assert not (out / 'annotations/person_keypoints_train-unreal.json').exists()
    made.clear()
    write_dataset(
        str(out),
        10,
        3,
        seed=5,
        size=SIZE,
        progress=lambda split, *_: made.append(split),
    )
    assert set(made) == {'train-unreal', 'val2017'}
    assert read_tree(out) == read_tree(dataset)


def test_overwrite_replaces_everything(tmp_path):
    out = str(tmp_path / 'data')
    write_dataset(out, 4, 2, seed=1, size=(64, 64))
    before = read_tree(out)
    with pytest.raises(FileExistsError, match='--overwrite'):
        write_dataset(out, 4, 1, seed=2, size=(64, 64))
    assert read_tree(out) == before
    write_dataset(out, 4, 1, seed=2, size=(64, 64), overwrite=True)
    write_dataset(str(tmp_path / 'fresh'), 4, 1, seed=2, size=(64, 64))
    assert read_tree(out) == read_tree(tmp_path / 'fresh')


def test_foreign_files_are_never_touched(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'photo.jpg').write_bytes(b'x')
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match='did not write'):
            write_dataset(str(tmp_path), 1, 1, overwrite=overwrite)
    assert set(read_tree(tmp_path)) == {'images/photo.jpg'}


def run_tool(*args):
    return subprocess.run(
        [sys.executable, str(TOOL), *args],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        check=False,
    )


@pytest.mark.parametrize(
    'args, message',
    [
        (('--train', '-1'), 'train must not be negative, but is -1'),
        (('--val', '-2'), 'val must not be negative, but is -2'),
        (('--seed', '-3'), 'seed must not be negative, but is -3'),
        (('--workers', '0'), 'workers must be at least 1, but is 0'),
        (('--size', '8', '9000'), '8 x 9000'),
    ],
)
def test_bad_numbers_end_with_one_sentence(args, message, tmp_path):
    result = run_tool('--out', str(tmp_path / 'x'), *args)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / 'x').exists()


def test_unwritable_folder_ends_with_one_sentence(tmp_path):
    (tmp_path / 'file').write_text('')
    for out in ('file', 'file/below'):
        result = run_tool('--out', str(tmp_path / out), '--train', '1')
        assert result.returncode == 1
        assert 'Traceback' not in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_tool_writes_and_needs_neither_torch_nor_mmpose(tmp_path):
    out = tmp_path / 'data'
    result = run_tool(
        '--out', str(out), '--train', '2', '--val', '1', '--size', '96', '96'
    )
    assert result.returncode == 0, result.stderr
    assert 'val2017: 1/1' in result.stderr
    assert (out / 'annotations/person_keypoints_val2017.json').exists()
    code = (
        'import sys\n'
        'for name in ("torch", "mmcv", "mmengine", "mmpose", "scipy"):\n'
        '    sys.modules[name] = None  # importing it fails\n'
        'import spinepose_mmpose.datasets.synthetic\n'
    )
    assert (
        subprocess.run(
            [sys.executable, '-c', code], cwd=ROOT, check=False
        ).returncode
        == 0
    )
