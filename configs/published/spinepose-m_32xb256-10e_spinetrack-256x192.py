_base_ = ['../spinepose-m.py']
