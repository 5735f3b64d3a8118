from .pose_data_preprocessor import SpinePoseDataPreprocessor

__all__ = ['SpinePoseDataPreprocessor']
