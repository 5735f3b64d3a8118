"""``python -m spinepose_mmpose``: the same as ``spinepose-mmpose``."""

from .inference.cli import main

if __name__ == '__main__':
    main()
