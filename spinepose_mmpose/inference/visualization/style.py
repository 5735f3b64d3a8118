"""What is drawn, and how large."""

from dataclasses import dataclass

BACKGROUNDS = ('image', 'black', 'white')

# In body sizes (longer side of the pose).
LINE = 0.011
# So that lines stay visible when a large picture is shown small; in the
# longer side of the image.
LEAST_LINE = 1 / 900
# No line is wider than this share of the person: limbs stay apart.
WIDEST_LINE = 0.03
TEXT = 0.032
LEAST_TEXT = 1 / 85
WIDEST_TEXT = 0.1
# Below it nobody can read; pixels.
READABLE = 7.0


@dataclass(frozen=True)
class DrawStyle:
    """Settings of the drawing.

    Attributes:
        labels: names of the vertebrae beside the spine, where they fit.
        ids: the track id above each person.
        boxes: the box of each person.
        score_threshold: keypoints below it are left out.
        background: 'image', or 'black' or 'white' instead of it.
        scale: factor of all line widths and letters.

    Raises:
        ValueError: a setting is out of its range.
    """

    labels: bool = False
    ids: bool = True
    boxes: bool = False
    score_threshold: float = 0.3
    background: str = 'image'
    scale: float = 1.0

    def __post_init__(self):
        if self.background not in BACKGROUNDS:
            raise ValueError(
                f'background should be one of {list(BACKGROUNDS)}, but is '
                f'{self.background!r}'
            )
        if not 0 < self.scale <= 20:
            raise ValueError(
                f'scale should be above 0 and at most 20, but is {self.scale}'
            )

    def line_width(self, person: float, image: float) -> float:
        """Pixels, for the longer sides of a person and of the image."""
        width = max(LINE * person, LEAST_LINE * image)
        return self.scale * max(min(width, WIDEST_LINE * person), 0.8)

    def text_height(self, person: float, image: float) -> float:
        """Pixels of a capital letter."""
        height = max(TEXT * person, LEAST_TEXT * image)
        return self.scale * max(min(height, WIDEST_TEXT * person), READABLE)
