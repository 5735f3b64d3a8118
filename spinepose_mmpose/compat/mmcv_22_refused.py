"""mmdet asserts mmcv < 2.2.0 on import, although it runs with it."""

from .import_hooks import after_import, is_installed

VERSIONS = 'mmdet 3.3.0 with mmcv or mmcv-lite 2.2.x'
REMOVE_WHEN = 'mmdet accepts mmcv 2.2'
BEFORE = ('mmdet',)
ACCEPTED = '2.1.0'


def probe() -> str | None:
    if not (is_installed('mmdet') and is_installed('mmcv')):
        return None
    from importlib import metadata

    import mmcv

    if not mmcv.__version__.startswith('2.2.'):
        return None
    if metadata.version('mmdet') != '3.3.0':
        return None
    return (
        f'AssertionError: MMCV=={mmcv.__version__} is used but '
        'incompatible. Please install mmcv>=2.0.0rc4, <2.2.0.'
    )


def apply() -> None:
    import mmcv

    true_version = mmcv.__version__
    mmcv.__version__ = ACCEPTED

    def restore() -> None:
        mmcv.__version__ = true_version

    after_import('mmdet', restore)
