"""CVAT's files, there and back: COCO Keypoints 1.0 with our skeleton.

The format: https://docs.cvat.ai/docs/dataset_management/formats/
format-coco-keypoints. A point without a label is an "outside" point there, at
its guess or where the template has it. Our id of a person travels in the
attribute ``spinepose_id``.
"""

import numpy as np

from ..metainfo import (
    KEYPOINT_COLORS,
    KEYPOINT_IDS,
    KEYPOINT_NAMES,
    NUM_KEYPOINTS,
    SKELETON,
    STANDING,
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
from .pseudo_label import spinetrack_file

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
        annotations.append(
            dict(
                id=person['id'],
                image_id=person['image_id'],
                category_id=1,
                iscrowd=0,
                segmentation=[],
                bbox=person['bbox'],
                area=person['area'],
                num_keypoints=int((points[:, 2] > 0).sum()),
                keypoints=points.ravel().tolist(),
                attributes={ID: str(person['id']), 'occluded': False},
            )
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
    with reading(path, 'file of COCO Keypoints 1.0') as content:
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
