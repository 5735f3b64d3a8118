"""Files of CVAT and Label Studio, there and back.

CVAT: COCO Keypoints 1.0 with our skeleton (https://docs.cvat.ai/docs/
dataset_management/formats/format-coco-keypoints). A point without a label is an
"outside" point there, at its guess or where the template has it. Our id of a
person travels in the attribute ``spinepose_id``.

Label Studio: tasks with pre-annotations (https://labelstud.io/guide/
predictions), RectangleLabels and KeyPointLabels. A keypoint's ``parentID`` is
its person's rectangle, and a choice per region says that it is occluded, or a
guess that is not used.
"""

import contextlib
import json
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional
from urllib.parse import quote

import numpy as np

from ..metainfo import (
    KEYPOINT_COLORS,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    NUM_KEYPOINTS,
    SKELETON,
    STANDING,
)
from .convert import labels_of, points_with_guesses, spinetrack_file

PERSON_COLOR = '#c06060'


class FoundPerson(NamedTuple):
    """A person as an annotation tool gives it."""

    id: Optional[object]  # of our annotation, None for a person who was added
    points: np.ndarray  # 37, 3: unlabelled ones 0, 0, 0
    bbox: Optional[List[float]]  # x, y, w, h; None where the tool has none
    who: str = ''  # who corrected it, '' if the file does not say


# File name -> its people.
Found = Dict[str, List[FoundPerson]]


@contextlib.contextmanager
def reading(path, kind: str) -> Iterator:
    """The content of a JSON file, or of the one in an archive; that it is not
    of this kind becomes one sentence."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'no such file: {path}')
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                names = [n for n in archive.namelist() if n.endswith('.json')]
                if len(names) != 1:
                    raise ValueError(
                        f'{path} holds {len(names)} JSON files, one expected: '
                        'export the task as COCO Keypoints 1.0'
                    )
                content = archive.read(names[0])
        else:
            content = Path(path).read_bytes()
        yield json.loads(content)
    except (LookupError, TypeError, AttributeError, UnicodeError) as error:
        raise ValueError(
            f'{path} is not {kind}: {type(error).__name__} {error}'
        ) from error


def own_name(name: str, base: dict, path) -> str:
    """The file name that we gave; the tool may know the last part alone."""
    names = [image['file_name'] for image in base['images']]
    if name in names:
        return name
    same = [n for n in names if Path(n).name == Path(name).name]
    if len(same) != 1:
        raise ValueError(
            f'{path} has the image {name!r}, of which the annotations that '
            f'were exported have {len(same) or "none"}'
        )
    return same[0]


def own_id(text, base: dict):
    ids = {str(person['id']): person['id'] for person in base['annotations']}
    return ids.get(str(text))


def hex_color(color: tuple) -> str:
    """As both tools write colours."""
    return '#{:02x}{:02x}{:02x}'.format(*color)


# --- CVAT ---------------------------------------------------------------------

ID = 'spinepose_id'
# Where the skeleton's points lie before somebody moves them, in percent of its
# box.
TEMPLATE = {
    name: (round(50 + 100 * x, 1), round(2 + 97 * y, 1))
    for name, (x, y) in STANDING.items()
}


def cvat_labels() -> list:
    """The label with its skeleton, for CVAT's raw label editor."""
    lines = [
        '<line x1="{}" y1="{}" x2="{}" y2="{}" data-type="edge" '
        'data-node-from="{}" data-node-to="{}"></line>'.format(
            *TEMPLATE[start],
            *TEMPLATE[end],
            KEYPOINT_IDS[start] + 1,
            KEYPOINT_IDS[end] + 1,
        )
        for (start, end), _ in SKELETON
    ]
    circles = [
        '<circle r="0.75" cx="{}" cy="{}" data-type="element node" '
        'data-element-id="{}" data-node-id="{}" data-label-name="{}">'
        '</circle>'.format(*TEMPLATE[name], i, i, name)
        for i, name in enumerate(KEYPOINT_NAMES, 1)
    ]
    attribute = dict(name=ID, input_type='text', mutable=False)
    attribute.update(default_value='', values=[''])
    points = [
        dict(name=n, type='points', color=hex_color(color), attributes=[])
        for n, color in zip(KEYPOINT_NAMES, KEYPOINT_COLORS)
    ]
    label = dict(name='person', color=PERSON_COLOR, type='skeleton')
    label.update(attributes=[attribute], sublabels=points)
    return [dict(label, svg=''.join(lines + circles))]


def to_cvat(dataset: dict) -> dict:
    """COCO Keypoints 1.0 as CVAT imports it, from SpineTrack's layout."""
    annotations = []
    template = np.array([TEMPLATE[n] for n in KEYPOINT_NAMES]) / 100
    for person in dataset['annotations']:
        points = points_with_guesses(person)
        nowhere = ~points.any(axis=1)
        points[nowhere, :2] = (
            template[nowhere] * person['bbox'][2:] + person['bbox'][:2]
        )
        kept = {k: person[k] for k in ('id', 'image_id', 'bbox', 'area')}
        kept.update(category_id=1, iscrowd=0, segmentation=[])
        attributes = {ID: str(person['id']), 'occluded': False}
        annotations.append(
            {**kept, **labels_of(points), 'attributes': attributes}
        )
    images = [
        dict(image, license=0, flickr_url='', coco_url='', date_captured=0)
        for image in dataset['images']
    ]
    content = spinetrack_file(images, annotations, {})
    # CVAT takes a supercategory for the skeleton that a point belongs to.
    category = dict(content['categories'][0], supercategory='')
    return dict(content, categories=[category])


def from_cvat(path, base: dict) -> Found:
    """The people of a COCO Keypoints 1.0 file, or of the archive that CVAT
    gives; ``base`` is the file that was exported. ValueError if it is no such
    file, has another skeleton, or an image that was not exported."""
    with reading(path, 'a COCO Keypoints 1.0 file') as content:
        orders = {
            category['id']: _order(category.get('keypoints', ()), path)
            for category in content['categories']
            if category.get('keypoints')
        }
        names = {
            image['id']: own_name(image['file_name'], base, path)
            for image in content['images']
        }
        found: Found = {name: [] for name in names.values()}
        for person in content['annotations']:
            order = orders[person['category_id']]
            if len(person['keypoints']) != 3 * NUM_KEYPOINTS:
                raise ValueError(
                    f'{path}: annotation {person["id"]} has '
                    f'{len(person["keypoints"]) / 3:g} keypoints, '
                    f'{NUM_KEYPOINTS} expected'
                )
            points = np.reshape(person['keypoints'], (-1, 3))[order]
            points = np.where(points[:, 2:] > 0, points, 0).astype(float)
            identity = own_id(person.get('attributes', {}).get(ID), base)
            # CVAT's skeletons have no box of their own.
            found[names[person['image_id']]].append(
                FoundPerson(identity, points, None)
            )
    return found


def _order(names: list, path) -> list:
    """Where each of SpineTrack's keypoints stands among these."""
    missing = [name for name in KEYPOINT_NAMES if name not in names]
    if missing or len(names) != NUM_KEYPOINTS:
        detail = f', without {", ".join(missing)}' if missing else ''
        raise ValueError(
            f'{path} has a skeleton of {len(names)} keypoints{detail}: '
            f"SpineTrack's {NUM_KEYPOINTS} expected"
        )
    return [names.index(name) for name in KEYPOINT_NAMES]


# --- Label Studio -------------------------------------------------------------

# Visibility of COCO -> the choice of Label Studio; 2 has none.
CHOICES = {1: 'occluded', 0: 'not used'}


def label_studio_config() -> str:
    """The labelling interface as XML."""
    labels = '\n'.join(
        f'    <Label value="{name}" background="{hex_color(color)}" '
        f'model_index="{i}"/>'
        for i, (name, color) in enumerate(zip(KEYPOINT_NAMES, KEYPOINT_COLORS))
    )
    choices = '\n'.join(
        f'    <Choice value="{value}"/>' for value in CHOICES.values()
    )
    return f"""<View>
  <Image name="image" value="$image" zoom="true" zoomControl="true"/>
  <RectangleLabels name="person" toName="image">
    <Label value="person" background="{PERSON_COLOR}"/>
  </RectangleLabels>
  <KeyPointLabels name="keypoint" toName="image" strokeWidth="3">
{labels}
  </KeyPointLabels>
  <Choices name="state" toName="image" perRegion="true"
           whenTagName="keypoint" choice="single">
{choices}
  </Choices>
</View>
"""


def to_label_studio(dataset: dict, address: str) -> list:
    """Tasks with pre-annotations; Label Studio finds an image at the address
    with the file name behind it."""
    people = defaultdict(list)
    for person in dataset['annotations']:
        people[person['image_id']].append(person)
    tasks = []
    for image in dataset['images']:
        of_image, name = people[image['id']], image['file_name']
        if not {'width', 'height'} <= set(image):
            raise ValueError(f'the image {name} has no width or no height')
        regions = [r for p in of_image for r in _regions(p, image)]
        scores = [p['quality'] for p in of_image if 'quality' in p]
        prediction = dict(model_version='spinepose-mmpose', result=regions)
        if scores:
            prediction['score'] = min(scores)
        data = dict(image=address + quote(name), file_name=name)
        tasks.append(dict(data=data, predictions=[prediction]))
    return tasks


def _regions(person: dict, image: dict) -> list:
    """The rectangle and the keypoints of a person, in percent."""
    size = np.array([image['width'], image['height']])

    shared = dict(to_name='image', image_rotation=0)
    shared['original_width'], shared['original_height'] = size.tolist()

    def region(kind, name, identity, value, **more):
        own = dict(id=identity, type=kind, from_name=name, value=value)
        return {**own, **shared, **more}

    rectangle = f'person-{person["id"]}'
    x, y, w, h = (np.reshape(person['bbox'], (2, 2)) / size * 100).ravel()
    box = dict(x=x, y=y, width=w, height=h, rotation=0)
    box['rectanglelabels'] = ['person']
    regions = [region('rectanglelabels', 'person', rectangle, box)]
    for name, point in zip(KEYPOINT_NAMES, points_with_guesses(person)):
        if not point.any():
            continue
        x, y = (point[:2] / size * 100).clip(0, 100)
        place = dict(x=x, y=y, width=0.5)
        label = dict(place, keypointlabels=[name])
        owner, identity = dict(parentID=rectangle), f'{rectangle}-{name}'
        kind = 'keypointlabels', 'keypoint'
        regions.append(region(*kind, identity, label, **owner))
        if point[2] in CHOICES:
            choice = dict(place, choices=[CHOICES[point[2]]])
            regions.append(region('choices', 'state', identity, choice))
    return regions


def from_label_studio(path, base: dict) -> Found:
    """The people of a file that Label Studio exported as JSON; ``base`` is the
    file that was exported to it.

    Of several annotations of a task the last one counts that was not
    cancelled; tasks without one are left out. ValueError if it is no such
    file, has another skeleton, a keypoint of nobody, or an unknown image.
    """
    found = {}
    with reading(path, 'an export of Label Studio in JSON') as tasks:
        for task in tasks:
            done = [
                a for a in task['annotations'] if not a.get('was_cancelled')
            ]
            if not done:
                continue
            data = task['data']
            name = own_name(data.get('file_name', data['image']), base, path)
            who = done[-1].get('completed_by', '')
            if isinstance(who, dict):
                who = who.get('email', who.get('id', ''))
            found[name] = _people(done[-1]['result'], str(who), base, name)
    return found


def _people(result: list, who: str, base: dict, place: str) -> list:
    """From the regions of one annotation."""
    boxes, points, choices = {}, {}, {}
    for region in result:
        kind, value = region['type'], region.get('value', {})
        if kind == 'choices':
            choices[region['id']] = value['choices'][0]
        elif kind == 'rectanglelabels':
            boxes[region['id']] = _pixels(region, 'x', 'y', 'width', 'height')
            points[region['id']] = np.zeros((NUM_KEYPOINTS, 3))
    states = {text: visibility for visibility, text in CHOICES.items()}
    for region in result:
        if region['type'] != 'keypointlabels':
            continue
        (name,) = region['value']['keypointlabels']
        if name not in KEYPOINT_IDS:
            raise ValueError(
                f'{place} has the keypoint {name!r}, one of '
                f"SpineTrack's {NUM_KEYPOINTS} expected"
            )
        px, py = _pixels(region, 'x', 'y')
        owner = region.get('parentID')
        if owner not in boxes:  # somebody added the point
            around = [
                (w * h, key)
                for key, (x, y, w, h) in boxes.items()
                if x <= px <= x + w and y <= py <= y + h
            ]
            if not around:
                raise ValueError(
                    f"{place} has a {name} outside of everybody's rectangle"
                )
            owner = min(around)[1]
        visibility = states.get(choices.get(region['id']), 2)
        if visibility:
            points[owner][KEYPOINT_IDS[name]] = px, py, visibility
    return [
        FoundPerson(
            own_id(key.removeprefix('person-'), base), points[key], box, who
        )
        for key, box in boxes.items()
    ]


def _pixels(region: dict, *keys) -> list:
    """Percent to pixels; x and width by the width, the others by the
    height."""
    size = region['original_width'], region['original_height']
    return [
        region['value'][key] / 100 * size[key in ('y', 'height')]
        for key in keys
    ]
