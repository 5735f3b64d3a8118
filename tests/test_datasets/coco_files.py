"""A small SpineTrack on disk, made for a test."""

import json

import cv2
import numpy as np

WIDTH, HEIGHT = 60, 40
NUM_KEYPOINTS = 37


def person(id, image_id, /, **changes):
    """An annotation whose numbers are known: keypoint i lies at
    (10 + i, 5 + i / 2), every third one is unlabelled."""
    keypoints = []
    for i in range(NUM_KEYPOINTS):
        v = (2, 1, 0)[i % 3]
        keypoints += [10 + i, 5 + i / 2, v] if v else [0, 0, 0]
    entry = dict(
        id=id,
        image_id=image_id,
        category_id=1,
        bbox=[8, 4, 42, 30],
        area=700.0,
        iscrowd=0,
        num_keypoints=25,
        keypoints=keypoints,
    )
    entry.update(changes)
    return {k: v for k, v in entry.items() if v is not ...}


def image(id, /, **changes):
    entry = dict(id=id, file_name=f'{id}.jpg', width=WIDTH, height=HEIGHT)
    entry.update(changes)
    return {k: v for k, v in entry.items() if v is not ...}


class Files:
    """``root/annotations/people.json`` and ``root/images/train/<id>.jpg``."""

    def __init__(self, root):
        self.root = root
        self.ann_file = root / 'annotations' / 'people.json'
        self.folder = root / 'images' / 'train'
        self.ann_file.parent.mkdir(parents=True)
        self.folder.mkdir(parents=True)

    def write(self, people, images=None, with_files=True, **others):
        images = images or [
            image(i) for i in sorted({p['image_id'] for p in people})
        ]
        content = dict(
            images=images,
            annotations=people,
            categories=[dict(id=1, name='person')],
        )
        content.update(others)
        content = {k: v for k, v in content.items() if v is not ...}
        self.ann_file.write_text(json.dumps(content))
        for entry in images if with_files else ():
            self.write_image(entry['file_name'])
        return self

    def write_image(self, name, content=None):
        path = self.folder / name
        path.write_bytes(jpeg() if content is None else content)
        return path

    def settings(self, **changes):
        """Arguments of the dataset."""
        return dict(
            dict(
                data_root=str(self.root),
                ann_file='annotations/people.json',
                data_prefix=dict(img='images/train/'),
            ),
            **changes,
        )


def jpeg(width=WIDTH, height=HEIGHT, quality=95):
    noise = np.random.default_rng(0).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )
    return cv2.imencode('.jpg', noise, [cv2.IMWRITE_JPEG_QUALITY, quality])[
        1
    ].tobytes()
