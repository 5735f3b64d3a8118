"""``python -m spinepose_mmpose``: the same as ``spinepose-mmpose``."""

from .apis.cli.main import main

if __name__ == '__main__':
    main()
