from .frozen_teacher import FrozenTeacher
from .spinepose_distiller import SpinePoseDistiller, plain_model_config

__all__ = ['FrozenTeacher', 'SpinePoseDistiller', 'plain_model_config']
