"""Small SpineTrack archives."""

import io
import json
import random
import zipfile
from pathlib import Path

from spinepose_mmpose.datasets.download import SPLITS


def image_bytes(name: str) -> bytes:
    """No image, but as incompressible as one."""
    return random.Random(name).randbytes(3000)


def annotation_text(split: str, names) -> str:
    return json.dumps(
        dict(
            images=[dict(id=i, file_name=name) for i, name in enumerate(names)],
            annotations=[dict(id=i, image_id=i) for i in range(len(names))],
            info=dict(split=split),
        )
    )


def image_names(split: str):
    return [f'{split}-{i}.jpg' for i in range(4)]


def make_zip(entries, compression=zipfile.ZIP_DEFLATED) -> bytes:
    """``entries``: (name or ZipInfo, content)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def annotations_zip(prefix='annotations/', **replace) -> bytes:
    return make_zip(
        (
            f'{prefix}person_keypoints_{split}.json',
            replace.get(split, annotation_text(split, image_names(split))),
        )
        for split in SPLITS
    )


def images_zip(prefix='images/') -> bytes:
    entries = [(f'{prefix}{split}/', b'') for split in SPLITS]
    entries += [('__MACOSX/images/val2017/._a.jpg', b'x'), ('README.md', b'x')]
    entries += [
        (f'{prefix}{split}/{name}', image_bytes(name))
        for split in SPLITS
        for name in image_names(split)
    ]
    return make_zip(entries, zipfile.ZIP_STORED)


def tree(root) -> dict:
    """Content by relative path, hidden files too."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(Path(root).rglob('*'))
        if path.is_file()
    }


def expected_files() -> dict:
    files = {}
    for split in SPLITS:
        files[f'annotations/person_keypoints_{split}.json'] = annotation_text(
            split, image_names(split)
        ).encode()
        for name in image_names(split):
            files[f'images/{split}/{name}'] = image_bytes(name)
    return files
