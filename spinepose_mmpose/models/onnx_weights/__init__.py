"""Weights of an RTMPose from an ONNX file (needs onnx and onnxruntime)."""

from .convert import TOLERANCE, Converted, convert_onnx

__all__ = ['Converted', 'TOLERANCE', 'convert_onnx']
