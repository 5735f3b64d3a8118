from .frames import (
    WHOLE,
    Frame,
    Position,
    Source,
    SourceInfo,
    Span,
    parse_position,
)
from .reader import files_of, is_image, open_source
from .segments import SegmentedWriter
from .writer import VideoWriter, video_extensions

__all__ = [
    'WHOLE',
    'Frame',
    'Position',
    'SegmentedWriter',
    'Source',
    'SourceInfo',
    'Span',
    'VideoWriter',
    'files_of',
    'is_image',
    'open_source',
    'parse_position',
    'video_extensions',
]
