"""Label Studio's files, there and back: tasks with pre-annotations.

The format: https://labelstud.io/guide/predictions, RectangleLabels and
KeyPointLabels. A keypoint's ``parentID`` is its person's rectangle, and a
choice per region says that it is occluded, or a guess that is not used.
"""

from collections import defaultdict
from urllib.parse import quote

import numpy as np

from ..metainfo import (
    KEYPOINT_COLORS,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    NUM_KEYPOINTS,
)
from .annotation_tools import (
    PERSON_COLOR,
    Found,
    FoundPerson,
    hex_color,
    own_id,
    own_name,
    points_with_guesses,
    reading,
)

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
    with reading(path, 'export of Label Studio in its JSON format') as tasks:
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
