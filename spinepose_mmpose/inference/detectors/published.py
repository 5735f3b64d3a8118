"""The published person detectors: where they are, and how they get here."""

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ...model_zoo import DownloadError, cache_dir, fetch
from ...utils import replaced
from ..model_files import EXPORTED

_SDK = 'https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk/'


@dataclass(frozen=True)
class PublishedDetector:
    """A detector that OpenMMLab publishes with RTMPose, Apache-2.0.

    Attributes:
        name: the short name.
        stem: of the published archive, which holds an ``end2end.onnx``.
    """

    name: str
    stem: str

    @property
    def url(self) -> str:
        return f'{_SDK}{self.stem}.zip'


PUBLISHED = {
    detector.name: detector
    for detector in (
        PublishedDetector(
            'rtmdet-nano', 'rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e'
        ),
        PublishedDetector(
            'rtmdet-m', 'rtmdet_m_8xb32-100e_coco-obj365-person-235e8209'
        ),
        PublishedDetector(
            'yolox-tiny', 'yolox_tiny_8xb8-300e_humanart-6f3252f9'
        ),
        PublishedDetector('yolox-m', 'yolox_m_8xb8-300e_humanart-c2c7a14a'),
        PublishedDetector('yolox-x', 'yolox_x_8xb8-300e_humanart-a39d44ed'),
    )
}


def detector_file(name: str, progress: bool = True) -> Path:
    """The ONNX file of a published detector, downloaded if need be.

    Raises:
        DownloadError: it cannot be had; it says where to get it, where to put
            it, and what else helps.
    """
    detector = PUBLISHED[name]
    path = cache_dir() / f'{detector.stem}.onnx'
    if path.is_file():
        return path
    try:
        archive = fetch(
            [detector.url],
            cache_dir() / f'{detector.stem}.zip',
            progress=progress,
        )
    except DownloadError as error:
        raise DownloadError(
            f'the person detector {name} is not here: {error}; or name a '
            'detector file of your own, or give the boxes, or do without a '
            'detector (one person fills the image)',
            local=error.local,
        ) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    _unpack(archive, path)
    return path


def _unpack(archive: Path, target: Path) -> None:
    """The network of an archive, complete or not at all."""
    try:
        with zipfile.ZipFile(archive) as files:
            members = [n for n in files.namelist() if Path(n).name == EXPORTED]
            if not members:
                raise ValueError(f'{archive} holds no {EXPORTED}')
            with (
                replaced(str(target)) as temporary,
                files.open(members[0]) as source,
                open(temporary, 'wb') as file,
            ):
                shutil.copyfileobj(source, file)
    except zipfile.BadZipFile as error:
        raise ValueError(
            f'{archive} is no complete archive ({error}): delete it to have '
            'it downloaded again'
        ) from error
