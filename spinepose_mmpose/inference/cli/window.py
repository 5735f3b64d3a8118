"""A window, opened only when it was asked for."""

import os
import sys

import cv2
import numpy as np

TITLE = 'spinepose-mmpose'
LARGEST = 1280  # pixels of the longer side


def check_window() -> None:
    """Make sure that a window can be opened.

    Raises:
        ValueError: there is no display, or this OpenCV draws no windows.
    """
    on_unix = sys.platform not in ('win32', 'darwin')
    if on_unix and not (
        os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    ):
        raise ValueError(
            '--show needs a display, and this machine has none: leave it out '
            'and write the drawing with -o'
        )
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
    except cv2.error as error:
        raise ValueError(
            '--show needs an OpenCV with windows: pip install opencv-python in '
            'place of opencv-python-headless, or leave it out and write the '
            'drawing with -o'
        ) from error


def show(picture: np.ndarray, wait: bool = False) -> bool:
    """Show a picture; True if the user pressed q or Escape.

    Args:
        wait: until a key is pressed.
    """
    h, w = picture.shape[:2]
    scale = LARGEST / max(h, w)
    if scale < 1:
        size = (max(1, int(w * scale)), max(1, int(h * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cv2.imshow(TITLE, picture)
    return (cv2.waitKey(0 if wait else 1) & 0xFF) in (ord('q'), 27)
