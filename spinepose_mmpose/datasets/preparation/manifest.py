"""What was unpacked: ``prepared.json`` in the data set's folder."""

import json
from pathlib import Path
from typing import Dict, List, Optional

from ...utils import write_text
from .extraction import crc_of, file_sizes

NAME = 'prepared.json'


class Manifest:
    """Size and CRC-32 of every file by split, and where it came from.

    ``parts[part]['splits'][split]`` is ``{relative path: [size, crc]}``.
    """

    def __init__(self, root):
        self.root = Path(root)
        self.path = self.root / NAME
        self.parts: Dict[str, dict] = {}
        try:
            content = json.loads(self.path.read_text(encoding='utf-8'))
            self.parts = dict(content['parts'])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            # Without it, or with a damaged one, the archive tells it anew.
            self.parts = {}

    def knows(self, part: str, split: str) -> bool:
        return split in self.parts.get(part, {}).get('splits', {})

    def crc(self, part: str, split: str, path: str) -> Optional[int]:
        """The recorded CRC-32 of a file, None where nothing is recorded."""
        splits = self.parts.get(part, {}).get('splits', {})
        return splits.get(split, {}).get(path, (None, None))[1]

    def set(self, part: str, source: str, sha256: str, splits: dict) -> None:
        """Replace what is known of ``splits`` and write the file."""
        entry = self.parts.get(part)
        if entry is None or entry['sha256'] != sha256:
            entry = dict(splits={})  # of another archive nothing is known
        entry.update(source=source, sha256=sha256)
        entry['splits'].update(splits)
        self.parts[part] = entry
        write_text(
            str(self.path),
            json.dumps(dict(format=1, parts=self.parts), indent=0),
        )

    def faults(
        self, part: str, split: str, contents: bool = False
    ) -> List[str]:
        """Relative paths of files that are absent or not what was unpacked.

        Args:
            contents: read the files and compare their CRC-32 too.
        """
        files = self.parts[part]['splits'][split]
        folders = {path.split('/')[0] for path in files}
        sizes = {
            f'{folder}/{name}': size
            for folder in folders
            for name, size in file_sizes(self.root / folder).items()
        }
        return [
            path
            for path, (size, crc) in files.items()
            if sizes.get(path) != size
            or (contents and crc_of(self.root / path) != crc)
        ]
