"""The annotation files and image folders of a data set."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import List, Optional

PREFIX = 'person_keypoints_'


@dataclass(frozen=True)
class DataSet:
    """One annotation file with its images.

    Attributes:
        name: the split, as the reports call it.
        ann_file: COCO-format JSON.
        image_dir: folder that the file names are relative to, or None.
    """

    name: str
    ann_file: Path
    image_dir: Optional[Path] = None

    @property
    def is_validation(self) -> bool:
        return 'val' in self.name or 'test' in self.name

    def load(self) -> 'Content':
        """
        Raises:
            FileNotFoundError, ValueError: if it is no COCO-format file.
        """
        if not self.ann_file.is_file():
            raise FileNotFoundError(f'no such annotation file: {self.ann_file}')
        with open(self.ann_file, encoding='utf-8') as file:
            try:
                content = json.load(file)
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise ValueError(
                    f'{self.ann_file} is no complete JSON, it may be cut off: '
                    f'{error}'
                ) from None
        for key in ('images', 'annotations'):
            if not isinstance(content, dict) or not isinstance(
                content.get(key), list
            ):
                raise ValueError(
                    f'{self.ann_file} has no list {key!r}, COCO annotations '
                    'expected'
                )
            odd = [e for e in content[key] if not isinstance(e, dict)]
            if odd:
                raise ValueError(
                    f'{self.ann_file}: an entry of {key!r} is {odd[0]!r}, '
                    'expected an object'
                )
        return Content(self, content)


class Content:
    """A loaded file."""

    def __init__(self, source: DataSet, raw: dict):
        self.source, self.raw = source, raw
        self.name = source.name
        self.images: List[dict] = raw['images']
        self.annotations: List[dict] = raw['annotations']

    @cached_property
    def image_rows(self) -> dict:
        """Row by id; of several the last."""
        return {key_of(e.get('id')): i for i, e in enumerate(self.images)}

    @cached_property
    def rows_of_people(self) -> List[Optional[int]]:
        """The image's row of each annotation, None where there is none."""
        rows = self.image_rows
        return [rows.get(key_of(a.get('image_id'))) for a in self.annotations]

    def path_of(self, image: dict) -> Optional[Path]:
        name = image.get('file_name')
        if self.source.image_dir is None or not isinstance(name, str):
            return None
        return self.source.image_dir / name


def key_of(value):
    """Ids that cannot be looked up (a list) are nobody's."""
    return value if isinstance(value, (int, str, float)) else None


def find_sets(root) -> List[DataSet]:
    """Of a folder in SpineTrack's layout.

    Raises:
        FileNotFoundError: if it holds no annotation files.
    """
    root = Path(root).expanduser()
    files = sorted((root / 'annotations').glob(f'{PREFIX}*.json'))
    if not files:
        raise FileNotFoundError(
            f'{root} holds no annotations/{PREFIX}*.json: the folder that '
            'holds annotations/ and images/ expected (docs/data.md), or give '
            'files by --ann and --images'
        )
    return [
        DataSet(
            file.stem[len(PREFIX) :],
            file,
            root / 'images' / file.stem[len(PREFIX) :],
        )
        for file in files
    ]
