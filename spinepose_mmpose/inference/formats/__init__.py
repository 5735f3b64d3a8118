from .boxes import BoxFile
from .csv_table import read_csv, write_csv
from .header import Header
from .json_lines import read_json_lines, write_json_lines
from .openpose import (
    LAYOUTS,
    frame_file,
    frame_files,
    read_openpose,
    write_openpose,
)
from .rounding import rounded_result
from .trc import read_trc, trc_path, write_trc

# What --save-format takes -> the extension of its files.
FORMATS = {
    'openpose': '.json',
    'json': '.jsonl',
    'csv': '.csv',
    'trc': '.trc',
}

__all__ = [
    'FORMATS',
    'LAYOUTS',
    'BoxFile',
    'Header',
    'frame_file',
    'frame_files',
    'read_csv',
    'read_json_lines',
    'read_openpose',
    'read_trc',
    'rounded_result',
    'trc_path',
    'write_csv',
    'write_json_lines',
    'write_openpose',
    'write_trc',
]
