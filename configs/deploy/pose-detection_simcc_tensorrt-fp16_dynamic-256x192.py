_base_ = ['./pose-detection_simcc_tensorrt_dynamic-256x192.py']

backend_config = dict(common_config=dict(fp16_mode=True))
