"""Correction by people: what is doubtful, both tools' files, merging."""

import json
import re
import runpy
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose
from spinepose_mmpose.datasets.annotation_formats import (
    FoundPerson,
    cvat_labels,
    from_cvat,
    from_label_studio,
    label_studio_config,
    to_cvat,
    to_label_studio,
)
from spinepose_mmpose.datasets.annotation_tools import (
    apply_corrections,
    correct,
    match_people,
    merge_corrections,
    rank_images,
)
from spinepose_mmpose.datasets.convert import (
    points_with_guesses,
    select_images,
    spinetrack_file,
)
from spinepose_mmpose.metainfo import (
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    SKELETON,
    SPINE_CHAIN,
)

import numpy as np
import pytest

TOOL = Path(__file__).parents[2] / 'tools/dataset_tools/annotation_tasks.py'
NOSE, HEEL = KEYPOINT_IDS['nose'], KEYPOINT_IDS['left_heel']
W, H = 320, 240


def person(number, image, x=0.0, **changes):
    """Somebody whose spine is straight; 11 labelled points, of which the nose
    is occluded, and a guess for the left heel."""
    points = np.zeros((37, 3))
    for name, y in zip(
        SPINE_CHAIN, (20, 28, 38, 48, 66.5, 84.6, 98.8, 111, 120)
    ):
        points[KEYPOINT_IDS[name]] = 50 + x, y, 2
    points[NOSE] = 55 + x, 15, 1
    points[KEYPOINT_IDS['left_knee']] = 60.25 + x, 150, 2
    return {
        **dict(
            id=number,
            image_id=image,
            category_id=1,
            iscrowd=0,
            bbox=[30 + x, 10, 50, 200],
            area=5000.0,
            num_keypoints=11,
            keypoints=points.ravel().tolist(),
            quality=0.8,
            guesses={'left_heel': [61.5 + x, 190]},
            disputed=[],
        ),
        **changes,
    }


@pytest.fixture
def base():
    """Three images with two, one and no people."""
    images = [
        dict(id=i, file_name=f'set/{name}.jpg', width=W, height=H)
        for i, name in enumerate('abc', 1)
    ]
    people = [person(10, 1), person(11, 1, 100), person(12, 2)]
    return spinetrack_file(images, people, dict(teacher='t'))


def points_of(annotation):
    return np.reshape(annotation['keypoints'], (-1, 3))


class TestRanking:
    def test_the_most_doubtful_first(self, base):
        first, second, third = base['annotations']
        assert [r.image['id'] for r in rank_images(base)] == [1, 2]
        third['quality'] = 0.7
        (worst, _) = rank_images(base)
        assert worst.image['id'] == 2
        assert worst.badness == pytest.approx(0.3)
        second['disputed'] = ['nose', 'left_eye'] * 9
        (worst, _) = rank_images(base)
        assert worst.badness == pytest.approx(0.2 + 0.5 * 18 / 37)
        assert worst.reasons == ('quality 0.80', '18 disputed')

    def test_an_implausible_spine(self, base):
        points = points_of(base['annotations'][2])
        ids = [KEYPOINT_IDS[n] for n in ('spine_02', 'spine_03')]
        points[ids] = points[ids[::-1]]
        base['annotations'][2]['keypoints'] = points.ravel().tolist()
        (worst, _) = rank_images(base)
        assert worst.image['id'] == 2
        assert 'spine-order' in worst.reasons

    def test_hand_made_labels(self, base):
        for annotation in base['annotations']:
            del annotation['quality'], annotation['disputed']
            del annotation['guesses']
        assert [r.badness for r in rank_images(base)] == [0, 0]

    def test_selection(self, base):
        images = base['images']
        chosen = select_images(base, [images[1], images[0]])
        assert [a['id'] for a in chosen['annotations']] == [12, 10, 11]
        assert chosen['categories'] == base['categories']


class TestCvat:
    def test_the_skeleton(self):
        """As CVAT's raw label editor checks it."""
        (label,) = cvat_labels()
        assert label['type'] == 'skeleton' and label['name'] == 'person'
        names = [s['name'] for s in label['sublabels']]
        assert names == list(KEYPOINT_NAMES)
        for sublabel in label['sublabels']:
            assert sublabel['type'] == 'points'
            assert sublabel['attributes'] == []
            assert re.fullmatch('#[0-9a-f]{6}', sublabel['color'])
        (attribute,) = label['attributes']
        assert attribute['input_type'] == 'text'
        assert attribute['mutable'] is False
        assert attribute['values'] and isinstance(attribute['values'][0], str)

        root = ElementTree.fromstring(f'<svg>{label["svg"]}</svg>')
        circles, lines = root.findall('circle'), root.findall('line')
        assert len(circles) + len(lines) == len(root)
        nodes = {}
        for i, circle in enumerate(circles, 1):
            assert circle.get('data-type') == 'element node'
            assert circle.get('data-node-id') == str(i)
            assert circle.get('data-element-id') == str(i)
            nodes[i] = circle.get('data-label-name')
            for key in ('cx', 'cy'):
                assert 0 <= float(circle.get(key)) <= 100
        assert list(nodes.values()) == names
        places = {(c.get('cx'), c.get('cy')) for c in circles}
        assert len(places) == len(circles)
        ends = 'from', 'to'
        links = [
            tuple(nodes[int(e.get(f'data-node-{end}'))] for end in ends)
            for e in lines
        ]
        assert links == [link for link, _ in SKELETON]
        assert all(e.get('data-type') == 'edge' for e in lines)

    def test_coco_keypoints(self, base):
        """As the format has it, guesses as points that are outside."""
        content = to_cvat(base)
        (category,) = content['categories']
        assert category['keypoints'] == list(KEYPOINT_NAMES)
        assert category['supercategory'] == ''
        assert len(category['skeleton']) == len(SKELETON)
        for image in content['images']:
            assert {'id', 'width', 'height', 'file_name'} <= set(image)
        first = content['annotations'][0]
        assert {
            'id',
            'image_id',
            'category_id',
            'segmentation',
            'area',
            'bbox',
            'iscrowd',
            'num_keypoints',
        } <= set(first)
        assert first['attributes']['spinepose_id'] == '10'
        points = points_of(first)
        assert points[NOSE].tolist() == [55, 15, 1]
        assert points[HEEL].tolist() == [61.5, 190, 0]
        # What is nowhere waits in the person's box.
        eye = points[KEYPOINT_IDS['left_eye']]
        assert eye[2] == 0 and 30 < eye[0] < 80 and 10 < eye[1] < 210

    def write(self, path, base, change=lambda content: None):
        content = to_cvat(base)
        change(content)
        path.write_text(json.dumps(content))
        return path

    def test_round_trip(self, base, tmp_path):
        path = self.write(tmp_path / 'a.json', base)
        archive = tmp_path / 'a.zip'
        with zipfile.ZipFile(archive, 'w') as file:
            file.write(path, 'annotations/person_keypoints_default.json')
        for source in (path, archive):
            found = from_cvat(source, base)
            assert [len(v) for v in found.values()] == [2, 1, 0]
            after, counts = apply_corrections(base, found, 'me')
            assert after['annotations'] == base['annotations']
            assert counts == dict(
                images=3, people=0, keypoints=0, added=0, removed=0
            )

    def test_as_cvat_gives_it(self, base, tmp_path):
        """New ids, another order of points, the last part of names."""

        def change(content):
            content['categories'][0]['keypoints'].reverse()
            for image in content['images']:
                image['id'] += 50
                image['file_name'] = Path(image['file_name']).name
            for annotation in content['annotations']:
                points = points_of(annotation)
                if annotation['id'] == 11:
                    points[NOSE] = 160, 15, 2
                    points[HEEL, 2] = 2
                annotation['keypoints'] = points[::-1].ravel().tolist()
                annotation['id'] += 70
                annotation['image_id'] += 50

        path = self.write(tmp_path / 'a.json', base, change)
        after, counts = apply_corrections(base, from_cvat(path, base), 'me')
        assert counts['people'] == 1 and counts['keypoints'] == 2
        first, second, third = after['annotations']
        assert first == base['annotations'][0]
        assert third == base['annotations'][2]
        assert points_of(second)[NOSE].tolist() == [160, 15, 2]
        assert points_of(second)[HEEL].tolist() == [161.5, 190, 2]
        assert second['changed_by'] == ['me']
        assert second['changed_keypoints'] == dict(nose='me', left_heel='me')
        assert second['guesses'] == {}
        assert second['num_keypoints'] == 12

    @pytest.mark.parametrize(
        'change, message',
        [
            (
                lambda c: c['categories'][0]['keypoints'].remove('nose'),
                '36 keypoints, without nose',
            ),
            (
                lambda c: c['categories'][0].update(keypoints=['a', 'b']),
                "2 keypoints, without nose.*SpineTrack's 37 expected",
            ),
            (
                lambda c: c['annotations'][0]['keypoints'].pop(),
                'annotation 10 has 36.6667 keypoints, 37 expected',
            ),
            (
                lambda c: c['images'][0].update(file_name='new.jpg'),
                "'new.jpg', of which .* have none",
            ),
            (lambda c: c.pop('images'), 'not a COCO Keypoints 1.0 file'),
            (lambda c: c['annotations'][0].pop('image_id'), 'not a COCO Key'),
        ],
    )
    def test_wrong_files(self, base, tmp_path, change, message):
        path = self.write(tmp_path / 'a.json', base, change)
        with pytest.raises(ValueError, match=message):
            from_cvat(path, base)

    def test_no_file_and_no_annotations(self, base, tmp_path):
        with pytest.raises(FileNotFoundError, match='no such file'):
            from_cvat(tmp_path / 'a.json', base)
        with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as file:
            file.writestr('a.xml', '')
        with pytest.raises(ValueError, match='holds 0 JSON files'):
            from_cvat(tmp_path / 'a.zip', base)


class TestLabelStudio:
    def test_config(self):
        root = ElementTree.fromstring(label_studio_config())
        assert root.tag == 'View'
        (image,) = root.findall('Image')
        assert image.get('value') == '$image'
        (points,) = root.findall('KeyPointLabels')
        labels = points.findall('Label')
        assert [e.get('value') for e in labels] == list(KEYPOINT_NAMES)
        assert [int(e.get('model_index')) for e in labels] == list(range(37))
        (boxes,) = root.findall('RectangleLabels')
        assert boxes.find('Label').get('value') == 'person'
        (choices,) = root.findall('Choices')
        assert choices.get('perRegion') == 'true'
        assert choices.get('whenTagName') == points.get('name')
        for tag in (points, boxes, choices):
            assert tag.get('toName') == image.get('name')

    def test_tasks(self, base):
        """As the format has it: percent, regions of declared controls."""
        base['annotations'][1]['quality'] = 0.3
        tasks = to_label_studio(base, 'http://here/')
        assert [len(t['predictions'][0]['result']) for t in tasks] == [
            2 * (1 + 11 + 2 + 1),  # box, points, two choices, a guess
            15,
            0,
        ]
        data, (prediction,) = tasks[0]['data'], tasks[0]['predictions']
        assert data['image'] == 'http://here/set/a.jpg'
        assert prediction['score'] == 0.3
        root = ElementTree.fromstring(label_studio_config())
        controls = {e.get('name'): e for e in root if e.get('toName')}
        identities = []
        for region in prediction['result']:
            control = controls[region['from_name']]
            assert region['type'] == control.tag.lower()
            assert region['to_name'] == 'image'
            assert (region['original_width'], region['original_height']) == (
                W,
                H,
            )
            value = region['value']
            assert all(0 <= value[k] <= 100 for k in ('x', 'y', 'width'))
            (label,) = value[region['type']]
            assert label in [e.get('value') for e in control]
            identities.append((region['id'], region['type']))
        assert len(set(identities)) == len(identities)
        box, nose = prediction['result'][0], prediction['result'][1]
        assert box['value']['x'] == pytest.approx(30 / W * 100)
        assert box['value']['height'] == pytest.approx(200 / H * 100)
        assert nose['parentID'] == box['id']
        assert nose['value']['x'] == pytest.approx(55 / W * 100)

    def test_image_without_a_size(self, base):
        """Label Studio's places are percent of it."""
        del base['images'][1]['width']
        with pytest.raises(ValueError, match='set/b.jpg has no width'):
            to_label_studio(base, '/data/')

    def write(self, path, base, change=lambda tasks: None, by=7):
        """The predictions of all tasks, accepted by somebody."""
        tasks = to_label_studio(base, '/data/')
        for i, task in enumerate(tasks):
            task['id'] = i
            result = task['predictions'][0]['result']
            task['annotations'] = [dict(result=result, completed_by=by)]
        change(tasks)
        path.write_text(json.dumps(tasks))
        return path

    def test_round_trip(self, base, tmp_path):
        path = self.write(tmp_path / 'a.json', base)
        after, counts = apply_corrections(base, from_label_studio(path, base))
        assert after['annotations'] == base['annotations']
        assert counts == dict(
            images=3, people=0, keypoints=0, added=0, removed=0
        )

    def test_what_people_do(self, base, tmp_path):
        def change(tasks):
            first = tasks[0]['annotations'][0]['result']
            nose = next(r for r in first if r['id'] == 'person-10-nose')
            nose['value']['x'] += 10 / W * 100
            # The guess is right; a point is added, without a parent; a point
            # and the whole second person are deleted; a box is widened.
            first[:] = [
                r
                for r in first
                if (r['id'], r['type']) != ('person-10-left_heel', 'choices')
                and r['id'] != 'person-10-neck'
                and not r['id'].startswith('person-11')
            ]
            eye = json.loads(json.dumps(nose))
            del eye['parentID']
            eye['id'] = 'sdf83x'
            eye['value'].update(x=40 / W * 100, keypointlabels=['left_eye'])
            first.append(eye)
            first[0]['value']['width'] = 60 / W * 100
            tasks[1]['annotations'] = [
                dict(result=[], was_cancelled=True, completed_by=7)
            ]
            box = json.loads(json.dumps(first[0]))
            box['id'] = 'new1'
            box['value'].update(x=200 / W * 100, width=100 / W * 100)
            hip = json.loads(json.dumps(nose))
            hip.update(id='new2', parentID='new1')
            hip['value'].update(x=250 / W * 100, keypointlabels=['hip'])
            tasks[2]['annotations'][0]['result'] = [box, hip]

        path = self.write(
            tmp_path / 'a.json', base, change, dict(id=3, email='ann@lab')
        )
        found = from_label_studio(path, base)
        after, counts = apply_corrections(base, found)
        assert [i['id'] for i in after['images']] == [1, 3]
        assert counts == dict(
            images=2, people=2, keypoints=5, added=1, removed=1
        )
        first, new = after['annotations']
        points = points_of(first)
        np.testing.assert_allclose(points[NOSE], (65, 15, 1))
        np.testing.assert_allclose(points[HEEL], (61.5, 190, 2))
        np.testing.assert_allclose(
            points[KEYPOINT_IDS['left_eye']], (40, 15, 2)
        )
        assert not points[KEYPOINT_IDS['neck']].any()
        assert first['bbox'] == [30, 10, 60, 200]
        assert first['area'] == 6000
        assert first['changed_by'] == ['ann@lab']
        assert set(first['changed_keypoints']) == {
            'nose',
            'left_heel',
            'left_eye',
            'neck',
        }
        assert new['id'] == 13 and new['image_id'] == 3
        assert new['num_keypoints'] == 1
        assert new['bbox'][:1] == [200]

    @pytest.mark.parametrize(
        'change, message',
        [
            (
                lambda r: r[1]['value'].update(keypointlabels=['paw']),
                "keypoint 'paw', one of SpineTrack's 37",
            ),
            (
                lambda r: r.append(
                    dict(r[1], parentID=None, value=dict(
                        x=99, y=99, keypointlabels=['nose'])),
                ),
                "nose outside of everybody's rectangle",
            ),
            (lambda r: r[0].pop('original_width'), 'not an export of Label'),
        ],
    )  # fmt: skip
    def test_wrong_files(self, base, tmp_path, change, message):
        path = self.write(
            tmp_path / 'a.json',
            base,
            lambda tasks: change(tasks[0]['annotations'][0]['result']),
        )
        with pytest.raises(ValueError, match=message):
            from_label_studio(path, base)
        path.write_text('{"a": 1}')
        with pytest.raises(ValueError, match='not an export of Label Studio'):
            from_label_studio(path, base)


class TestApply:
    def test_people_without_our_id_are_found_by_place(self, base):
        ours = base['annotations'][:2]
        theirs = [
            FoundPerson(None, points_with_guesses(ours[1]) + [3, 0, 0], None),
            FoundPerson(None, points_with_guesses(ours[0]) + [0, 500, 0], None),
        ]
        assert match_people(ours, theirs) == {0: 1}
        assert match_people(ours, []) == match_people([], theirs) == {}

    def test_a_copy_is_a_new_person(self, base):
        ours = base['annotations'][:1]
        same = FoundPerson(10, points_with_guesses(ours[0]), None)
        assert match_people(ours, [same, same]) == {0: 0}

    def test_rounding_is_no_change(self, base):
        ours = base['annotations'][0]
        points = points_of(ours) + [0.1, -0.1, 0]
        points[points[:, 2] == 0] = 0
        found = FoundPerson(10, points, [30.1, 10, 50, 199.9])
        assert correct(ours, found, 'me') == (ours, [])

    def test_a_box_follows_its_points(self, base):
        ours = base['annotations'][0]
        points = points_of(ours)
        points[KEYPOINT_IDS['left_wrist']] = 130, 60, 2
        after, names = correct(ours, FoundPerson(10, points, None), 'me')
        assert names == ['left_wrist']
        assert after['bbox'] == [30, 10, 100, 200]
        assert after['area'] == 10000

    def test_a_point_outside_of_its_box_is_no_change(self, base):
        ours = base['annotations'][0]
        ours['bbox'] = [30, 40, 50, 100]
        assert correct(ours, FoundPerson(10, points_of(ours), None), 'a') == (
            ours,
            [],
        )

    def test_an_added_person_without_a_point_is_nobody(self, base):
        found = {'set/b.jpg': [FoundPerson(None, np.zeros((37, 3)), None)]}
        after, counts = apply_corrections(base, found, 'me')
        assert after['annotations'] == []
        assert counts['added'] == 0 and counts['removed'] == 1

    def test_nobody_says_who(self, base):
        found = {'set/a.jpg': [FoundPerson(10, np.ones((37, 3)), None)]}
        with pytest.raises(ValueError, match='give --by NAME'):
            apply_corrections(base, found)


class TestMerge:
    def corrected(self, base, who, file_name='set/a.jpg', **changes):
        """One person's file: points of person 10, None for the person
        removed."""
        people = []
        for ours in base['annotations']:
            if ours['image_id'] != 1:
                continue
            points = points_of(ours).copy()
            points[points[:, 2] == 0] = 0
            if ours['id'] == 10 and changes.get('nobody'):
                continue
            if ours['id'] == 10:
                for name, point in changes.items():
                    points[KEYPOINT_IDS[name]] = point
            people.append(FoundPerson(ours['id'], points, None))
        return apply_corrections(base, {file_name: people}, who)[0]

    def test_several_people(self, base):
        a = self.corrected(base, 'ann', nose=(70, 15, 2), neck=(52, 40, 2))
        b = self.corrected(base, 'bob', hip=(51, 130, 2))
        merged, counts = merge_corrections(base, [a, b])
        assert counts == dict(
            people=1, keypoints=3, added=0, removed=0, conflicts=0
        )
        assert merged['images'] == base['images']
        first = merged['annotations'][0]
        points = points_of(first)
        assert points[NOSE].tolist() == [70, 15, 2]
        assert points[KEYPOINT_IDS['hip']].tolist() == [51, 130, 2]
        assert first['changed_by'] == ['ann', 'bob']
        assert first['changed_keypoints'] == dict(
            nose='ann', neck='ann', hip='bob'
        )
        assert merged['annotations'][1:] == base['annotations'][1:]

    def test_a_conflict(self, base):
        a = self.corrected(base, 'ann', nose=(70, 15, 2), neck=(52, 40, 2))
        b = self.corrected(base, 'bob', nose=(75, 15, 2), neck=(52, 40, 2))
        merged, counts = merge_corrections(base, [a, b])
        assert counts['conflicts'] == 1 and counts['keypoints'] == 2
        first = merged['annotations'][0]
        assert points_of(first)[NOSE].tolist() == [75, 15, 2]
        assert first['changed_keypoints']['nose'] == 'bob'

    def test_removed_and_added(self, base):
        gone = self.corrected(base, 'ann', nobody=True)
        merged, counts = merge_corrections(base, [gone])
        assert counts['removed'] == 1 and counts['conflicts'] == 0
        assert [p['id'] for p in merged['annotations']] == [11, 12]
        # Somebody else found this person worth correcting.
        kept = self.corrected(base, 'bob', nose=(70, 15, 2))
        merged, counts = merge_corrections(base, [gone, kept])
        assert counts['removed'] == 0 and counts['conflicts'] == 1
        new = {'set/c.jpg': [FoundPerson(None, points_of(person(0, 3)), None)]}
        files = [apply_corrections(base, new, who)[0] for who in ('a', 'b')]
        merged, counts = merge_corrections(base, files)
        assert counts['added'] == 2
        ids = [p['id'] for p in merged['annotations']]
        assert ids == [10, 11, 12, 13, 14]
        assert merged['annotations'][-1]['changed_by'] == ['b']

    def test_a_second_round_keeps_the_first(self, base):
        first, _ = merge_corrections(
            base, [self.corrected(base, 'ann', nose=(70, 15, 2))]
        )
        second, _ = merge_corrections(
            first, [self.corrected(first, 'bob', hip=(51, 130, 2))]
        )
        found = second['annotations'][0]
        assert found['changed_by'] == ['ann', 'bob']
        assert found['changed_keypoints'] == dict(nose='ann', hip='bob')


class TestTool:
    @pytest.fixture
    def command(self, monkeypatch, capsys):
        def call(*arguments):
            monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
            with pytest.raises(SystemExit) as end:
                runpy.run_path(str(TOOL), run_name='__main__')
            return end.value.code, capsys.readouterr().out

        return call

    def test_there_and_back(self, command, base, tmp_path):
        ann, out = tmp_path / 'base.json', tmp_path / 'cvat'
        base['annotations'][2]['quality'] = 0.1
        ann.write_text(json.dumps(base))
        export = 'export', 'cvat', ann, '--out', out, '--count', 1
        code, printed = command(*export)
        assert code == 0 and '1 image, 1 person' in printed
        line = (out / 'images.tsv').read_text()
        assert line == 'set/b.jpg\t0.900\tquality 0.10\n'
        assert 'images.tsv exists' in command(*export)[0]
        file = out / 'person_keypoints_default.json'
        content = json.loads(file.read_text())
        content['annotations'][0]['keypoints'][:3] = 1, 2, 2
        file.write_text(json.dumps(content))
        corrected = tmp_path / 'corrected.json'
        back = 'import', 'cvat', file, '--base', ann, '--out', corrected
        assert 'give --by NAME' in command(*back)[0]
        code, printed = command(*back, '--by', 'ann')
        assert code == 0
        assert '1 image; 1 person and 1 keypoint changed' in printed
        code, printed = command(
            'merge', ann, corrected, '--out', tmp_path / 'all.json'
        )
        assert code == 0 and '1 person and 1 keypoint changed' in printed
        merged = json.loads((tmp_path / 'all.json').read_text())
        assert len(merged['annotations']) == 3
        assert merged['annotations'][2]['changed_by'] == ['ann']

    def test_label_studio(self, command, base, tmp_path):
        ann, out = tmp_path / 'base.json', tmp_path / 'ls'
        ann.write_text(json.dumps(base))
        code, _ = command('export', 'label-studio', ann, '--out', out)
        assert code == 0
        tasks = json.loads((out / 'tasks.json').read_text())
        assert [t['data']['image'] for t in tasks] == [
            '/data/local-files/?d=set/a.jpg',
            '/data/local-files/?d=set/b.jpg',
        ]
        for task in tasks:
            task['annotations'] = []
        (out / 'tasks.json').write_text(json.dumps(tasks))
        code, _ = command(
            'import', 'label-studio', out / 'tasks.json', '--base', ann,
            '--out', tmp_path / 'a.json',
        )  # fmt: skip
        assert 'contains no finished image' in code

    def test_wrong_input(self, command, base, tmp_path):
        ann = tmp_path / 'base.json'
        ann.write_text(json.dumps(base))
        export = 'export', 'cvat', ann, '--out', tmp_path / 'a'
        assert '--count is 0' in command(*export, '--count', 0)[0]
        base['annotations'] = []
        ann.write_text(json.dumps(base))
        assert 'contains no people' in command(*export)[0]
        base['categories'][0]['keypoints'] = ['a'] * 17
        ann.write_text(json.dumps(base))
        assert 'has 17 keypoints (a to a)' in command(*export)[0]
