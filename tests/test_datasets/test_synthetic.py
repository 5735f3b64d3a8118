"""Synthetic people: bodies, poses, renderer, labels and the written set."""

import json
import subprocess
import sys
from pathlib import Path

from spinepose_mmpose.datasets.synthetic import (
    body,
    labels,
    looks,
    motion,
    poses,
    render,
    scene,
    writer,
)
from spinepose_mmpose.metainfo import (
    BONES,
    FLIP_INDICES,
    KEYPOINT_IDS,
    MARKERS,
    SPINE_CHAIN,
)

import cv2
import numpy as np
import pytest

SPINE = [KEYPOINT_IDS[name] for name in SPINE_CHAIN]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def adult():
    return body.make_body(body.MEAN_ADULT)


def keypoints(shape, pose):
    return body.posed_keypoints(shape, poses.local_rotations(shape, pose))


def look(seed=0):
    rng = np.random.default_rng(seed)
    return looks.sample_look(rng, body.MEAN_ADULT, 30.0)


def rigid_fit(source, target):
    """``source`` moved and turned onto ``target`` (Kabsch, no scale)."""
    a, b = source - source.mean(0), target - target.mean(0)
    u, _, vt = np.linalg.svd(a.T @ b)
    turn = vt.T @ np.diag([1, 1, np.linalg.det(vt.T @ u.T)]) @ u.T
    return a @ turn.T + target.mean(0)


class TestBody:
    @pytest.mark.parametrize(
        'frame, names',
        {
            'torso': (
                'neck spine_05 spine_04 left_shoulder '
                'right_shoulder left_clavicle right_clavicle '
                'left_latissimus right_latissimus'
            ),
            'lumbar spine': 'spine_03 spine_02 spine_01 hip',
            'pelvis': 'hip left_hip right_hip',
            'neck': 'neck neck_02 neck_03',
        }.items(),
    )
    def test_points_lie_where_the_marker_table_has_them(
        self, adult, frame, names
    ):
        """Within 2 cm of the table scaled to the body, standing; the neck by
        its own length, from C7 to the level of the nose."""
        names = names.split()
        length = 1.0
        if frame == 'neck':
            rest = adult.keypoints[:, 2]
            length = (
                rest[KEYPOINT_IDS['nose']] - rest[KEYPOINT_IDS['neck']]
            ) / (adult.scale * (MARKERS['nose'][1] - MARKERS['neck'][1]))
        wanted = (
            np.array([1, 1, length])
            * adult.scale
            * np.array(
                [(-MARKERS[n][2], -MARKERS[n][0], MARKERS[n][1]) for n in names]
            )
        )
        points = keypoints(adult, poses.standing())
        found = points[[KEYPOINT_IDS[n] for n in names]]
        distance = np.linalg.norm(rigid_fit(wanted, found) - found, axis=1)
        assert distance.max() < 0.02, dict(zip(names, distance.round(4)))

    def test_heights_follow_age_and_sex(self):
        rng = np.random.default_rng(0)
        heights = {}
        for years in (3, 30):
            bodies = [
                body.make_body(body.sample_shape(rng, years, years + 1)[0])
                for _ in range(8)
            ]
            heights[years] = np.mean([np.ptp(b.vertices[:, 2]) for b in bodies])
        assert 0.8 < heights[3] < 1.15
        assert 1.5 < heights[30] < 1.9

    def test_missing_packages_are_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'anny', None)
        body.anatomy.cache_clear()
        try:
            with pytest.raises(ImportError, match='anny: pip install'):
                body.anatomy()
        finally:
            monkeypatch.undo()
            body.anatomy.cache_clear()


class TestPoses:
    @pytest.mark.parametrize('seed', range(4))
    def test_mirrored_pose_gives_mirrored_points(self, adult, seed):
        pose = poses.sample_pose(np.random.default_rng(seed), 'varied')
        points = keypoints(adult, pose)
        mirrored = keypoints(adult, poses.mirror(pose))[list(FLIP_INDICES)]
        # The mesh itself is symmetric to a millimetre or two.
        difference = np.abs(mirrored * [-1, 1, 1] - points)
        assert difference.max() < 0.01

    @pytest.mark.parametrize('seed', range(6))
    def test_limbs_keep_their_length(self, adult, seed):
        rest = keypoints(adult, poses.standing())
        pose = poses.sample_pose(np.random.default_rng(seed), 'varied')
        points = keypoints(adult, pose)
        limbs = [
            (KEYPOINT_IDS[a], KEYPOINT_IDS[b])
            for a, b in BONES
            if {a.partition('_')[2], b.partition('_')[2]}
            <= {'shoulder', 'elbow', 'wrist', 'knee', 'ankle'}
            and a.partition('_')[0] == b.partition('_')[0]
        ]
        assert len(limbs) >= 6
        for a, b in limbs:
            length = np.linalg.norm(rest[a] - rest[b])
            assert np.linalg.norm(points[a] - points[b]) == pytest.approx(
                length, abs=2e-4
            )

    @pytest.mark.parametrize('region', poses.SPINE_LIMITS)
    @pytest.mark.parametrize('axis', range(3))
    def test_spine_angles_are_the_sum_over_their_levels(
        self, adult, region, axis
    ):
        pose = poses.standing()
        pose[region][axis] = 20.0
        local = poses.local_rotations(adult, pose)
        total = labels.spine_angles(local).sum(0)
        assert total == pytest.approx(np.eye(3)[axis] * 20, abs=1e-6)

    def test_known_angles(self, adult):
        """A right angle at the elbow and at the knee, a thigh that is level."""
        pose = poses.standing()
        pose.update(
            elbow_flexion=np.array([90.0, 0]),
            knee_flexion=np.array([0, 90.0]),
            hip_flexion=np.array([0, 90.0]),
        )
        points = keypoints(adult, pose)
        at = {name: points[i] for name, i in KEYPOINT_IDS.items()}

        def angle(a, b, c):
            u, v = at[a] - at[b], at[c] - at[b]
            cosine = u @ v / np.linalg.norm(u) / np.linalg.norm(v)
            return np.degrees(np.arccos(cosine))

        assert angle(
            'left_shoulder', 'left_elbow', 'left_wrist'
        ) == pytest.approx(90, abs=0.1)
        thigh = at['right_knee'] - at['right_ankle']
        assert abs(thigh[1]) < 0.03 * np.linalg.norm(thigh)
        assert at['right_knee'][1] < at['right_ankle'][1] + 0.02  # -y: ahead
        bent = at['left_wrist'] - at['left_elbow']
        assert bent[1] < -0.9 * np.linalg.norm(bent)

    def test_limits(self):
        rng = np.random.default_rng(0)
        for kind in ('everyday', 'yoga', 'varied') * 5:
            pose = poses.sample_pose(rng, kind)
            for name, (low, high) in poses.LIMITS.items():
                assert np.all(low <= pose[name]), name
                assert np.all(pose[name] <= high), name


class TestSpineInside:
    @pytest.mark.parametrize(
        'pose',
        ['stand', 'forward fold', 'backbend', 'side bend', 'cat', 'swing'],
    )
    def test_every_spine_point_lies_within_the_skin(self, adult, pose):
        """From six sides there is skin before it and behind it."""
        person = scene.make_person(adult, poses.key_pose(pose), look(), (0, 0))
        bones = body.chain(adult.heads, person.local)
        moves = body.blend(body.anatomy().skinning, bones)
        vertices = body.move(adult.vertices, moves)
        place = person.keypoints - body.posed_keypoints(adult, person.local)
        vertices = vertices + place[0]
        for azimuth in range(0, 360, 60):
            camera = scene.look_at(vertices, (300, 300), azimuth, 5)
            points = camera.project(person.keypoints[SPINE])
            pixels = scene.transform(camera.matrix(), vertices)
            whole = np.ones(len(pixels), np.float32)
            faces = body.anatomy().faces
            near, _ = render.raster(
                pixels.astype(np.float32), faces, whole, 300, 300
            )
            x, y = points[:, :2].round().astype(int).T
            assert (near[y, x] * points[:, 2] > 1).all(), azimuth


class TestRender:
    @pytest.mark.parametrize('ahead', [0.0, 5.0], ids=['whole', 'crossing'])
    def test_depth_in_perspective(self, ahead):
        """A slanted triangle against the plane's own equation; one that
        begins behind the camera too."""
        camera = scene.Camera(np.eye(3), np.zeros(3), 100.0, (60, 50))
        corners = np.array([[-1, -1, 4.0], [1.5, -0.8, 6.0], [0, 1.2, 5.0]])
        corners[0, 2] -= ahead
        near, index = render.raster(
            scene.transform(camera.matrix(), corners).astype(np.float32),
            np.array([[0, 1, 2]], np.int32),
            np.ones(3, np.float32),
            60,
            50,
        )
        rows, columns = np.indices(index.shape).reshape(2, -1)
        rays = np.stack([columns, rows], 1) - camera.intrinsics()[:2, 2]
        rays = np.c_[rays / 100.0, np.ones(len(rays))]
        # A ray's multiple is a mixture of the corners: solved for each.
        shares = np.linalg.solve(corners.T, rays.T).T
        clear = (abs(shares) > 1e-5).all(1)  # not on an edge
        inside = (shares > 0).all(1) & clear
        assert inside.sum() > 200 and clear.sum() > 2990
        np.testing.assert_array_equal(index.ravel()[clear] == 0, inside[clear])
        exact = shares[inside].sum(1)
        assert near.ravel()[inside] == pytest.approx(exact, rel=1e-5)

    def test_the_nearer_wins_and_a_cut_ends_it(self):
        points = np.array(
            [[0, 0, 2], [20, 0, 2], [0, 20, 2], [0, 0, 1], [20, 0, 1],
             [0, 20, 1]], np.float32
        )  # fmt: skip
        points[:, :2] *= points[:, 2:]
        faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
        cut = np.array([1, 1, 1, 1, -1, 1], np.float32)
        _, index = render.raster(points, faces, cut, 20, 20)
        assert index[2, 2] == 1  # the nearer one
        assert index[1, 15] == 0  # cut away there
        assert index[19, 19] == -1

    def test_trimmed_triangles_keep_their_vertices(self):
        """What is cut off entirely goes, and the vertices of nothing else."""
        faces = np.array([[4, 0, 1], [0, 1, 2], [1, 2, 3]], np.int32)
        cut = np.array([-1, -1, -1, 1, -1], np.float32)
        kept, used, corners = render.trim(faces, cut)
        assert kept.tolist() == [2]
        assert used[corners].tolist() == faces[kept].tolist()
        assert sorted(used) == [1, 2, 3]

    def test_tiles_of_a_box(self):
        """Looked up by metres along each side, not by a constant height."""
        kind = render.material([1] * 3, [0] * 3, 'tiles')
        block = scene.box([0, 0, 0], (4, 4, 4), kind)
        texture = block.texture.reshape(6, 2, 2, 3)
        assert (texture[..., 1] == 0).all()
        for side in texture:
            assert np.ptp(side[..., 0]) * np.ptp(side[..., 2]) == 16

    @pytest.mark.parametrize(
        'index, depth, wanted',
        [
            ([[0, 0], [0, 0]], [[1, 1], [1, 1]], 1.0),
            ([[0, 1], [0, 1]], [[1, 2], [1, 2]], 0.5),
            # Two surfaces of one mesh, and a sample that is near to both.
            ([[0, 0], [0, 0]], [[1, 1.05], [1.02, 1]], 1.0),
            ([[0, -1], [-1, -1]], [[1, 9], [9, 9]], 0.25 + 0.75 * 3),
        ],
    )
    def test_a_pixel_takes_each_surface_by_its_samples(
        self, index, depth, wanted
    ):
        """Half of the samples show a white surface, a black one or nothing."""
        corners = np.array([[-9, -9, 0], [9, -9, 0], [0, 18, 0]], float)
        meshes = [
            render.Mesh(
                corners + [0, 0, z], np.array([[0, 1, 2]]),
                render.material([c] * 3, gloss=0), corners, owner=1,
            )
            for z, c in zip((0, 1), (1, 0))
        ]  # fmt: skip
        mesh = render.join(meshes)
        up, one, zero = (np.float32(np.eye(3)[2]), np.float32([1] * 3),
                         np.float32([0] * 3))  # fmt: skip
        rows = tuple(tuple(row) for row in np.eye(3, 4, dtype=np.float32))
        light = render.Light(
            *map(tuple, (up, zero, one, one, 50 * up)), rows,
            np.ones((2, 2), np.float32), render.noise_volume(),
        )  # fmt: skip
        image = np.full((1, 1, 3), 3, np.float32)
        points = np.float32([1, 1, -20]) * (mesh.surface[:, :3] - 50 * up)
        points = points / 20
        render._shade(
            np.array(index, np.int32), 1 / np.array(depth, np.float32), 1,
            points, mesh, light, np.zeros((1, 1), bool), image,
        )  # fmt: skip
        assert image == pytest.approx(np.full((1, 1, 3), wanted), abs=0.01)

    def test_noise_is_smooth_and_within_bounds(self):
        steps = np.zeros((2000, 3))
        steps[:, 0] = np.linspace(-9, 9, 2000)
        values = render.noise(render.noise_volume(), steps)
        assert values.min() >= 0 and values.max() <= 1
        assert np.ptp(values) > 0.3
        assert np.abs(np.diff(values)).max() < 0.06

    def test_the_shadow_map_outlives_the_drawing(self, adult):
        """An image of as many samples does not take its place."""
        person = scene.make_person(adult, poses.standing(), look(3), (0, 0))
        side = scene.SHADOW // render.SAMPLES
        camera = scene.look_at(person.meshes[0].vertices, (side, side), 0, 3)
        rng = np.random.default_rng(0)
        place = scene.Scene([person], [], scene._sample_light(rng, True))
        parts = render.join(person.meshes)
        light = scene._light(place, camera, parts, len(parts.faces))
        before = light.shadow.copy()
        scene.draw(place, camera, rng)
        np.testing.assert_array_equal(light.shadow, before)


class TestLabels:
    @pytest.fixture(scope='class')
    def stage(self, adult):
        person = scene.make_person(adult, poses.standing(), look(3), (0, 0))
        camera = scene.look_at(person.meshes[0].vertices, (240, 320), 0, 3)
        light = scene._sample_light(np.random.default_rng(0), True)
        return person, camera, light

    def shot(self, stage, people, objects=()):
        _, camera, light = stage
        floor = scene.box(
            [0, 0, -0.1], (10, 10, 0.1), render.material([0.5] * 3)
        )
        place = scene.Scene(people, [floor, *objects], light)
        return scene.draw(place, camera, np.random.default_rng(0))

    def flags(self, stage, people, objects=(), owner=1):
        _, _, seen = self.shot(stage, people, objects)
        points = stage[1].project(people[owner - 1].keypoints)
        return labels.visibility(points, owner, seen)

    def test_front_view(self, stage):
        flags = self.flags(stage, [stage[0]])
        assert (flags[SPINE] == 2).all()
        assert flags[KEYPOINT_IDS['nose']] == 2

    def test_from_behind_the_face_is_hidden(self, stage, adult):
        pose = poses.standing() | dict(root=np.array([0, 0, 180.0]))
        person = scene.make_person(adult, pose, look(3), (0, 0))
        flags = self.flags(stage, [person])
        for name in ('nose', 'left_eye', 'right_eye'):
            assert flags[KEYPOINT_IDS[name]] == 1
        assert (flags[SPINE] == 2).all()

    def test_an_object_before_it_hides_what_lies_behind(self, stage):
        kind = render.material([0.2] * 3)
        block = scene.box([0, -0.8, 0], (2, 0.1, 0.8), kind)
        flags = self.flags(stage, [stage[0]], [block])
        points = stage[1].project(stage[0].keypoints)
        top = stage[1].project(np.array([[0, -0.85, 0.8]]))[0, 1]
        below = points[:, 1] > top + 2
        assert below.any() and (flags[below] == 1).all()
        assert (flags[points[:, 1] < top - 2] == 2).any()

    def test_another_person_before_it(self, stage, adult):
        front = scene.make_person(
            adult, poses.standing(), look(4), (0, -0.6), 2
        )
        flags = self.flags(stage, [stage[0], front])
        assert (flags[SPINE] == 1).all()
        assert (self.flags(stage, [stage[0], front], owner=2)[SPINE] == 2).all()

    def test_outside_the_image(self, stage):
        person, camera, _ = stage
        moved = scene.Camera(
            camera.rotation, camera.position + [5, 0, 0], camera.focal,
            camera.size,
        )  # fmt: skip
        flags = self.flags((person, moved, stage[2]), [person])
        assert (flags == 0).all()

    def test_box_and_area(self, stage):
        _, _, seen = self.shot(stage, [stage[0]])
        found = labels.annotate(stage[0], 1, stage[1], seen)
        owner = seen.mesh.owner[seen.mesh.mesh[seen.index]]
        owner[seen.index < 0] = 0
        rows, columns = np.nonzero(owner == 1)
        x, y = np.array([columns.min(), rows.min()]) / render.SAMPLES
        assert found['bbox'][:2] == pytest.approx([x, y], abs=1.5)
        assert found['area'] == np.count_nonzero(owner[::2, ::2])
        assert found['area'] == pytest.approx(len(rows) / 4, rel=0.02)


BVH = """HIERARCHY
ROOT Hips
{{
 OFFSET 0 0 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
 JOINT Spine
 {{
  OFFSET 0 10 0
  CHANNELS 3 Zrotation Xrotation Yrotation
  {arms}
 }}
 {legs}
}}
MOTION
Frames: 2
Frame Time: 0.04
{rows}
"""


def bvh_text(knee=0.0, rows=None):
    def joint(name, offset, inner=''):
        return (
            f'JOINT {name}\n{{\nOFFSET {offset}\n'
            f'CHANNELS 3 Zrotation Xrotation Yrotation\n{inner}\n'
            'End Site\n{\nOFFSET 0 -1 0\n}\n}\n'
        )

    arms = legs = ''
    for side, x in (('Left', 1), ('Right', -1)):
        hand = joint(f'{side}ForeArm', f'{20 * x} 0 0')
        arms += joint(f'{side}Arm', f'{15 * x} 30 0', hand)
        shin = joint(f'{side}Leg', '0 -40 0')
        legs += joint(f'{side}UpLeg', f'{10 * x} 0 0', shin)
    values = [0.0] * (6 + 3 + 4 * 3 + 4 * 3)
    values[1] = 90.0
    values[-5] = knee  # Xrotation of the right leg... last joint but End
    values[-2] = knee
    line = ' '.join(map(str, values))
    return BVH.format(arms=arms, legs=legs, rows=rows or f'{line}\n{line}')


class TestMotion:
    def write(self, tmp_path, text):
        path = tmp_path / 'a.bvh'
        path.write_text(text)
        return str(path)

    def test_a_knee_bent_by_the_file(self, tmp_path, adult):
        recording = motion.Bvh(self.write(tmp_path, bvh_text(60.0)))
        local, gone = recording.local(adult, 0.0)
        points = body.posed_keypoints(adult, local)
        hip, knee, ankle = (
            points[KEYPOINT_IDS[f'right_{n}']] for n in ('hip', 'knee', 'ankle')
        )
        root = body.chain(adult.heads, local)[0]
        hip = (
            root[:, :3] @ adult.heads[body.anatomy().bone['upperleg01.R']]
            + root[:, 3]
        )
        u, v = hip - knee, ankle - knee
        angle = np.degrees(
            np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
        )
        assert angle == pytest.approx(120, abs=0.5)
        assert gone == pytest.approx([0, 0])
        # Arms of a T-pose point sideways.
        arm = (
            points[KEYPOINT_IDS['left_elbow']]
            - points[KEYPOINT_IDS['left_shoulder']]
        )
        assert arm[0] > 0.99 * np.linalg.norm(arm)

    @pytest.mark.parametrize(
        'change, words',
        {
            'empty': (lambda t: '', 'HIERARCHY'),
            'not one': (lambda t: 'abc def', 'HIERARCHY'),
            'cut off': (lambda t: t[:400], 'not a readable BVH'),
            'no numbers': (
                lambda t: t.replace('90.0', 'x'), 'not a readable BVH'
            ),
            'too few': (
                lambda t: t[: t.rindex('0.0 0.0')], 'not a readable BVH'
            ),
            'not finite': (lambda t: t.replace('90.0', 'nan'), 'not finite'),
            'no legs': (lambda t: t.replace('UpLeg', 'Wing'), 'no joint for'),
        }.items(),
    )  # fmt: skip
    def test_malformed(self, tmp_path, change, words):
        with pytest.raises(ValueError, match=words[1]) as error:
            motion.Bvh(self.write(tmp_path, words[0](bvh_text())))
        assert 'a.bvh' in str(error.value)

    def test_limbs_without_end_sites(self, tmp_path, adult):
        """Where a limb ends is not told then: it turns as its joint does."""
        text = bvh_text().replace('End Site\n{\nOFFSET 0 -1 0\n}\n', '')
        recording = motion.Bvh(self.write(tmp_path, text))
        local, _ = recording.local(adult, 0.0)
        assert np.isfinite(local).all()

    def test_gait_alternates(self):
        style = dict(lean=0, arms=1, spine=0)
        first, second = (motion.gait(p, 1.0, style) for p in (0.1, 0.6))
        for name in poses.LIMB_LIMITS:
            assert second[name][::-1] == pytest.approx(first[name])


SETTINGS = dict(train=5, val=2, seed=3, size=(128, 96))


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp('set') / 'a'
    writer.write_dataset(str(out), **SETTINGS)
    return out


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob('*'))
        if path.is_file()
    }


class TestWriter:
    def test_layout(self, written):
        counts = writer.split_counts(5, 2)
        assert sum(counts.values()) == 7
        for split, count in counts.items():
            path = writer.annotation_path(str(written), split)
            with open(path) as file:
                content = json.load(file)
            assert len(content['images']) == count
            for image in content['images']:
                file = written / 'images' / split / image['file_name']
                pixels = cv2.imread(str(file))
                assert pixels.shape == (image['height'], image['width'], 3)
            for person in content['annotations']:
                flags = person['keypoints'][2::3]
                assert person['num_keypoints'] == sum(f > 0 for f in flags)
                x, y, w, h = person['bbox']
                assert x >= 0 and y >= 0 and x + w <= 128 and y + h <= 96

    def test_two_workers_write_the_same_bytes(self, written, tmp_path):
        other = tmp_path / 'b'
        writer.write_dataset(str(other), **SETTINGS, workers=2)
        assert contents(other) == contents(written)

    def test_goes_on_after_an_interruption(
        self, written, tmp_path, monkeypatch
    ):
        out = tmp_path / 'c'

        make = writer._make_scene

        def stop(index, split, **options):
            if split == 'train-unreal':
                raise KeyboardInterrupt
            return make(index, split=split, **options)

        monkeypatch.setattr(writer, '_make_scene', stop)
        with pytest.raises(KeyboardInterrupt):
            writer.write_dataset(str(out), **SETTINGS)
        monkeypatch.undo()
        first = out / 'images' / 'train-real-coco'
        before = {p: p.stat().st_mtime_ns for p in first.iterdir()}
        writer.write_dataset(str(out), **SETTINGS)
        assert contents(out) == contents(written)
        assert {p: p.stat().st_mtime_ns for p in first.iterdir()} == before

    def test_another_set_needs_overwrite(self, tmp_path):
        out = tmp_path / 'd'
        settings = dict(SETTINGS, train=1, val=1)
        writer.write_dataset(str(out), **settings)
        note = out / 'images' / 'val2017' / 'notes.jpg'
        note.write_text('mine')
        other = dict(settings, seed=4)
        with pytest.raises(FileExistsError, match='other settings'):
            writer.write_dataset(str(out), **other)
        assert list(out.rglob('*.npz'))
        writer.write_dataset(
            str(out), **dict(other, train=0, val=0), overwrite=True
        )
        assert note.read_text() == 'mine'
        assert not list(out.rglob('*.npz'))

    def test_foreign_folders_are_refused(self, tmp_path):
        (tmp_path / 'x').write_text('')
        with pytest.raises(FileExistsError, match='did not write'):
            writer.write_dataset(str(tmp_path), **SETTINGS)
        with pytest.raises(NotADirectoryError):
            writer.write_dataset(str(tmp_path / 'x'), **SETTINGS)

    @pytest.mark.parametrize(
        'change, words',
        [
            (dict(train=-1), 'train must be 0 to'),
            (dict(workers=0), 'workers must be 1 to'),
            (dict(size=(32, 32)), '64 to 2048'),
            (dict(frames=0), 'frames must be 1'),
            (dict(cameras=65), 'cameras must be 1 to 63'),
            (dict(backgrounds='.'), 'contains no image'),
            (dict(motion='.'), 'contains no BVH'),
        ],
    )
    def test_settings_out_of_range(self, tmp_path, monkeypatch, change, words):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ValueError, match=words):
            writer.write_dataset('e', **{**SETTINGS, **change})
        assert not Path('e').exists()

    def test_backgrounds(self, tmp_path):
        """The photograph is what one sees above the floor's horizon."""
        green = np.zeros((90, 120, 3), np.uint8)
        green[..., 1] = 250
        cv2.imwrite(str(tmp_path / 'g.png'), green)
        (tmp_path / 'readme.txt').write_text('no image')
        shots = [
            next(
                writer.generate(
                    0, 'val2017', i, (96, 96), backgrounds=str(tmp_path)
                )
            )[2]
            for i in range(6)
        ]
        corners = [shot[2:8, 2:8].reshape(-1, 3).mean(0) for shot in shots]
        assert sum(c[1] > 2 * max(c[0], c[2]) for c in corners) >= 3

    def test_clips_of_several_cameras(self, tmp_path):
        """3D labels agree between cameras, frames and their projections."""
        out = tmp_path / 'f'
        writer.write_dataset(
            str(out), 1, 0, size=(128, 128), frames=3, cameras=2, images=False
        )
        (path,) = (
            p
            for p in (out / 'annotations').glob('*.npz')
            if len(np.load(p)['S'])
        )
        data = np.load(path)
        names = [str(n) for n in data['imgname']]
        assert len(names) == len(set(names)) and len(names) % 6 == 0
        local = (
            np.einsum('nij,nkj->nki', data['R'], data['S_world'])
            + data['t'][:, None]
        )
        assert data['S'][..., :3] == pytest.approx(local, abs=1e-4)
        pixels = np.einsum('nij,nkj->nki', data['K'], data['S'][..., :3])
        pixels = pixels[..., :2] / pixels[..., 2:]
        assert data['part'][..., :2] == pytest.approx(pixels, abs=0.05)
        first = [n.split('.')[1] for n in names]
        world = data['S_world']
        for i, name in enumerate(first):
            if name.startswith('00000000'):
                twin = names.index(names[i].replace('.00000000', '.00000001'))
                assert world[i] == pytest.approx(world[twin])

    def test_mmpose_reads_it(self, written):
        from spinepose_mmpose.datasets.body import SpineTrackDataset

        data = SpineTrackDataset(
            data_root=str(written),
            data_mode='topdown',
            ann_file='annotations/person_keypoints_train-unreal.json',
            data_prefix=dict(img='images/train-unreal/'),
        )
        assert len(data) >= 1
        assert data[0]['keypoints'].shape == (1, 37, 2)


def test_the_tool(tmp_path):
    command = [
        sys.executable, str(ROOT / 'tools/dataset_tools/make_synthetic.py'),
        '--out', str(tmp_path / 'g'), '--size', '64', '64',
    ]  # fmt: skip
    done = subprocess.run(
        [*command, '--train', '1', '--val', '1'],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert 'val2017' in done.stderr and '1/1' in done.stderr
    failed = subprocess.run(
        [*command, '--train', '2', '--val', '1'],
        capture_output=True,
        text=True,
    )
    assert failed.returncode == 1
    assert failed.stderr.startswith('error: ') and 'Traceback' not in (
        failed.stderr
    )
