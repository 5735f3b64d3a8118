_base_ = ['./pose-detection_simcc_ncnn_static.py']

backend_config = dict(precision='FP16')
