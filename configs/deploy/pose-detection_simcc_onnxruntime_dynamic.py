_base_ = ['./_base_/pose-detection_simcc.py']

backend_config = dict(type='onnxruntime')
