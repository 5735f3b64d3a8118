from .head_extension_hook import HeadExtensionHook
from .memory_format_hook import MemoryFormatHook
from .resume_hook import ResumeHook
from .sample_seed_hook import SampleSeedHook

__all__ = [
    'HeadExtensionHook',
    'MemoryFormatHook',
    'ResumeHook',
    'SampleSeedHook',
]
