"""Labels by teachers: asking, merging, resuming, the tool."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose
from spinepose_mmpose.datasets.label_teachers import (
    MMPoseNetwork,
    Teacher,
    ask,
    load_teacher,
)
from spinepose_mmpose.datasets.pseudo_label import (
    LabelSettings,
    find_images,
    label_folder,
    merge,
)
from spinepose_mmpose.inference.backends import create_backend
from spinepose_mmpose.inference.backends.blazepose import (
    NAMES,
    BlazePose,
    decode_landmarks,
)
from spinepose_mmpose.inference.model_files import ModelFiles
from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    NUM_KEYPOINTS,
)

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
TOOL = ROOT / 'tools' / 'dataset_tools' / 'pseudo_label.py'
LEFT, RIGHT = KEYPOINT_IDS['left_wrist'], KEYPOINT_IDS['right_wrist']
NOSE, HIP = KEYPOINT_IDS['nose'], KEYPOINT_IDS['hip']


class Dots:
    """Finds two dots in a box: the one further right is the left wrist, as of
    somebody who faces the camera. Counts the images that it sees."""

    names = ('right_wrist', 'left_wrist')

    def __init__(self, scores=(0.9, 0.8), shift=0.0):
        self.scores, self.shift, self.seen = scores, shift, 0

    def pose(self, images, boxes):
        self.seen += len(images)
        return [
            self._find(image, of_image)
            for image, of_image in zip(images, boxes)
        ]

    def _find(self, image, boxes):
        rows, columns = np.nonzero(image[..., 0] > 128)
        points = np.stack([columns, rows], axis=1)
        people = []
        for x1, y1, x2, y2 in boxes:
            inside = (points >= (x1, y1)) & (points <= (x2, y2))
            found = points[inside.all(axis=1)]
            middle = found[:, 0].mean()
            halves = found[:, 0] < middle, found[:, 0] > middle
            people.append([found[half].mean(axis=0) for half in halves])
        xy = np.float32(people).reshape(-1, 2, 2) + self.shift
        return xy, np.tile(np.float32(self.scores), (len(boxes), 1))


def teacher(network, *names):
    columns = {KEYPOINT_IDS[n]: i for i, n in enumerate(network.names)}
    ids = [KEYPOINT_IDS[n] for n in names] or sorted(columns)
    return Teacher(network, columns, ids, dict(teacher='dots'))


def draw(path, *points, size=(120, 80)):
    """A black image with white dots of 3 x 3 pixels."""
    image = np.zeros((size[1], size[0], 3), np.uint8)
    for x, y in points:
        image[y - 1 : y + 2, x - 1 : x + 2] = 255
    cv2.imwrite(str(path), image)
    return image


@pytest.fixture
def folder(tmp_path):
    """Three images with one person each."""
    images = tmp_path / 'images'
    (images / 'more').mkdir(parents=True)
    for i, name in enumerate(['a.png', 'b.png', 'more/c.png']):
        draw(images / name, (20 + i, 30), (80, 50 + i))
    return images


def whole(image):
    """A detector: one person as large as the image."""
    h, w = image.shape[:2]
    return np.float32([[0, 0, w, h]]), np.ones(1, np.float32)


def points_of(annotation):
    return np.reshape(annotation['keypoints'], (-1, 3))


class TestAsk:
    def test_the_mirrored_image_gives_the_same(self, tmp_path):
        image = draw(tmp_path / 'a.png', (20, 30), (81, 51), (110, 5))
        boxes = [np.float32([[10, 10, 90, 70]])]
        for names in ((), ('left_wrist',)):
            ((points, scores),) = ask(
                [teacher(Dots(), *names)], [image], boxes, True
            )
            assert points.shape == (2, 1, NUM_KEYPOINTS, 2)
            np.testing.assert_allclose(points[0], points[1])
            np.testing.assert_allclose(points[0, 0, LEFT], (81, 51))
            # The mirrored left wrist was found as a right one.
            np.testing.assert_allclose(scores[:, 0, LEFT], (0.8, 0.9))
            assert (scores[:, 0, RIGHT] > 0).all() == (not names)

    def test_everybody_of_several_images(self, tmp_path):
        images = [
            draw(tmp_path / 'a.png', (20, 30), (30, 30), (80, 50), (90, 50)),
            draw(tmp_path / 'b.png'),
        ]
        boxes = [
            np.float32([[10, 10, 50, 70], [60, 10, 110, 70]]),
            np.zeros((0, 4), np.float32),
        ]
        found = ask([teacher(Dots()), teacher(Dots())], images, boxes, False)
        assert [p.shape[:2] for p, _ in found] == [(2, 2), (2, 0)]
        np.testing.assert_allclose(found[0][0][1, :, LEFT, 0], (30, 90))


class TestMerge:
    SETTINGS = LabelSettings(min_score=0.5, max_disagreement=0.1)

    def merge(self, *opinions, area=100.0**2, settings=SETTINGS):
        """Of one point of one person: x, score of each opinion."""
        points = np.zeros((len(opinions), 1, NUM_KEYPOINTS, 2))
        scores = np.zeros(points.shape[:3])
        for i, (x, score) in enumerate(opinions):
            points[i, 0, HIP] = x, 7
            scores[i, 0, HIP] = score
        return merge(points, scores, np.array([area]), settings)

    def test_by_confidence(self):
        found = self.merge((10, 0.6), (16, 0.9))
        np.testing.assert_allclose(found.xy[0, HIP], (13.6, 7))
        assert found.scores[0, HIP] == pytest.approx(0.75)
        assert found.labelled[0, HIP] and not found.disputed.any()
        # OKS's sigma of the hip is 0.07, the area 0.53 of the box.
        similarity = np.exp(-(6**2) / (2 * 0.53 * 100**2 * 0.14**2))
        assert found.quality[0] == pytest.approx(0.75 * similarity)

    def test_one_opinion_and_none(self):
        found = self.merge((10, 0.6))
        assert found.labelled.sum() == 1
        assert found.quality[0] == pytest.approx(0.6)
        assert not self.merge((10, 0)).labelled.any()
        assert self.merge((10, 0)).quality[0] == 0

    def test_disagreement_above_a_share_of_the_size(self):
        near, far = (self.merge((0, 0.9), (x, 0.9)) for x in (9.9, 10.1))
        assert near.labelled[0, HIP] and not near.disputed[0, HIP]
        assert far.disputed[0, HIP] and not far.labelled[0, HIP]
        assert self.merge((0, 0.9), (10.1, 0.9), area=200**2).labelled[0, HIP]

    def test_the_two_furthest_of_three(self):
        assert self.merge((0, 0.9), (6, 0.9), (12, 0.9)).disputed[0, HIP]

    def test_who_is_not_sure_neither_moves_nor_disputes(self):
        found = self.merge((10, 0.8), (50, 0.4))
        np.testing.assert_allclose(found.xy[0, HIP, 0], 10)
        assert found.labelled[0, HIP]

    def test_guesses(self):
        found = self.merge((10, 0.2), (20, 0.3))
        np.testing.assert_allclose(found.xy[0, HIP, 0], 16)
        assert not found.labelled.any()


class TestLabelFolder:
    def test_annotations(self, folder, tmp_path):
        out = tmp_path / 'out.json'
        content, records = label_folder(
            folder, out, [teacher(Dots())], whole, LabelSettings()
        )
        assert content == json.loads(out.read_text())
        assert [i['file_name'] for i in content['images']] == [
            'a.png',
            'b.png',
            'more/c.png',
        ]
        assert content['images'][0]['width'] == 120
        (category,) = content['categories']
        assert category['keypoints'] == list(KEYPOINT_NAMES)
        assert content['info']['settings']['min_score'] == 0.5
        for i, person in enumerate(content['annotations']):
            assert person['id'] == person['image_id'] == i + 1
            assert person['bbox'] == [0, 0, 120, 80]
            assert person['num_keypoints'] == 2
            points = points_of(person)
            np.testing.assert_allclose(points[RIGHT], (20 + i, 30, 2))
            np.testing.assert_allclose(points[LEFT], (80, 50 + i, 2))
            assert not points[NOSE].any()
            assert person['quality'] == pytest.approx(0.85)
            assert person['guesses'] == {} and person['disputed'] == []
        assert not (tmp_path / 'out.json.jsonl').exists()

    def test_the_dataset_loads_it(self, folder, tmp_path):
        from mmpose.registry import DATASETS

        out = tmp_path / 'out.json'
        label_folder(folder, out, [teacher(Dots())], whole, LabelSettings())
        dataset = DATASETS.build(
            dict(
                type='SpineTrackDataset',
                ann_file=str(out),
                data_prefix=dict(img=str(folder)),
            )
        )
        assert len(dataset) == 3

    def test_teachers_share_the_body(self, folder, tmp_path):
        teachers = [
            teacher(Dots(), 'left_wrist'),
            teacher(Dots(shift=4), 'right_wrist'),
        ]
        settings = LabelSettings(flip_test=False)
        content, _ = label_folder(
            folder, tmp_path / 'a.json', teachers, whole, settings
        )
        points = points_of(content['annotations'][0])
        np.testing.assert_allclose(points[LEFT], (80, 50, 2))
        np.testing.assert_allclose(points[RIGHT], (24, 34, 2))

    def test_dispute(self, folder, tmp_path):
        teachers = [teacher(Dots()), teacher(Dots((0.9, 0.9), 20))]
        settings = LabelSettings(flip_test=False)
        content, _ = label_folder(
            folder, tmp_path / 'a.json', teachers, whole, settings
        )
        person = content['annotations'][0]
        assert person['num_keypoints'] == 0
        assert person['disputed'] == ['left_wrist', 'right_wrist']
        assert person['guesses']['right_wrist'] == [30, 40]
        assert person['quality'] < 0.01

    def test_points_outside_of_the_image(self, folder, tmp_path):
        teachers = [teacher(Dots(shift=35))]
        settings = LabelSettings(flip_test=False)
        content, _ = label_folder(
            folder, tmp_path / 'a.json', teachers, whole, settings
        )
        person = content['annotations'][0]
        assert person['num_keypoints'] == 1
        assert person['guesses'] == {'left_wrist': [115, 85]}

    def test_boxes_and_labels(self, folder, tmp_path):
        ann = boxes_file(tmp_path, right_wrist=(22, 30, 1), nose=(50, 5, 2))
        settings = LabelSettings(keep_labels=True)
        content, _ = label_folder(
            folder, tmp_path / 'a.json', [teacher(Dots())], None, settings, ann
        )
        (person,) = content['annotations']
        assert (person['id'], person['image_id']) == (77, 5)
        points = points_of(person)
        np.testing.assert_allclose(points[RIGHT], (22, 30, 1))
        np.testing.assert_allclose(points[LEFT], (80, 50, 2))
        np.testing.assert_allclose(points[NOSE], (50, 5, 2))
        expected = np.exp(-(2**2) / (2 * 2500 * 0.124**2))
        assert person['agreement'] == pytest.approx(expected, abs=1e-4)
        # The teacher is elsewhere: only what was labelled stays.
        far = boxes_file(tmp_path, right_wrist=(70, 30, 1))
        content, _ = label_folder(
            folder, tmp_path / 'b.json', [teacher(Dots())], None, settings, far
        )
        (person,) = content['annotations']
        assert person['num_keypoints'] == 1
        assert list(person['guesses']) == ['left_wrist']

    def test_goes_on_where_it_stopped(self, folder, tmp_path):
        out, dots = tmp_path / 'out.json', Dots()
        settings = LabelSettings(flip_test=False)
        whole_run, _ = label_folder(
            folder, out, [teacher(dots)], whole, settings, batch=1
        )
        assert dots.seen == 3

        def stops(image):
            if dots.seen == 5:
                raise KeyboardInterrupt
            return whole(image)

        run = folder, out, [teacher(dots)]
        with pytest.raises(KeyboardInterrupt):
            label_folder(*run, stops, settings, batch=1)
        record = tmp_path / 'out.json.jsonl'
        assert record.read_text().count('\n') == 3
        with open(record, 'a') as file:
            file.write('{"image": {"file_n')  # as a kill leaves it
        with pytest.raises(ValueError, match='out.json.jsonl is the record'):
            label_folder(*run, whole, LabelSettings(min_score=0.1))
        again, _ = label_folder(*run, whole, settings, batch=1)
        assert dots.seen == 6
        assert again == whole_run

    def test_unreadable_images_are_tried_again(self, folder, tmp_path):
        out, dots = tmp_path / 'out.json', Dots()
        draw(folder / 'b.png', (21, 30), (80, 51))
        good = (folder / 'b.png').read_bytes()
        (folder / 'b.png').write_bytes(b'no image')

        def stops(image):
            if dots.seen:
                raise KeyboardInterrupt
            return whole(image)

        run = folder, out, [teacher(dots)]
        settings = LabelSettings(flip_test=False)
        with pytest.raises(KeyboardInterrupt):
            label_folder(*run, stops, settings, batch=1)
        (folder / 'b.png').write_bytes(good)
        content, _ = label_folder(*run, whole, settings, batch=1)
        assert len(content['images']) == len(content['annotations']) == 3
        assert dots.seen == 3

    def test_unreadable_images_are_named(self, folder, tmp_path):
        (folder / 'b.png').write_bytes(b'no image')
        content, records = label_folder(
            folder, tmp_path / 'a.json', [teacher(Dots())], whole,
            LabelSettings(),
        )  # fmt: skip
        assert len(content['images']) == len(content['annotations']) == 2
        (error,) = [r['error'] for r in records if 'error' in r]
        assert 'b.png is not a usable image' in error
        (record,) = [r for r in records if 'error' in r]
        assert record['annotations'] == []
        for name in ('a.png', 'more/c.png'):
            (folder / name).write_bytes(b'')
        with pytest.raises(ValueError, match='none of 3 images can be read'):
            label_folder(
                folder, tmp_path / 'b.json', [teacher(Dots())], whole,
                LabelSettings(),
            )  # fmt: skip


def boxes_file(tmp_path, **labels):
    keypoints = np.zeros((NUM_KEYPOINTS, 3))
    for name, point in labels.items():
        keypoints[KEYPOINT_IDS[name]] = point
    content = dict(
        images=[dict(id=5, file_name='a.png', width=120, height=80)],
        annotations=[
            dict(
                id=77,
                image_id=5,
                bbox=[5, 5, 100, 60],
                area=2500,
                keypoints=keypoints.ravel().tolist(),
            )
        ],
    )
    path = tmp_path / 'boxes.json'
    path.write_text(json.dumps(content))
    return path


class TestWrongInput:
    def test_no_images(self, tmp_path):
        with pytest.raises(ValueError, match='contains no images'):
            find_images(tmp_path)
        with pytest.raises(FileNotFoundError, match='no such folder'):
            find_images(tmp_path / 'nowhere')

    def test_another_skeleton(self, folder, tmp_path):
        path = boxes_file(tmp_path)
        content = json.loads(path.read_text())
        content['categories'] = [dict(id=1, keypoints=['paw', 'tail'])]
        path.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=r'2 keypoints \(paw to tail\)'):
            find_images(folder, path)
        content['categories'] = [dict(id=1, keypoints=[])]
        path.write_text(json.dumps(content))
        assert len(find_images(folder, path)[0]) == 1

    @pytest.mark.parametrize(
        'changes, message',
        [
            (dict(bbox=[1, 2, 0, 4]), 'annotation 77 .*: its box'),
            (dict(image_id=...), "annotation 77 has no 'image_id'"),
            (dict(keypoints=[1] * 51), 'has 17 keypoints, expected 37'),
        ],
    )
    def test_boxes(self, folder, tmp_path, changes, message):
        path = boxes_file(tmp_path)
        content = json.loads(path.read_text())
        person = {**content['annotations'][0], **changes}
        content['annotations'] = [
            {k: v for k, v in person.items() if v is not ...}
        ]
        path.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=message):
            find_images(folder, path)


class TestTeachers:
    @pytest.fixture
    def network(self, monkeypatch):
        """Any name is a network with keypoints that the test sets."""

        def build(model, device, threads, detector):
            return SimpleNamespace(
                names=build.names, files=SimpleNamespace(path=Path(model))
            )

        monkeypatch.setattr(
            'spinepose_mmpose.datasets.label_teachers.SpinePoseEstimator',
            build,
        )
        build.names = KEYPOINT_NAMES
        return build

    def test_names(self, network, tmp_path):
        file = tmp_path / 'a.onnx'
        file.write_bytes(b'abc')
        assert load_teacher(str(file)).ids == list(range(NUM_KEYPOINTS))
        assert load_teacher(f'{file}:body').ids == list(range(17))
        found = load_teacher(f'{file}:nose,feet')
        assert found.ids == [0, *range(20, 26)]
        assert found.source['sha256'].startswith('ba7816bf')
        assert len(load_teacher(f'{file}:limbs').ids) == 12

    def test_halpes_neck_and_hip_are_other_points(self, network):
        network.names = KEYPOINT_NAMES[:26]
        ids = load_teacher('halpe').ids
        assert len(ids) == 24
        assert not {KEYPOINT_IDS['neck'], HIP} & set(ids)

    def test_wrong_names(self, network, tmp_path):
        file = tmp_path / 'a.onnx'
        file.touch()
        with pytest.raises(ValueError, match="'back' in .* is not a keypoint"):
            load_teacher(f'{file}:back')

    def test_a_foreign_skeleton(self, network):
        network.names = ('paw', 'tail')
        with pytest.raises(ValueError, match='none of the keypoints .*paw'):
            load_teacher('dog')
        network.names = KEYPOINT_NAMES[:17]
        with pytest.raises(ValueError, match='none of the keypoints'):
            load_teacher('coco:spine')

    def test_any_model_of_mmpose(self, tmp_path):
        """A heatmap model gives what MMPose itself gives."""
        import torch
        from mmpose.apis import inference_topdown, init_model

        config = tmp_path / 'heatmap.py'
        config.write_text(HEATMAP)
        torch.manual_seed(0)
        model = init_model(str(config), None, device='cpu')
        checkpoint = tmp_path / 'heatmap.pth'
        torch.save({'state_dict': model.state_dict(), 'meta': {}}, checkpoint)
        found = load_teacher(f'{config},{checkpoint}:body', 'cpu')
        assert isinstance(found.network, MMPoseNetwork)
        assert found.ids == list(range(17))
        image = draw(tmp_path / 'a.png', (20, 30), (81, 51))
        boxes = np.float32([[5, 5, 60, 70], [40, 10, 120, 80]])
        first, second = found.network.pose([image] * 2, [boxes, boxes[:0]])
        expected = inference_topdown(model, image, boxes)
        for i, sample in enumerate(expected):
            person = sample.pred_instances
            np.testing.assert_allclose(first[0][i], person.keypoints[0])
            np.testing.assert_allclose(first[1][i], person.keypoint_scores[0])
        assert second[0].shape == (0, 17, 2)
        found.network.names = found.network.names[:16]
        with pytest.raises(ValueError, match='17 keypoints, .* names 16'):
            found.network.pose([image], [boxes])


HEATMAP = """
codec = dict(
    type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1)
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor'),
    backbone=dict(type='MobileNetV2', widen_factor=0.1, out_indices=(2, )),
    head=dict(
        type='HeatmapHead', in_channels=8, out_channels=17,
        deconv_out_channels=(8, ), deconv_kernel_sizes=(4, ), decoder=codec),
    test_cfg=dict(flip_test=False))
test_dataloader = dict(dataset=dict(
    type='CocoDataset',
    metainfo=dict(from_file='configs/_base_/datasets/coco.py'),
    pipeline=[
        dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
        dict(type='TopdownAffine', input_size=codec['input_size']),
        dict(type='PackPoseInputs')]))
"""


class FakeSession:
    """What OpenVINO makes of a pose_landmark file: the brightness of each
    crop is the x of every landmark."""

    source, device = 'pose_landmark_tiny.tflite', 'cpu'
    input_shape = [1, 64, 64, 3]
    outputs = {'b': [1, 117], 'a': [1, 195]}

    def run(self, array):
        assert array.shape == (1, 64, 64, 3) and array.max() <= 1
        self.pixel = array[0, 0, 0]
        return {'a': landmarks(array[0, 0, 0, 0] * 100), 'b': None}


def landmarks(x):
    """(1, 195): landmark i at (x, i); visibility i - 16, presence 2."""
    rows = [(x, i, 0, i - 16, 2) for i in range(39)]
    return np.float32(rows).reshape(1, -1)


class TestBlazePose:
    def test_decoding(self):
        xy, scores = decode_landmarks(
            np.concatenate([landmarks(3), landmarks(4)])
        )
        assert xy.shape == (2, 21, 2) and scores.shape == (2, 21)
        places = dict(zip(NAMES, xy[1]))
        for name, landmark in (
            ('nose', 0),
            ('left_eye', 2),
            ('right_shoulder', 12),
            ('left_heel', 29),
            ('right_big_toe', 32),
        ):
            np.testing.assert_allclose(places[name], (4, landmark))
        found = dict(zip(NAMES, scores[0]))
        # The smaller of both logits counts.
        assert found['nose'] == pytest.approx(1 / (1 + np.exp(16)), rel=1e-4)
        assert found['right_heel'] == pytest.approx(1 / (1 + np.exp(-2)))

    def test_run(self):
        backend = BlazePose(FakeSession())
        assert backend.spec.input_size == (64, 64)
        assert backend.spec.padding == 1.3
        crops = np.zeros((2, 64, 64, 3), np.uint8)
        crops[1] = 0, 0, 51  # BGR: red
        xy, _ = backend.run(crops)
        np.testing.assert_allclose(xy[:, 5, 0], (0, 20), atol=1e-4)

    def test_estimator(self, monkeypatch, tmp_path):
        """Landmarks of a person in pixels of the image: the region is a
        square of 1.3 times the longer side."""
        monkeypatch.setattr(
            'spinepose_mmpose.inference.backends.blazepose.OpenVinoSession',
            lambda *_, **__: FakeSession(),
        )
        file = tmp_path / 'pose_landmark_tiny.tflite'
        file.touch()
        found = load_teacher(str(file))
        assert len(found.ids) == 21
        image = np.zeros((200, 300, 3), np.uint8)
        ((xy, _),) = found.network.pose(
            [image], [np.float32([[100, 50, 150, 150]])]
        )
        corner = np.array([125, 100]) - 65
        scale = 130 / 64  # landmark i lies at 0, i
        np.testing.assert_allclose(xy[0, 0], corner, atol=1e-3)
        heel = list(NAMES).index('right_heel')
        np.testing.assert_allclose(
            xy[0, heel], corner + [0, 30 * scale], atol=1e-3
        )

    def test_every_name_has_its_other_side(self):
        spec = BlazePose(FakeSession()).spec
        assert set(NAMES) < set(KEYPOINT_NAMES)
        for name, other in zip(spec.names, spec.flip_indices):
            swapped = name.replace('left', '#').replace('right', 'left')
            assert spec.names[other] == swapped.replace('#', 'right')

    def test_another_network(self):
        session = FakeSession()
        session.outputs = {'a': [1, 100]}
        with pytest.raises(ValueError, match='pose_landmark_lite'):
            BlazePose(session)

    def test_no_openvino(self, monkeypatch):
        monkeypatch.setitem(sys.modules, 'openvino', None)
        with pytest.raises(ValueError, match='pip install openvino'):
            create_backend(ModelFiles('blazepose', Path('a.tflite')))


class TestTool:
    @pytest.fixture
    def command(self, monkeypatch, capsys):
        def load(text, *_):
            return teacher(Dots(), *text.split(':')[1:])

        monkeypatch.setattr(
            'spinepose_mmpose.datasets.label_teachers.load_teacher', load
        )
        monkeypatch.setattr(
            'spinepose_mmpose.inference.detectors.create_detector',
            lambda *_: whole,
        )

        def call(*arguments):
            monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
            with pytest.raises(SystemExit) as end:
                runpy.run_path(str(TOOL), run_name='__main__')
            return end.value.code, capsys.readouterr()

        return call

    def test_labels_a_folder(self, command, folder, tmp_path):
        out = tmp_path / 'out.json'
        arguments = folder, '--out', out, '--teacher', 'dots'
        code, printed = command(*arguments)
        assert code == 0
        assert (
            '3 images, 3 people, 6 labelled points, 0 disputed' in printed.out
        )
        assert 'exists; give --overwrite' in command(*arguments)[0]
        (folder / 'b.png').write_bytes(b'no image')
        code, printed = command(*arguments, '--overwrite')
        assert code == 1
        assert '1 images could not be read' in printed.out
        assert 'b.png: ' in printed.err

    def test_agreement(self, command, folder, tmp_path):
        boxes = boxes_file(tmp_path, left_wrist=(80, 50, 2))
        code, printed = command(
            folder, '--out', tmp_path / 'a.json', '--teacher', 'dots',
            '--boxes', boxes,
        )  # fmt: skip
        assert code == 0
        assert 'labels that were there: 1.000 (1 person)' in printed.out

    @pytest.mark.parametrize(
        'options, message',
        [
            (['--min-score', '2'], '--min-score is from 0 to 1'),
            (['--batch', '0'], 'above 0'),
            (['--keep-labels'], '--keep-labels belongs to --boxes'),
        ],
    )
    def test_wrong_options(self, command, folder, options, message):
        code, _ = command(
            folder, '--out', 'x.json', '--teacher', 'dots', *options
        )
        assert message in code
