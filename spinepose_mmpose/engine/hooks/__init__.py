from .head_extension_hook import HeadExtensionHook
from .resume_hook import ResumeHook
from .sample_seed_hook import SampleSeedHook

__all__ = ['HeadExtensionHook', 'ResumeHook', 'SampleSeedHook']
