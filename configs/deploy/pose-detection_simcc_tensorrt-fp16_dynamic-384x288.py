_base_ = ['./pose-detection_simcc_tensorrt_dynamic-384x288.py']

backend_config = dict(common_config=dict(fp16_mode=True))
