_base_ = ['./_base_/pose-detection_simcc.py']

onnx_config = dict(dynamic_axes=None)
backend_config = dict(type='ncnn', precision='FP32', use_vulkan=False)
